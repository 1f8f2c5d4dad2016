"""The list of all steps, and what is at the top of the home before and after an end."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.certification import service as certification
from portal.enrollments import queries
from portal.enrollments import service as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.clock import utc_now
from portal.partners import queries as partners
from portal.programs.definition import Blocks
from tests.commissions.story import Story, a_version
from tests.conftest import SignIn
from tests.dashboard.pages import DAY, page
from tests.enrollments.gates import EXAM, FEE, TAX_FORM, version_with_gates
from tests.factories.base_factory import NOW
from tests.factories.certification import passed
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory
from tests.tiers.test_views import needing, rated

STEPS = "/app/steps"


def without_tags(client: FlaskClient, address: str) -> str:
    parts = [piece.partition(">")[2] for piece in page(client, address).split("<")]
    return " ".join(" ".join(parts).split())


def a_partner(session: Session, *gates: dict[str, object]) -> Enrollment:
    member = PartnerMemberFactory.create()
    enrollment: Enrollment = EnrollmentFactory.create(
        partner=member.partner,
        version=version_with_gates(*gates),
        joined_at=utc_now() - DAY,
    )
    for key in ("email", "review"):
        enrollments.meet_gate(session, enrollment, key, now=enrollment.joined_at)
    session.flush()
    certification.follow_person(
        session, member.user, is_in=True, now=enrollment.joined_at
    )
    session.flush()
    return enrollment


def owner_of(session: Session, enrollment: Enrollment) -> User:
    return partners.members(session, enrollment.partner_id)[0].user


class TestTheList:
    def test_what_is_next_comes_first_with_price_day_and_purpose(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = a_partner(
            session, FEE | {"deadline_days": 40}, TAX_FORM | {"kind": "deals"}
        )

        shown = without_tags(sign_in(owner_of(session, enrollment)), STEPS)

        due = (utc_now() + 39 * DAY).strftime("%b %-d, %Y")
        assert "Steps done 2 of 4" in shown
        assert (
            f"Pay the fee Next Earn commission, get your link $50.00 a month {due}"
            in (shown)
        )
        assert "Your registered deals are not counted here" in shown
        assert shown.index("Pay the fee") < shown.index("Confirm your e-mail address")

    def test_it_names_who_of_the_team_still_has_to(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = a_partner(session, EXAM | {"team": {"who": "everyone"}})
        bo = PartnerMemberFactory.create(
            partner=enrollment.partner, user__name="Bo Berg"
        ).user
        session.flush()
        certification.follow_person(session, bo, is_in=True, now=utc_now() - DAY)
        ana = owner_of(session, enrollment)
        passed(session, ana, enrollment, utc_now() - timedelta(hours=1))
        client = sign_in(ana)

        for address in (STEPS, "/app"):
            shown = without_tags(client, address)
            assert "It takes everybody on the team." in shown
            assert "1 of 2 people have it. Without it: Bo Berg." in shown
        exams = without_tags(client, "/app/certifications")
        assert "Bo Berg Still to do" in exams
        assert "One certified person certifies" not in exams
        staff = sign_in(UserFactory.create(admin=True))
        about = without_tags(staff, f"/admin/partners/{enrollment.partner.public_id}")
        assert "1 of 2 people have it. Without it: Bo Berg." in about
        record = f"/admin/enrollments/{enrollment.public_id}/gates"
        assert "It takes everybody on the team." in without_tags(staff, record)

    def test_the_command_names_whom_a_gate_takes(
        self, app: Flask, session: Session
    ) -> None:
        team = {"who": "at_least", "number": 2, "counts": "certificates"}
        enrollment = a_partner(session, EXAM | {"team": team})

        result = app.test_cli_runner().invoke(args=["gates", enrollment.public_id])

        assert (
            "Pass the exam (certification; it takes 2 certificates on the team, of one "
            "person or several)"
        ) in result.output

    def test_without_a_program_it_says_so(
        self, session: Session, sign_in: SignIn
    ) -> None:
        member = PartnerMemberFactory.create()
        session.flush()

        assert "You are in no program yet" in page(sign_in(member.user), STEPS)

    def test_when_all_is_done_it_says_so(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = a_partner(session)

        shown = page(sign_in(owner_of(session, enrollment)), STEPS)

        assert "Everything is done. Nothing stands in your way." in shown


class TestTheTopOfTheHome:
    def test_what_ends_soon_is_said_before_it_does(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = a_partner(session, EXAM)
        ends = utc_now() + 20 * DAY
        enrollments.meet_gate(
            session, enrollment, "certification", now=utc_now() - DAY, until=ends
        )
        session.flush()

        shown = without_tags(sign_in(owner_of(session, enrollment)), "/app")

        assert f"“Pass the exam” ends on {ends.strftime('%b %-d, %Y')}" in shown
        assert "after that day you cannot earn commission" in shown
        assert "Go to the exam" in shown

    def test_what_has_ended_is_said_with_its_day(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = a_partner(session, EXAM)
        ended = utc_now() - timedelta(hours=1)
        enrollments.meet_gate(
            session, enrollment, "certification", now=utc_now() - DAY, until=ended
        )
        session.flush()

        shown = without_tags(sign_in(owner_of(session, enrollment)), "/app")

        assert "Next: Pass the exam" in shown
        assert f"You had this until {ended.strftime('%b %-d, %Y')}." in shown

    def test_a_tier_that_will_be_lost_is_said_before_the_date(
        self, session: Session, sign_in: SignIn
    ) -> None:
        now = utc_now()
        soon = now + 20 * DAY
        day = f"{soon.month:02}-{min(soon.day, 28):02}"
        tiers = needing(
            demote={"when": "dates", "dates": [day]}, window="rolling_12_months"
        )
        version = a_version(tiers=tiers, fee=None, gates=a_version_gates())
        story = Story(session, version)
        story.sale(
            story.credited(first_seen_at=now - 400 * DAY), now - 370 * DAY, 100_000
        )
        rated(story, 45, now)
        story.recompute(now)

        shown = without_tags(sign_in(story.user()), "/app")

        assert "You keep Top until" in shown
        assert "as things stand, you move to Base then." in shown

    def test_a_place_that_has_ended_is_said(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = a_partner(session)
        enrollments.terminate(
            session, enrollment, actor=None, reason="Duty", now=utc_now()
        )
        session.flush()

        shown = without_tags(sign_in(owner_of(session, enrollment)), "/app")

        assert ": ended" in shown
        assert "What you earned before stays yours." in shown


def a_version_gates() -> list[dict[str, object]]:
    gates: list[dict[str, object]] = a_version().definition_json["gates"]
    return [gate for gate in gates if gate["kind"] != "fee"]


def test_a_suspension_leaves_links_working_and_restoring_loses_no_history(
    client: FlaskClient, session: Session, sign_in: SignIn
) -> None:
    admin = UserFactory.create(admin=True)
    story = Story(session, a_version(fee=None, gates=a_version_gates()))
    story.enrollment.move_to(EnrollmentStatus.ACTIVE)
    customer = story.credited()
    days = {"before": -30, "during": -20, "after": -10}
    for number in days.values():
        story.sale(customer, NOW + number * DAY, 100_000)
    kept = queries.history(session, story.enrollment)

    enrollments.suspend(
        session, story.enrollment, actor=admin, reason="Spam", now=NOW - 25 * DAY
    )
    session.flush()
    while_suspended = client.get(f"/r/{story.link.code}")
    steps = page(sign_in(story.user()), STEPS)
    enrollments.resume(
        session, story.enrollment, actor=admin, reason="Settled", now=NOW - 15 * DAY
    )
    session.flush()
    story.recompute(NOW)

    assert while_suspended.status_code == 302
    assert "we have paused your place" in steps
    assert story.amounts() == [20_000, 0, 20_000]
    after = queries.history(session, story.enrollment)
    assert {key: after[key] for key in kept} == dict(kept)
    assert after["*stopped"]
    could = [
        queries.answer(session, story.enrollment, at=NOW + day * DAY).may(Blocks.EARN)
        for day in days.values()
    ]
    assert could == [True, False, True]
    assert story.enrollment.status is EnrollmentStatus.ACTIVE
