"""What the close keeps back, releases and withholds, from the sale to the payment."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from threading import Barrier

import pytest
import time_machine
from flask import Flask
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from portal.adjustments import service as adjustments
from portal.adjustments.models import Adjustment
from portal.adjustments.rules import AdjustmentReason
from portal.enrollments.models import GateInterval
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.payouts import queries as payouts
from portal.payouts import service as paying
from portal.payouts.rules import FileFormat
from portal.sales.models import Sale
from portal.statements import documents, queries, service
from portal.statements.models import Statement
from portal.statements.rules import LineKind, Payment, Totals
from portal.statements.tasks import release_reserves
from portal.verification.service import verify
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.committed import at_once, committed
from tests.factories import base_factory
from tests.factories.people import UserFactory
from tests.ledger.test_books import refused
from tests.payouts.paying import an_account
from tests.statements.books import a_period, approved, at, close

__all__ = ["committed"]

NEGATIVE = {"negative_balances": "known"}
TENTH = {"bps": 1_000, "months": 2, "release_day": 15}


def a_story(session: Session, **payout: object) -> Story:
    return Story(session, a_version(payout={"days_after": 15, **payout}))


def closed(
    story: Story,
    label: str,
    *,
    notes: dict[str, str] | None = None,
    withholds_us_tax: bool = False,
) -> Statement:
    """Close a month and check every invariant."""
    period = a_period(story.session, story.version.program_id, label)
    [statement] = close(
        story.session, period, notes=notes, withholds_us_tax=withholds_us_tax
    )
    assert verify(story.session, period.ends_at) == []
    return statement


def paid(story: Story, minor: int, day: str) -> None:
    paying.record(
        story.session,
        enrollment_id=story.enrollment.id,
        amount=Money(minor, "USD"),
        paid_on=date.fromisoformat(day),
        reference=day,
        form_id=new_id(),
        actor=UserFactory.create(finance=True),
        now=at(day),
    )


def held(story: Story) -> int:
    return ledger.balance(
        story.session,
        LedgerAccount.HOLDBACK,
        partner_id=story.enrollment.partner_id,
        program_id=story.version.program_id,
        currency="USD",
    ).minor


def due(story: Story, day: str) -> int:
    """What a batch of that day would send."""
    found = payouts.collect(
        story.session,
        currency="USD",
        file_format=FileFormat.CSV,
        pay_on=date.fromisoformat(day),
        now=at(day),
    )
    return found.total.minor


@pytest.fixture
def january(session: Session) -> tuple[Story, Statement]:
    """A program that keeps back a tenth, and a month in which $10,000 were earned."""
    story = a_story(session, holdback=TENTH)
    story.sale(
        story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10"), 5000000
    )
    story.recompute()
    an_account(session, story.enrollment.partner, usable_from=LONG_AGO)
    return story, closed(story, "2026-01")


class TestHoldback:
    def test_a_tenth_is_a_line_with_its_reason_and_waits_in_the_books(
        self, january: tuple[Story, Statement]
    ) -> None:
        story, statement = january

        line = statement.lines[-1]
        assert statement.totals == Totals(earned=10_000_00, holdback=-1_000_00)
        assert (line.kind, line.amount_minor) == (LineKind.HOLDBACK, -1_000_00)
        assert (line.base_minor, line.rate) == (10_000_00, "10%")
        assert line.what == "Kept back until 2026-03-15"
        assert line.why == (
            "10% of what 2026-01 earned, less reversals. Released on 2026-03-15."
        )
        assert held(story) == 1_000_00
        assert due(story, "2026-02-15") == 9_000_00

    def test_it_is_owed_on_its_day_and_the_statement_of_the_month_shows_it(
        self, january: tuple[Story, Statement]
    ) -> None:
        story, statement = january
        session = story.session
        paid(story, 9_000_00, "2026-02-16")
        closed(story, "2026-02")

        def release(moment: datetime) -> int:
            return service.release(
                session, [story.enrollment.id], before=moment, now=moment
            )

        assert release(datetime(2026, 3, 14, 23, tzinfo=UTC)) == 0
        assert due(story, "2026-03-16") == 0
        assert release(at("2026-03-15")) == 1
        assert release(at("2026-03-15")) == 0
        assert (held(story), due(story, "2026-03-16")) == (0, 1_000_00)
        march = closed(story, "2026-03")
        [line] = march.lines
        assert march.totals == Totals(releases=1_000_00)
        assert line.what == f"Release of what {statement.number} kept back"
        assert line.occurred_at == datetime(2026, 3, 15, tzinfo=UTC)
        # Its day has come: it does not wait for the payment day of the statement.
        assert due(story, "2026-04-01") == 1_000_00

    def test_a_close_releases_what_no_job_released(
        self, january: tuple[Story, Statement]
    ) -> None:
        story, _statement = january
        closed(story, "2026-02")

        march = closed(story, "2026-03")

        assert march.totals == Totals(opening=9_000_00, releases=1_000_00)
        assert held(story) == 0

    def test_a_clawback_meanwhile_is_set_off_when_it_is_released(
        self, january: tuple[Story, Statement]
    ) -> None:
        story, _statement = january
        paid(story, 9_000_00, "2026-02-16")
        [line] = story.lines()
        sale = story.session.get_one(Sale, line.sale_id)
        story.refund(sale, at("2026-02-20"), sale.gross_minor)
        story.recompute(at("2026-02-20"))

        february = closed(story, "2026-02", notes=NEGATIVE)
        march = closed(story, "2026-03", notes=NEGATIVE)

        assert february.totals == Totals(
            opening=9_000_00, reversals=-10_000_00, payouts=9_000_00
        )
        assert february.payment is Payment.CARRIED
        # Nothing is lost on either side: all that was sent is owed back.
        assert march.closing_minor == -9_000_00
        assert held(story) == 0

    def test_the_preview_says_what_the_close_will_release_and_keep(
        self, january: tuple[Story, Statement]
    ) -> None:
        story, _statement = january
        customer = story.credited(first_seen_at=at("2026-03-02"))
        story.sale(customer, at("2026-03-10"), 10_000)
        story.recompute(at("2026-03-20"))
        closed(story, "2026-02")
        period = a_period(story.session, story.version.program_id, "2026-03")

        [row] = service.preview(story.session, period).rows
        draft = service.draft_now(story.session, story.enrollment, period)
        [running] = queries.so_far(story.session, story.enrollment.partner_id)

        assert row.totals == draft.totals
        assert (row.totals.holdback, row.totals.releases) == (-2_00, 1_000_00)
        assert [line.kind for line in draft.lines] == [
            LineKind.EARNED,
            LineKind.HOLDBACK,
            LineKind.RELEASE,
        ]
        assert running.totals.holdback == -2_00

    def test_what_an_earlier_month_will_release_is_in_its_closing_only(
        self, january: tuple[Story, Statement]
    ) -> None:
        story, _statement = january
        closed(story, "2026-02")
        program = story.version.program_id
        a_period(story.session, program, "2026-03")
        april = a_period(story.session, program, "2026-04")

        [row] = service.preview(story.session, april).rows

        assert row.totals == Totals(opening=10_000_00)

    def test_the_hourly_job_releases_what_is_due(
        self, january: tuple[Story, Statement], app: Flask
    ) -> None:
        story, _statement = january

        with app.app_context(), time_machine.travel(at("2026-03-14"), tick=False):
            release_reserves()
            early = held(story)
        with app.app_context(), time_machine.travel(at("2026-03-15"), tick=False):
            release_reserves()

        assert (early, held(story)) == (1_000_00, 0)

    @pytest.mark.parametrize(
        "attack",
        [
            "UPDATE statement_lines SET release_on = '2026-02-01'",
            (
                "INSERT INTO statement_lines (id, statement_id, position, kind,"
                " occurred_at, customer, what, why, trace, base_minor, rate,"
                " amount_minor) SELECT gen_random_uuid(), statement_id, 3, 'holdback',"
                " occurred_at, '', '', '', '{}', 0, '', -5 FROM statement_lines LIMIT 1"
            ),
        ],
    )
    def test_the_database_refuses_to_move_the_day(
        self, january: tuple[Story, Statement], attack: str
    ) -> None:
        assert refused(january[0].session, attack)

    @pytest.mark.parametrize(
        ("tampering", "problem"),
        [
            (
                (
                    "UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE"
                    " entry_id IN (SELECT id FROM ledger_journal_entries WHERE key LIKE"
                    " 'release:%')"
                ),
                "the books release 200000",
            ),
            (
                (
                    "UPDATE ledger_journal_entries SET occurred_at = occurred_at"
                    " - interval '9 days' WHERE key LIKE 'release:%'"
                ),
                "is released on 2026-03-06, not on 2026-03-15",
            ),
            (
                (
                    "UPDATE ledger_journal_entries SET key = 'release:x'"
                    " WHERE key LIKE 'release:%'"
                ),
                "nothing was kept back",
            ),
        ],
    )
    def test_a_release_that_was_tampered_with_is_found(
        self, owner_session: Session, tampering: str, problem: str
    ) -> None:
        story = a_story(owner_session, holdback=TENTH)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        story.sale(customer, at("2026-01-10"), 5_000_000)
        story.recompute()
        closed(story, "2026-01")
        closed(story, "2026-02")
        closed(story, "2026-03")
        for table in ("ledger_postings", "ledger_journal_entries"):
            owner_session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))

        owner_session.execute(text(tampering))
        owner_session.expire_all()

        found = [
            row.problem
            for row in verify(owner_session, at("2026-04-02"))
            if row.invariant == "releases-are-booked"
        ]
        assert len(found) == 1
        assert problem in found[0]


@pytest.mark.parametrize(("lock", "releases"), [(True, [0, 1]), (False, [1, 1])])
def test_the_job_and_a_close_release_once(
    committed: Engine,
    monkeypatch: pytest.MonkeyPatch,
    lock: bool,  # noqa: FBT001 - a parameter of the test
    releases: list[int],
) -> None:
    """Without the lock both find it due; only the key of the entry is in the way."""
    with Session(committed) as session:
        base_factory.bind(session)
        story = a_story(session, holdback=TENTH)
        story.sale(
            story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10"), 10_000
        )
        story.recompute()
        close(session, a_period(session, story.version.program_id, "2026-01"))
        key = story.enrollment.id
        session.commit()
    if not lock:
        monkeypatch.setattr("portal.enrollments.queries.locked", lambda *_: ())
    moment = at("2026-03-15")

    def work(_number: int, together: Barrier) -> int:
        with Session(committed) as session:
            together.wait()
            if not lock:
                found = len(queries.held(session, before=moment, enrollment_ids=[key]))
                together.wait()
                return found
            count = service.release(session, [key], before=moment, now=moment)
            session.commit()
            return count

    assert sorted(at_once(work)) == releases


class TestWithholding:
    @staticmethod
    def row_14(session: Session, *, withholds_us_tax: bool) -> Statement:
        """Rows 14.1 and 14.3: an opening of -180.00 and every other part."""
        story = a_story(session, holdback=TENTH)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        first = story.sale(customer, at("2026-01-10"), 4_400_00)
        story.recompute(at("2026-01-31"))
        closed(story, "2026-01")
        paid(story, 792_00, "2026-02-16")
        story.refund(first, at("2026-02-20"), 900_00)
        story.recompute(at("2026-02-28"))
        closed(story, "2026-02", notes=NEGATIVE)
        sale = story.sale(customer, at("2026-03-10"), 6_200_00)
        story.refund(sale, at("2026-03-12"), 480_00)
        story.recompute(at("2026-03-31"))
        approved(story, 25_00)
        return closed(story, "2026-03", withholds_us_tax=withholds_us_tax)

    def test_row_14_1_every_part_is_a_line(self, session: Session) -> None:
        statement = self.row_14(session, withholds_us_tax=False)

        assert statement.totals == Totals(
            opening=-180_00,
            earned=1_240_00,
            reversals=-96_00,
            adjustments=25_00,
            holdback=-114_40,
            releases=88_00,
        )
        assert statement.closing_minor == 962_60

    def test_row_14_3_the_four_files_say_what_is_withheld(
        self, session: Session
    ) -> None:
        statement = self.row_14(session, withholds_us_tax=True)

        assert statement.totals.withholding == 288_78
        assert statement.closing_minor == 673_82
        assert statement.lines[-1].why == (
            "There is no W-8, so nothing says that the work is done outside the US."
        )
        for name, content in rendered(statement).items():
            for part in ("-114.40", "88.00", "-288.78", "673.82"):
                assert part in content, (name, part)

    def test_the_books_owe_the_tax_office(self, session: Session) -> None:
        statement = self.row_14(session, withholds_us_tax=True)

        assert (
            ledger.balance(
                session,
                LedgerAccount.WITHHELD_TAX,
                partner_id=statement.partner_id,
                program_id=statement.program_id,
                currency="USD",
            ).minor
            == 288_78
        )

    def test_a_us_partner_without_a_number_is_withheld_24_percent(
        self, session: Session
    ) -> None:
        story = a_story(session)
        story.enrollment.partner.country = "US"
        story.sale(story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10"))
        story.recompute()

        statement = closed(story, "2026-01", withholds_us_tax=True)

        assert statement.totals == Totals(earned=120_00, withholding=28_80)
        assert statement.lines[-1].rate == "24%"

    def test_where_a_form_is_asked_for_the_form_decides_before_money_is_sent(
        self, session: Session
    ) -> None:
        gate = {
            "key": "tax",
            "title": "Tax form",
            "kind": "tax_form",
            "blocks": ["payout"],
        }
        gates = a_version().definition_json["gates"]
        version = a_version(payout={"days_after": 15}, gates=[*gates, gate])
        story = Story(session, version)
        [met] = session.scalars(
            select(GateInterval).where(GateInterval.gate_key == "tax")
        )
        met.met_until = LONG_AGO + timedelta(days=1)
        story.sale(story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10"))
        story.recompute()
        an_account(session, story.enrollment.partner, usable_from=LONG_AGO)
        january = closed(story, "2026-01", withholds_us_tax=True)
        assert (january.totals, january.untaxed_minor) == (Totals(earned=12000), 12000)
        assert january.payment is Payment.HELD

        session.add(
            GateInterval(
                enrollment_id=story.enrollment.id,
                gate_key="tax",
                met_from=at("2026-02-05"),
            )
        )
        session.flush()
        assert due(story, "2026-02-20") == 0  # its tax is not settled
        february = closed(story, "2026-02", withholds_us_tax=True)

        assert february.totals == Totals(opening=120_00, withholding=36_00)
        assert due(story, "2026-03-20") == 84_00


def rendered(statement: Statement) -> Mapping[str, str]:
    """The text of the four files, amounts as plain numbers."""
    files = {
        fmt: documents.render(statement, fmt, "https://partners.example")
        for fmt in documents.FORMATS
    }
    book = load_workbook(BytesIO(files["xlsx"]))
    content = json.loads(files["json"])["statement"]
    return {
        "pdf": "".join(
            page.extract_text() for page in PdfReader(BytesIO(files["pdf"])).pages
        )
        .replace("$", "")
        .replace("−", "-"),
        "csv": files["csv"].decode(),
        "xlsx": " ".join(
            f"{cell.value:.2f}" if hasattr(cell.value, "real") else str(cell.value)
            for sheet in book
            for row in sheet.iter_rows()
            for cell in row
        ),
        "json": " ".join(
            f"{minor // 100 if minor >= 0 else -(-minor // 100)}.{abs(minor) % 100:02d}"
            for minor in (
                *(line["amount_minor"] for line in content["lines"]),
                content["summary"]["closing_minor"],
            )
        ),
    }


def test_a_draw_lifts_a_low_month_and_the_next_pays_it_back(session: Session) -> None:
    story = a_story(session, draw={"minor": 200_00})
    customer = story.credited(first_seen_at=at("2026-01-02"))
    story.sale(customer, at("2026-01-10"), 60_000)
    story.sale(customer, at("2026-02-10"), 120_000)
    story.recompute(at("2026-02-28"))

    january, february = closed(story, "2026-01"), closed(story, "2026-02")

    assert january.totals == Totals(earned=120_00, adjustments=80_00)
    assert january.advance_minor == 80_00
    lift = january.lines[-1]
    assert lift.what == "Least payment for 2026-01"
    assert lift.why == (
        "The month came to less than $200.00, so this is added. Later months pay it "
        "back from what they come to above that."
    )
    assert february.totals == Totals(opening=200_00, earned=240_00, adjustments=-40_00)
    assert february.advance_minor == 40_00
    assert february.lines[-1].why.startswith("Pays back what was added")


def test_a_draw_that_may_be_kept_says_so(session: Session) -> None:
    story = a_story(session, draw={"minor": 200_00, "recoverable": False})
    story.sale(story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10"))
    story.recompute()

    january = closed(story, "2026-01")

    assert january.lines[-1].why == (
        "The month came to less than $200.00, so this is added."
    )
    assert january.advance_minor == 0


class TestWriteOff:
    """A balance below zero that nobody will earn back."""

    @staticmethod
    def propose(story: Story, minor: int) -> Adjustment:
        return adjustments.propose(
            story.session,
            story.enrollment,
            amount=Money(minor, "USD"),
            reason=AdjustmentReason.WRITE_OFF,
            note="The customer is gone.",
            form_id=new_id(),
            actor=UserFactory.create(finance=True),
            now=at("2026-03-02"),
        )

    @staticmethod
    def owing_60(session: Session) -> Story:
        story = a_story(session)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        sale = story.sale(customer, at("2026-01-10"), 60_000)
        story.recompute(at("2026-01-31"))
        closed(story, "2026-01")
        paid(story, 60_00, "2026-02-16")
        story.refund(sale, at("2026-02-20"), sale.gross_minor)
        story.recompute(at("2026-02-28"))
        closed(story, "2026-02", notes=NEGATIVE)
        return story

    def test_a_second_person_agrees_and_the_next_statement_ends_at_zero(
        self, session: Session
    ) -> None:
        story = self.owing_60(session)
        adjustments.approve(
            session,
            self.propose(story, 60_00),
            note="",
            actor=UserFactory.create(finance=True),
            now=at("2026-03-03"),
        )

        march = closed(story, "2026-03")

        assert march.totals == Totals(opening=-60_00, adjustments=60_00)
        assert march.lines[0].what.startswith("Write off")
        assert march.lines[0].why == "The customer is gone."

    @pytest.mark.parametrize("minor", [-1, 60_01])
    def test_no_more_is_written_off_than_is_owed(
        self, session: Session, minor: int
    ) -> None:
        story = self.owing_60(session)

        with pytest.raises(adjustments.MoreThanOwed, match=r"60\.00 now"):
            self.propose(story, minor)
