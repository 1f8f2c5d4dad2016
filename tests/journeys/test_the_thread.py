"""The whole thread through HTTP: from the public page to the statement.

The story begins on 2 March 2026 and ends in May; `world.later` moves everybody's clock,
so that each sale, gate and close happens at the moment at which it would.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.commissions.models import Commission
from portal.kit.postgres import EmbeddedPostgres
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.programs.models import Program
from portal.sales.models import Customer, Refund, Sale
from portal.statements.models import Statement
from tests.databases import MakeDatabase
from tests.journeys import files, steps
from tests.journeys.world import World, opened

OWNER = "mina@hanbit.example"
BUYER = "bo@buyer.example"


def test_an_agency_earns_and_can_prove_every_cent(
    world: World,
    server: EmbeddedPostgres,
    new_database: MakeDatabase,
    tmp_path: Path,
) -> None:
    steps.apply(world, steps.AGENCY, OWNER, steps.AGENCY_ANSWERS)
    approve_undo_and_approve_again(world)
    owner = steps.join(world, OWNER, "Mina Park")
    page = steps.accept_agreement(owner)
    assert "The agreement is accepted." in page.text
    page = steps.pass_exam(world, owner)
    assert "passed" in page.text.lower(), page.text
    page = steps.pay_fee(world, owner)
    assert "Next payment" in page.text
    link = steps.copy_link(owner)
    world.later(days=1)
    visitor = steps.follow(world, link)
    assert visitor.cookie("visitor")
    before_the_sales = new_database(let_go(world))
    steps.check_out(world, visitor, "Bo Lindqvist", BUYER)

    world.travel_to(datetime(2026, 4, 3, 9, tzinfo=UTC))
    page = steps.close_month(world, steps.AGENCY, "2026-03")
    assert "1 statement was issued" in page.text, page.text
    world.travel_to(datetime(2026, 4, 10, 9, tzinfo=UTC))
    refund_the_latest_payment(world, 3_000)
    world.travel_to(datetime(2026, 5, 3, 9, tzinfo=UTC))
    steps.close_month(world, steps.AGENCY, "2026-04")
    world.later(hours=1)

    assert_every_line_says_why(world)
    assert_the_papers_agree_with_the_books(world)
    assert "invariants hold" in world.portal("verify")
    assert_the_mails_came(world)
    story = Story.of(world)
    events = exported(world, tmp_path / "events.jsonl")
    with opened(
        server,
        before_the_sales,
        start=world.now,
        stripe_sandbox_url=world.sandbox.store.base_url,
    ) as replayed:
        replayed.portal("events", "import", str(events))
        replayed.run_jobs()
        assert Story.of(replayed) == story
        assert "0 new" in replayed.portal("events", "import", str(events))
        assert "invariants hold" in replayed.portal("verify")
    with opened(server, new_database(), start=world.now) as empty:
        empty.portal("events", "import", str(events))
        assert Story.of(empty).sales == story.sales
        assert Story.of(empty).refunds == story.refunds


def test_an_affiliate_needs_no_fee_and_no_exam_and_climbs_by_customers(
    world: World,
) -> None:
    email = "sam@ortiz.example"
    steps.apply(world, steps.AFFILIATE, email, steps.AFFILIATE_ANSWERS)
    steps.approve(world, "Ortiz Reviews")
    owner = steps.join(world, email, "Sam Ortiz")
    steps.accept_agreement(owner)
    link = steps.copy_link(owner)
    world.later(minutes=5)

    for number in range(1, 8):
        steps.buy(world, link, f"Buyer {number}", f"buyer{number}@shop.example")
        world.later(minutes=1)

    with world.books() as session:
        lines = session.scalars(
            select(Commission).order_by(Commission.occurred_at, Commission.id)
        ).all()
        first, last = lines[0], lines[-1]
        assert (first.base_minor, first.amount_minor) == (12_000, 3_000)
        assert (last.base_minor, last.amount_minor) == (12_000, 6_000)
        assert all(
            line.clears_at == line.occurred_at + timedelta(days=30) for line in lines
        )
        earned_in_march = sum(line.amount_minor for line in lines)
    world.travel_to(datetime(2026, 4, 3, 9, tzinfo=UTC))
    steps.close_month(world, steps.AFFILIATE, "2026-03")
    assert statements(world) == []  # the hold of 30 days is not over in March
    world.travel_to(datetime(2026, 5, 3, 9, tzinfo=UTC))
    steps.close_month(world, steps.AFFILIATE, "2026-04")
    (april,) = statements(world)
    assert (april.earned_minor, april.payment) == (earned_in_march, "due")
    assert "invariants hold" in world.portal("verify")


class Story(NamedTuple):
    """What came of the events, without the keys that each database makes up."""

    sales: list[tuple]
    refunds: list[tuple]
    commissions: list[tuple]

    @classmethod
    def of(cls, world: World) -> "Story":
        with world.books() as session:
            return cls(_sales(session), _refunds(session), _commissions(session))


def _sales(session: Session) -> list[tuple]:
    rows = session.execute(
        select(
            Sale.external_id, Customer.external_id, Customer.email, Sale.currency,
            Sale.gross_minor, Sale.net_minor, Sale.occurred_at,
        ).join(Customer, Customer.id == Sale.customer_id)
    )  # fmt: skip
    return sorted(tuple(row) for row in rows)


def _refunds(session: Session) -> list[tuple]:
    rows = session.execute(
        select(Refund.external_id, Refund.kind, Refund.net_minor, Refund.occurred_at)
    )
    return sorted(tuple(row) for row in rows)


def _commissions(session: Session) -> list[tuple]:
    rows = session.execute(
        select(
            Sale.external_id, Refund.external_id, Commission.kind, Commission.rule_key,
            Commission.base_minor, Commission.amount_minor, Commission.occurred_at,
            Commission.clears_at,
        )
        .join(Sale, Sale.id == Commission.sale_id)
        .outerjoin(Refund, Refund.id == Commission.refund_id)
    )  # fmt: skip
    return sorted((tuple(row) for row in rows), key=str)


def approve_undo_and_approve_again(world: World) -> None:
    reviewer = steps.staff(world, "reviewer")
    reviewer.open("/admin/applications")
    reviewer.press("Approve")
    assert "Approved Hanbit Digital" in reviewer.page.text
    reviewer.press("Undo")
    assert "Undone." in reviewer.page.text
    world.later(minutes=5)
    assert len(world.mails_to(OWNER)) == 2  # confirm, received: nobody noticed
    reviewer.open("/admin/applications")
    reviewer.press("Approve")
    assert len(world.mails_to(OWNER)) == 2
    world.later(seconds=31)
    assert len(world.mails_to(OWNER)) == 3


def refund_the_latest_payment(world: World, minor: int) -> None:
    with world.books() as session:
        customer = session.scalars(
            select(Customer).where(Customer.email == BUYER)
        ).one()
        sold_to = customer.external_id
    client = world.stripe()
    charge = client.v1.charges.list({"customer": sold_to, "limit": 1}).data[0]
    client.v1.refunds.create({"charge": charge.id, "amount": minor})
    world.settle()


def let_go(world: World) -> str:
    """Close the world's connections, so that its database can be copied."""
    with world.app.app_context():
        engine = world.app.extensions["sqlalchemy"].engine
        engine.dispose()
        return str(engine.url.database)


