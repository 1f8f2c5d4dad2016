"""What goes wrong, through HTTP, where things really commit.

Other rows of the list have their tests beside the package: a tampered, old or foreign
webhook in tests/webhooks/test_views.py; repeated and reordered events in
tests/webhooks/test_order.py; other currencies in tests/webhooks/test_handlers.py and
tests/statements/test_close.py; a megabyte of text that comes back to its author in
tests/applications/test_public_views.py; formulas in tests/web/test_csv_safe.py and
tests/statements/test_documents.py; whose pages are whose in tests/architecture.
"""

import csv
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from portal.applications.models import Application
from portal.kit.clock import utc_now
from portal.partners.models import Partner
from portal.payments.models import InboxEvent
from portal.sales.models import Customer, Refund, Sale
from portal.statements.models import PeriodStatus, Statement
from portal.stripe_sandbox.webhooks import sign
from tests.journeys import files, steps
from tests.journeys.pages import Page
from tests.journeys.world import WEBHOOK_SECRET, World

EMAIL = "mina@hanbit.example"
FORMULA = '=HYPERLINK("https://evil.example","Pay")'


def at_once(*calls: Callable[[], Page]) -> list[Page]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def count(world: World, model: type) -> int:
    with world.books() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def post_event(world: World, body: bytes, signature: str) -> Page:
    headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
    return world.visitor().ask("POST", "/webhooks/stripe", body, headers)


def an_event(**more: object) -> dict:
    return {
        "id": "evt_journey",
        "object": "event",
        "type": "customer.created",
        "api_version": "2026-08-26.dahlia",
        "created": int(utc_now().timestamp()),
        "livemode": False,
        "data": {
            "object": {
                "id": "cus_journey",
                "object": "customer",
                "created": int(utc_now().timestamp()),
                "email": "x@shop.example",
            }
        },
        **more,
    }


def test_a_webhook_counts_as_signed_once_and_of_our_mode(world: World) -> None:
    body = json.dumps(an_event()).encode()
    signature = sign(body, WEBHOOK_SECRET, utc_now())
    live = json.dumps(an_event(id="evt_live", livemode=True)).encode()

    tampered = post_event(world, body.replace(b"x@shop", b"y@shop"), signature)
    forged = post_event(world, body, sign(body, "whsec_guess", utc_now()))
    wrong_mode = post_event(world, live, sign(live, WEBHOOK_SECRET, utc_now()))
    assert [tampered.status, forged.status, wrong_mode.status] == [400, 400, 400]
    assert count(world, InboxEvent) == 0

    answers = [post_event(world, body, signature) for _ in range(3)]
    world.settle()

    assert [answer.status for answer in answers] == [204, 204, 204]
    assert (count(world, InboxEvent), count(world, Customer)) == (1, 1)


def test_a_refund_before_its_sale_waits_for_it(world: World) -> None:
    client = world.stripe()
    buy = world.visitor()
    buy.open(world.vendor_url)
    buy.press("Buy the Team plan")
    buy.press(
        "Subscribe", steps.CARD | {"Name on the card": "Bo", "Email": "b@s.example"}
    )
    charge = client.v1.charges.list({"limit": 1}).data[0]
    client.v1.refunds.create({"charge": charge.id, "amount": 3_000})
    world.sandbox.drain_webhooks()  # they come by hand, in the worst order

    for event in reversed(world.sandbox.events()):
        body = json.dumps(event).encode()
        post_event(world, body, sign(body, WEBHOOK_SECRET, utc_now()))
        world.run_jobs()

    with world.books() as session:
        sale = session.scalars(select(Sale)).one()
        refund = session.scalars(select(Refund)).one()
        assert (refund.sale_id, refund.gross_minor) == (sale.id, 3_000)
        parked = select(func.count()).where(InboxEvent.status != "handled")
        unhappy = session.scalar(parked.where(InboxEvent.status != "ignored"))
        assert unhappy == 0


def test_two_reviewers_at_once_approve_once(world: World) -> None:
    steps.apply(world, steps.AGENCY, EMAIL, steps.AGENCY_ANSWERS)
    reviewers = [steps.staff(world, role) for role in ("reviewer", "admin")]
    for reviewer in reviewers:
        reviewer.open("/admin/applications")

    pages = at_once(*(lambda r=r: r.press("Approve") for r in reviewers))
    world.later(seconds=31)

    assert sorted(page.status for page in pages) == [200, 409]
    assert count(world, Partner) == 1
    welcome = [m for m in world.mails_to(EMAIL) if "Welcome" in str(m["Subject"])]
    assert len(welcome) == 1


def test_a_double_click_on_close_closes_once(world: World) -> None:
    seller(world)
    world.travel_to(datetime(2026, 4, 3, 9, tzinfo=UTC))
    finance = [steps.staff(world, "finance") for _ in range(2)]
    with world.books() as session:
        month = steps.period_of(session, steps.AFFILIATE, "2026-03").public_id
    for person in finance:
        person.open(f"/admin/periods/{month}")

    typed = {"Type 2026-03 to confirm": "2026-03"}
    pages = at_once(*(lambda f=f: f.press("Close", typed) for f in finance))
    world.settle()

    assert sorted(page.status for page in pages) == [200, 409]
    with world.books() as session:
        closed = steps.period_of(session, steps.AFFILIATE, "2026-03")
        assert closed.status is PeriodStatus.CLOSED
    assert "invariants hold" in world.portal("verify")


