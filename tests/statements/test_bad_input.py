"""What goes wrong around money: a clear answer, and nothing half written.

Other rows of the list have their tests beside the package: a bank file with a row
twice and a result file for another batch in tests/payouts/test_batches.py and
test_results_file.py; a partner without a payout account among those who are left out
of a batch in tests/payouts/test_batches.py; other currencies that the portal knows in
tests/statements/test_close.py; a killed worker in tests/experiments.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from psycopg import OperationalError as DriverError
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.adjustments import service as adjustments
from portal.adjustments.rules import AdjustmentReason
from portal.config import Settings
from portal.enrollments import queries as enrollments
from portal.enrollments import service as enrollment_service
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import sealing
from portal.ledger.models import JournalEntry
from portal.payouts import service as payouts
from portal.payouts.rules import LeftOut
from portal.statements import queries, service
from portal.statements.models import Period, PeriodStatus, Statement
from portal.statements.rules import Severity, month_of
from portal.statements.service import NotReadyToClose
from portal.verification.service import verify
from tests.commissions.story import Story, a_version
from tests.committed import committed
from tests.conftest import SignIn
from tests.factories import base_factory
from tests.factories.people import UserFactory
from tests.payouts import paying
from tests.statements.books import a_month, a_period, at, begin, close

__all__ = ["committed"]

HOUR = timedelta(hours=1)
PARTNERS = 4


@pytest.fixture
def story(session: Session) -> Story:
    return Story(session)


def go_on(session: Session, month: Period, *, now: datetime) -> list[Statement]:
    """Do what a begun close still needs; return its statements."""
    for chunk in queries.chunks(session, month.id):
        service.close_chunk(session, month.id, chunk.number)
    service.finish_close(session, month.id, now=now)
    sealing.seal(session, now=now)
    return list(queries.of_period(session, month.id))


class TestAskedForWhileItCloses:
    def test_the_partner_sees_the_month_and_no_statement_yet(
        self, story: Story, sign_in: SignIn
    ) -> None:
        month = a_month(story)
        owner = sign_in(story.user())
        begin(story.session, month)
        story.session.flush()

        listed = owner.get("/app/statements")

        assert listed.status_code == 200
        assert "January 2026, so far" in listed.text
        assert "$120.00" in listed.text
        nowhere = owner.get("/app/statements/stm_" + "0" * 26)
        assert nowhere.status_code == 404
        assert "There is no such statement." in nowhere.text

    def test_one_that_is_written_is_whole_already(
        self, story: Story, sign_in: SignIn
    ) -> None:
        month = a_month(story)
        owner = sign_in(story.user())
        begin(story.session, month)
        service.close_chunk(story.session, month.id, 1)
        story.session.flush()
        [statement] = queries.of_period(story.session, month.id)

        page = owner.get(f"/app/statements/{statement.public_id}")
        file = owner.get(f"/app/statements/{statement.public_id}.json")

        assert month.status is PeriodStatus.CLOSING
        assert "$120.00" in page.text
        assert file.status_code == 200
        assert statement.number in file.text

    def test_staff_see_how_far_it_is(self, story: Story, sign_in: SignIn) -> None:
        month = a_month(story)
        begin(story.session, month)
        story.session.flush()
        staff = sign_in(UserFactory.create(finance=True))

        page = staff.get(f"/admin/periods/{month.public_id}").text

        assert "Statements are being written" in page
        assert staff.get(f"/admin/periods/{month.public_id}/preview").status_code == 200


class TestTheClock:
    @pytest.mark.parametrize("jump", [-HOUR, HOUR])
    def test_a_jump_during_a_close_changes_nothing_that_is_written(
        self, story: Story, jump: timedelta
    ) -> None:
        month = a_month(story)
        now = month.ends_at + 2 * HOUR
        begin(story.session, month, now=now)

        [statement] = go_on(story.session, month, now=now + jump)

        assert statement.issued_at == now
        assert statement.closing_minor == 120_00
        assert verify(story.session, now + 2 * HOUR) == []

    def test_a_clock_an_hour_slow_cannot_close_the_month_before_its_end(
        self, story: Story
    ) -> None:
        month = a_month(story)

        with pytest.raises(NotReadyToClose, match="is not over"):
            begin(story.session, month, now=month.ends_at - HOUR)

        assert queries.of_period(story.session, month.id) == []

    def test_what_is_approved_by_a_clock_that_fell_back_is_stated_once(
        self, story: Story
    ) -> None:
        session, month = story.session, a_month(story)
        begin(session, month, now=month.ends_at + 2 * HOUR)
        change = adjustments.propose(
            session,
            story.enrollment,
            amount=Money(5_00, "USD"),
            reason=AdjustmentReason.GOODWILL,
            note="For the wait.",
            form_id=new_id(),
            actor=UserFactory.create(finance=True),
            now=month.ends_at + HOUR,
        )
        adjustments.approve(
            session,
            change,
            note="",
            actor=UserFactory.create(finance=True),
            now=month.ends_at + HOUR,
        )
        session.flush()

        [january] = go_on(session, month, now=month.ends_at + HOUR)
        [february] = close(session, a_period(session, month.program_id, "2026-02"))

        stated = january.adjustments_minor + february.adjustments_minor
        assert stated == 5_00
        assert verify(session, at("2026-03-02")) == []

    @pytest.mark.parametrize(
        ("label", "hours"), [("2026-03", 31 * 24 - 1), ("2026-10", 31 * 24 + 1)]
    )
    def test_the_hour_of_summer_time_is_in_one_month(
        self, label: str, hours: int
    ) -> None:
        zone = ZoneInfo("Europe/Berlin")

        month = month_of(at(f"{label}-15"), zone)
        after = month_of(month.ends_at, zone)

        utc = ZoneInfo("UTC")
        length = month.ends_at.astimezone(utc) - month.starts_at.astimezone(utc)
        assert length == timedelta(hours=hours)
        assert after.starts_at == month.ends_at


class TestCurrencies:
    def test_a_sale_in_one_that_nobody_knows_is_named_and_not_rated(
        self, story: Story
    ) -> None:
        month = a_month(story)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        story.sale(customer, at("2026-01-11"), 99_00, currency="ZZZ")
        story.recompute()

        checks = service.check(story.session, month, month.ends_at)
        notes = {"other_currency_zzz": "we do not sell in it"}
        [statement] = close(story.session, month, notes=notes)

        [found] = [row for row in checks if row.key == "other_currency_zzz"]
        assert found.severity is Severity.WARNING
        assert "ZZZ" in found.detail
        assert statement.currency == "USD"
        assert statement.closing_minor == 120_00
        assert verify(story.session, month.ends_at) == []


class TestTermination:
    def test_a_balance_below_zero_stays_until_it_is_written_off(
        self, session: Session
    ) -> None:
        story = Story(session)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        sale = story.sale(customer, at("2026-01-10"), 60_000)
        close(session, a_period(session, story.version.program_id, "2026-01"))
        self.pay(story, 120_00, on=date(2026, 2, 3))
        story.refund(sale, at("2026-02-05"), sale.gross_minor)
        story.recompute(at("2026-02-05"))
        february = a_period(session, story.version.program_id, "2026-02")
        known = {"negative_balances": "the partner left"}
        enrollment_service.terminate(
            session,
            enrollments.get(session, story.enrollment.id, lock=True),
            actor=UserFactory.create(admin=True),
            reason="They stopped.",
            now=at("2026-02-20"),
        )
        session.flush()

        [owing] = close(session, february, notes=known)
        collected = paying.collected(session, pay_on=date(2026, 5, 19))
        [left_out] = collected.left_out
        with pytest.raises(payouts.MoreThanOwed):
            self.pay(story, 1_00, on=date(2026, 3, 2))
        self.write_off(story, 120_00)
        [settled] = close(session, a_period(session, february.program_id, "2026-03"))

        assert owing.closing_minor == -120_00
        assert left_out.left_out is LeftOut.NEGATIVE
        assert settled.closing_minor == 0
        assert verify(session, at("2026-04-02")) == []

    def pay(self, story: Story, minor: int, *, on: date) -> None:
        payouts.record(
            story.session,
            enrollment_id=story.enrollment.id,
            amount=Money(minor, "USD"),
            paid_on=on,
            reference=f"SCT-{on}",
            form_id=new_id(),
            actor=paying.finance(),
            now=at("2026-03-02"),
        )

    def write_off(self, story: Story, minor: int) -> None:
        change = adjustments.propose(
            story.session,
            story.enrollment,
            amount=Money(minor, "USD"),
            reason=AdjustmentReason.WRITE_OFF,
            note="We let it go.",
            form_id=new_id(),
            actor=UserFactory.create(finance=True),
            now=at("2026-03-03"),
        )
        adjustments.approve(
            story.session,
            change,
            note="",
            actor=UserFactory.create(finance=True),
            now=at("2026-03-04"),
        )
        story.session.flush()


_FULL = """
CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.position = 1 AND (SELECT count FROM statements WHERE id = NEW.statement_id)
     > {last} THEN
    RAISE EXCEPTION 'could not extend file: No space left on device'
      USING ERRCODE = 'disk_full';
  END IF;
  RETURN NEW;
