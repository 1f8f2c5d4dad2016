"""The board across partners and the record of one, for staff."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments import board, queries, rules, service
from portal.enrollments.models import Enrollment, GateInterval
from portal.kit.clock import utc_now
from portal.programs.models import ProgramVersion
from tests.enrollments.gates import (
    EXAM,
    TAX_FORM,
    definition_with_gates,
    enrolled,
    version_with_gates,
)
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

SignIn = Callable[[User], FlaskClient]
CountQueries = Callable[[], AbstractContextManager[list[str]]]
DAY = timedelta(days=1)
SHUT = EXAM | {"deadline_days": 9, "shuts_at_deadline": True}


@pytest.fixture
def staff(sign_in: SignIn) -> FlaskClient:
    return sign_in(UserFactory.create(admin=True, name="Dana Reed"))


def kept(
    enrollment: Enrollment, key: str, since: datetime, until: datetime | None = None
) -> GateInterval:
    return GateInterval(
        enrollment_id=enrollment.id, gate_key=key, met_from=since, met_until=until
    )


@pytest.fixture
def waiting(session: Session) -> list[Enrollment]:
    """One of each kind that waits, and some that do not."""
    version = version_with_gates(SHUT, TAX_FORM, time_zone="Asia/Seoul")
    found = EnrollmentFactory.create_batch(7, version=version, joined_at=NOW)
    fresh, signed, lost, late, done, stopped, again = found
    rows = [kept(one, key, NOW) for one in found for key in ("email", "review")]
    rows += [kept(signed, "certification", NOW + 2 * DAY)]
    rows += [kept(lost, "certification", NOW, NOW + 20 * DAY)]
    rows += [kept(late, "certification", NOW + 10 * DAY)]
    rows += [kept(done, key, NOW + DAY) for key in ("certification", "tax-form")]
    rows += [
        kept(again, "certification", NOW, NOW),
        kept(again, "tax-form", NOW, NOW + DAY),
        kept(again, "tax-form", NOW + 2 * DAY, NOW + 3 * DAY),
        kept(again, "tax-form", NOW + 300 * DAY),
    ]
    session.add_all(rows)
    session.flush()
    admin = UserFactory.create(admin=True)
    service.suspend(session, stopped, actor=admin, reason="Spam", now=NOW)
    session.flush()
    del fresh
    return list(found)


def test_the_database_says_what_the_rules_say(
    session: Session, waiting: list[Enrollment]
) -> None:
    at = NOW + 100 * DAY
    expected = {}
    for one in waiting:
        statuses = queries.checklist(session, one, now=at)
        history = queries.history(session, one)
        unmet = [status for status in statuses if not status.is_met]
        if one.status not in queries.RUNNING:
            continue
        for status in unmet:
            since = rules.waiting_since(
                statuses, history, status.gate, joined_at=one.joined_at, at=at
            )
            expected[one.id, status.gate.key] = (since, len(unmet) - 1)

    for key in ("certification", "tax-form"):
        rows = board.stuck(session, now=at, gate_key=key)
        assert {
            (row.enrollment.id, row.gate.key): (row.since, row.others) for row in rows
        } == {pair: what for pair, what in expected.items() if pair[1] == key}
        assert [row.since for row in rows] == sorted(row.since for row in rows)
    first = board.stuck(session, now=at)
    assert len(first) == len({one for one, _key in expected})
    assert {row.gate.key for row in first} == {"certification", "tax-form"}
    assert board.stuck(session, now=at, most=2) == first[:2]
    assert board.counts(session, now=at) == {
        key: sum(pair[1] == key for pair in expected)
        for key in ("tax-form", "certification")
    }


class TestBoard:
    def test_nobody_is_stuck(self, session: Session, staff: FlaskClient) -> None:
        del session
        assert "Nobody is stuck" in staff.get("/admin/requirements").text

    def test_filters_and_file(
        self, session: Session, staff: FlaskClient, waiting: list[Enrollment]
    ) -> None:
        other = enrolled(TAX_FORM)
        session.flush()
        key = waiting[0].version.program.public_id

        page = staff.get("/admin/requirements").text
        assert other.partner.name in page
        assert waiting[0].partner.name in page
        assert waiting[4].partner.name not in page
        # Every id is one partner's: names may be alike.
        page = staff.get(f"/admin/requirements?program={key}&gate=tax-form").text
        assert other.public_id not in page
        assert waiting[1].public_id in page
        assert "Send us your tax form (" in page
        assert "Nothing matches" in staff.get("/admin/requirements?gate=x\x00y").text
        assert other.public_id in staff.get("/admin/requirements?program=nonsense").text

        lines = staff.get(f"/admin/requirements.csv?program={key}").text.splitlines()
        assert lines[0].lstrip("\ufeff").startswith("partner,name,program,enrollment")
        assert len(lines) == 1 + 5
        assert any(
            f",{waiting[2].public_id},pending,certification," in one for one in lines
        )

    def test_a_gate_that_no_program_has_any_more_keeps_its_key(
        self, session: Session, staff: FlaskClient
    ) -> None:
        later = ProgramVersionFactory.create(
            definition_json=definition_with_gates(EXAM | {"key": "old-exam"}),
            effective_from=utc_now() + DAY,
        )
        EnrollmentFactory.create(version=later)
        session.flush()

        assert "old-exam (1)" in staff.get("/admin/requirements").text

    def test_it_costs_the_same_however_long_it_is(
        self, session: Session, staff: FlaskClient, count_queries: CountQueries
    ) -> None:
        version: ProgramVersion = version_with_gates(EXAM)
        EnrollmentFactory.create_batch(2, version=version)
        session.flush()
        staff.get("/admin/requirements")
        with count_queries() as few:
            staff.get("/admin/requirements")
        EnrollmentFactory.create_batch(9, version=version)
        session.flush()

        with count_queries() as many:
            staff.get("/admin/requirements")

        assert len(many) == len(few)


class TestRecord:
    def test_every_interval_with_who_and_why(
        self, session: Session, staff: FlaskClient
    ) -> None:
        enrollment = enrolled(TAX_FORM, SHUT)
        admin = UserFactory.create(admin=True, name="Yuna Kim")
        confirm, now = service.confirm_gate, NOW + 5 * DAY
        confirm(
            session,
            enrollment,
            "tax-form",
            actor=admin,
            reason="Seen on paper",
            now=now,
            since_on=(NOW + DAY).date(),
        )
        service.withdraw_gate(
            session,
            enrollment,
            "tax-form",
            actor=admin,
            reason="Was forged",
            now=now + DAY,
        )
        service.meet_gate(session, enrollment, "certification", now=NOW + 60 * DAY)
        service.meet_gate(
            session,
            enrollment,
            "email",
            now=NOW,
            until=utc_now() + DAY,
            in_grace=True,
        )
        service.suspend(session, enrollment, actor=admin, reason="Spam", now=now)
        service.resume(session, enrollment, actor=admin, reason="Fine", now=now + DAY)
        service.suspend(
            session, enrollment, actor=admin, reason="More", now=now + 2 * DAY
        )
        session.add(kept(enrollment, "review", NOW, NOW + DAY))
        session.flush()

        page = staff.get(f"/admin/enrollments/{enrollment.public_id}/gates").text

        for words in (
            "Gate confirmed, <bdi>Yuna Kim</bdi>: Seen on paper",
            "Gate withdrawn, <bdi>Yuna Kim</bdi>: Was forged",
            "Too late, does not count",
            "Met, but the last payment failed",
            "Came to its end by itself",
            "Not recorded",
            "Stopped by us",
            "Stopped now",
            "Enrollment resumed, <bdi>Yuna Kim</bdi>: Fine",
        ):
            assert words in page

    def test_nothing_has_happened_yet(
        self, session: Session, staff: FlaskClient
    ) -> None:
        enrollment = enrolled(EXAM)
        session.flush()

        page = staff.get(f"/admin/enrollments/{enrollment.public_id}/gates").text

        assert "It was never met." in page
        assert "Nothing was recorded." in page
        assert "Stopped by us" not in page

    @pytest.mark.parametrize(
        ("day", "words"),
        [
            ("2026-03-05", "A sale at that moment earns nothing, also not later."),
            ("2026-03-06", "A sale at that moment earns."),
            ("2026-02-01", "The partner had not joined by then."),
            ("", "A sale at that moment earns."),
        ],
    )
    def test_a_day_is_asked_for(
        self, session: Session, staff: FlaskClient, day: str, words: str
    ) -> None:
        enrollment = enrolled(EXAM)
        for key in ("email", "review"):
            service.meet_gate(session, enrollment, key, now=NOW)
        service.meet_gate(session, enrollment, "certification", now=NOW + 5 * DAY)
        session.flush()

        page = staff.get(f"/admin/enrollments/{enrollment.public_id}/gates?on={day}")

        assert words in page.text
        assert page.status_code == 200

    @pytest.mark.parametrize("day", ["2999-01-01", "nonsense"])
    def test_a_day_that_cannot_be_asked_for_says_why(
        self, session: Session, staff: FlaskClient, day: str
    ) -> None:
        enrollment = enrolled(EXAM, joined_at=datetime(2026, 3, 1, tzinfo=UTC))
        session.flush()

        page = staff.get(f"/admin/enrollments/{enrollment.public_id}/gates?on={day}")

        assert page.status_code == 422
        assert "There is a problem" in page.text
        assert "A sale at that moment" not in page.text