def seller(world: World, company: str = "Ortiz Reviews") -> str:
    """An affiliate who sold once on 2 March; returns the address."""
    email = "sam@ortiz.example"
    answers = {step: dict(typed) for step, typed in steps.AFFILIATE_ANSWERS.items()}
    answers["You and your audience"]["Under which name do you work?"] = company
    steps.apply(world, steps.AFFILIATE, email, answers)
    steps.approve(world, company)
    owner = steps.join(world, email, "Sam Ortiz")
    steps.accept_agreement(owner)
    link = steps.copy_link(owner)
    world.later(minutes=5)
    steps.buy(world, link, FORMULA, "bo@buyer.example")
    return email


def test_a_formula_as_a_name_stays_text_and_papers_stay_with_their_owner(
    world: World,
) -> None:
    email = seller(world, company=FORMULA)
    steps.apply(world, steps.AGENCY, EMAIL, steps.AGENCY_ANSWERS)
    steps.approve(world, "Hanbit Digital")
    steps.join(world, EMAIL, "Mina Park")
    for label, day in (("2026-03", datetime(2026, 4, 3, 9, tzinfo=UTC)),
                       ("2026-04", datetime(2026, 5, 3, 9, tzinfo=UTC))):  # fmt: skip
        world.travel_to(day)
        steps.close_month(world, steps.AFFILIATE, label)
    with world.books() as session:
        statement = session.scalars(select(Statement)).one().public_id
    owner = world.signed_in(email, steps.PASSWORD)
    stranger = world.signed_in(EMAIL, steps.PASSWORD)

    page = owner.open(f"/app/statements/{statement}")
    assert FORMULA in page.text
    assert not any("evil.example" in href for _, href in page.links)
    rows = csv.reader(
        io.StringIO(files.download(owner, statement, "csv").decode("utf-8-sig"))
    )
    assert not [cell for row in rows for cell in row if cell.startswith("=")]
    book = load_workbook(io.BytesIO(files.download(owner, statement, "xlsx")))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert any(FORMULA in str(cell.value) for cell in cells)
    assert "HYPERLINK" in files.text_of_pdf(files.download(owner, statement, "pdf"))

    for path in (statement, *(f"{statement}.{end}" for end in ("pdf", "csv", "json"))):
        assert stranger.ask("GET", f"/app/statements/{path}").status == 404
        assert world.visitor().ask("GET", f"/app/statements/{path}").status in {
            302,
            401,
        }


@pytest.mark.parametrize("where", ["/apply/{program}", "a step"])
def test_files_are_refused_and_leave_nothing(world: World, where: str) -> None:
    visitor = steps.start_application(world, steps.AGENCY, EMAIL)
    if where == "a step":
        page = visitor.follow("Continue")
    else:
        page = visitor.open(where.format(program=steps.AGENCY))
    form = page.form("Save and continue" if where == "a step" else "Continue")
    fields = [(c.name, c.value) for c in form.controls if c.kind == "hidden"]
    before = state(world)

    answer = visitor.ask("POST", form.action or page.url, *multipart(fields))

    assert answer.status == 422
    assert "You cannot attach files here." in answer.text
    assert state(world) == before


def test_a_megabyte_is_answered_and_not_kept(world: World) -> None:
    visitor = steps.start_application(world, steps.AGENCY, EMAIL)
    visitor.open(visitor.page.link("How you work with customers"))

    page = visitor.press(
        "Save and continue",
        {"Tell us about two clients you are proud of.": "x" * 1_048_576},
    )

    assert page.status == 422
    assert "There is a problem" in page.text
    with world.books() as session:
        assert "clients" not in session.scalars(select(Application)).one().answers


def test_a_form_without_its_token_is_refused(world: World) -> None:
    steps.apply(world, steps.AGENCY, EMAIL, steps.AGENCY_ANSWERS)
    reviewer = steps.staff(world, "reviewer")
    page = reviewer.open("/admin/applications")
    action = page.form("Approve").action

    answer = reviewer.ask("POST", action, [("approve-text", "")])

    assert answer.status == 400
    with world.books() as session:
        assert session.scalars(select(Application.status)).one() == "submitted"


def state(world: World) -> list[tuple]:
    with world.books() as session:
        rows = session.execute(select(Application.answers, Application.status))
        return [tuple(row) for row in rows]


def multipart(fields: list[tuple[str, str]]) -> tuple[bytes, dict[str, str]]:
    """A form with a file in it."""
    mark = "journey-boundary"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    parts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.exe"\r\n'
        f"Content-Type: application/octet-stream\r\n\r\nMZ\r\n--{mark}--\r\n"
    )
    kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
    return "".join(parts).encode(), kind