END $$
"""


@contextmanager
def disk_full(owner: Engine, *, after: int) -> Iterator[None]:
    """Have PostgreSQL say so when it writes the lines of a later statement."""
    with owner.begin() as connection:
        connection.execute(text(_FULL.format(last=after)))
        connection.execute(
            text(
                "CREATE TRIGGER full_disk BEFORE INSERT ON statement_lines"
                " FOR EACH ROW EXECUTE FUNCTION disk_is_full()"
            )
        )
    yield
    with owner.begin() as connection:
        connection.execute(text("DROP FUNCTION disk_is_full() CASCADE"))


class TestDatabaseInTrouble:
    """In a database of its own, where transactions really commit."""

    @pytest.fixture
    def owner(self, committed: Engine) -> Iterator[Engine]:
        engine = create_engine(committed.url.set(username="postgres"))
        yield engine
        engine.dispose()

    @pytest.fixture
    def month(self, committed: Engine) -> Period:
        """A month of four partners whose close has begun, in chunks of two."""
        with Session(committed, expire_on_commit=False) as session, session.begin():
            base_factory.bind(session)
            version = a_version()
            for _ in range(PARTNERS):
                one = Story(session, version)
                customer = one.credited(first_seen_at=at("2026-01-02"))
                one.sale(customer, at("2026-01-10"), 60_000)
                one.recompute()
            period = a_period(session, version.program_id, "2026-01")
            begin(session, period, chunk_size=2)
            return period

    def step(self, committed: Engine, month: Period, number: int) -> None:
        with Session(committed) as session, session.begin():
            service.close_chunk(session, month.id, number)

    def ends_well(self, committed: Engine, month: Period) -> None:
        """Taken up, the close ends as if nothing had happened."""
        with Session(committed) as session, session.begin():
            issued = go_on(
                session, queries.period(session, month.id), now=month.ends_at
            )

            assert [row.count for row in issued] == [1, 2, 3, 4]
            assert {row.closing_minor for row in issued} == {120_00}
            assert paying.broken(session, month.ends_at) == []

    def written(self, committed: Engine, month: Period) -> tuple[int, int]:
        """How many statements and entries there are."""
        with Session(committed) as session:
            issued = queries.of_period(session, month.id)
            keys = [f"statement:{row.id}" for row in issued]
            entries = session.scalar(
                select(func.count()).where(JournalEntry.key.in_(keys))
            )
            return len(issued), entries or 0

    def test_a_disk_that_fills_during_a_close_leaves_whole_chunks(
        self, committed: Engine, owner: Engine, month: Period
    ) -> None:
        self.step(committed, month, 1)

        with (
            disk_full(owner, after=3),
            pytest.raises(DriverError, match="No space left"),
        ):
            self.step(committed, month, 2)

        assert self.written(committed, month) == (2, 2)
        self.ends_well(committed, month)

    def test_a_database_that_restarts_in_the_middle_leaves_whole_chunks(
        self, committed: Engine, owner: Engine, month: Period
    ) -> None:
        self.step(committed, month, 1)
        with Session(committed) as session:
            service.close_chunk(session, month.id, 2)
            session.flush()
            assert len(queries.of_period(session, month.id)) == PARTNERS
            disconnect_all(owner)
            with pytest.raises(OperationalError, match="terminating connection"):
                session.commit()
        committed.dispose()  # as a worker that is started anew

        assert self.written(committed, month) == (2, 2)
        self.ends_well(committed, month)


def disconnect_all(owner: Engine) -> None:
    """Do to everybody who is connected what a restart of the server does."""
    with owner.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


class TestPagesAfterARestart:
    def test_the_next_request_finds_the_database_again(
        self, app: Flask, owner_engine: Engine
    ) -> None:
        client = app.test_client()
        assert client.get("/readyz").status_code == 200

        disconnect_all(owner_engine)

        assert client.get("/readyz").status_code == 200

    def test_a_request_in_the_middle_is_told_to_come_back(
        self, app: Flask, settings: Settings
    ) -> None:
        engine = create_engine(settings.database_url)
        with engine.connect() as connection, pytest.raises(OperationalError) as gone:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        engine.dispose()

        with app.test_request_context("/app/statements"):
            answer = app.make_response(app.handle_user_exception(gone.value))

        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "30"
        assert "closed for a moment" in answer.get_data(as_text=True)