def statements(world: World) -> list[Statement]:
    with world.books() as session:
        return list(session.scalars(select(Statement).order_by(Statement.count)))


def assert_every_line_says_why(world: World) -> None:
    owner = world.signed_in(OWNER, steps.PASSWORD)
    with world.books() as session:
        lines = session.scalars(
            select(Commission).order_by(Commission.occurred_at)
        ).all()
        ids = [line.public_id for line in lines]
        amounts = [line.amount_minor for line in lines]
    # March, April, what the refund took back, and May, which is still open
    assert amounts == [2_400, 2_400, -600, 2_400]
    pages = [owner.open(f"/app/earnings/{commission}") for commission in ids]
    assert all(page.heading.startswith("Why this amount") for page in pages)
    assert all("20%" in page.text for page in pages)
    assert "$120.00" in pages[0].text
    assert "$30.00" in pages[2].text


def assert_the_papers_agree_with_the_books(world: World) -> None:
    owner = world.signed_in(OWNER, steps.PASSWORD)
    march, april = statements(world)
    assert [march.number[-6:], april.number[-6:]] == ["000001", "000002"]
    for statement, lines, closing in (
        (march, (2_400,), 2_400),
        (april, (2_400, -600), 4_200),
    ):
        wanted = files.Figures(lines, closing)
        body = {
            fmt: files.download(owner, statement.public_id, fmt)
            for fmt in ("pdf", "csv", "xlsx", "json")
        }
        assert files.from_json(body["json"]) == wanted
        assert files.from_csv(body["csv"]) == wanted
        assert files.from_xlsx(body["xlsx"]) == wanted
        text = files.text_of_pdf(body["pdf"])
        for minor in (*lines, closing):
            assert f"{abs(minor) // 100}.{abs(minor) % 100:02}" in text
        assert statement.number in text
        page = owner.open(f"/verify/statement/{statement.sha256}")
        assert statement.number in page.text
    with world.books() as session:
        program = session.scalars(
            select(Program).where(Program.key == steps.AGENCY)
        ).one()
        owed = ledger.balance(
            session,
            LedgerAccount.PARTNER_PAYABLE,
            partner_id=april.partner_id,
            program_id=program.id,
            currency="USD",
        )
    assert owed.minor == april.closing_minor


def assert_the_mails_came(world: World) -> None:
    subjects = [str(mail["Subject"]) for mail in world.mails_to(OWNER)]
    for word in ("Confirm", "application", "Welcome", "certif", "fee", "statement"):
        assert any(word.lower() in subject.lower() for subject in subjects), subjects


def exported(world: World, path: Path) -> Path:
    """Write the events as `GET /v1/events` returns them, newest first, one a line."""
    events = world.stripe().v1.events.list({"limit": 100}).auto_paging_iter()
    # The library reads decimals into `Decimal`; on the wire they are strings.
    lines = [json.dumps(event.to_dict(), default=str) for event in events]
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
