"""Staff waive a fee: the gate is met, nothing is charged, both end by themselves."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.fees import queries, rules, service, tasks
from portal.fees.models import FeeNotice, FeeWaiver
from portal.fees.rules import GatePlan, Spell
from portal.kit.clock import utc_now
from portal.mail.models import OutboxEmail
from portal.stripe_sandbox.sandbox import Sandbox
from tests.conftest import SignIn
from tests.enrollments.gates import enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.fees.conftest import CARD_THAT_FAILS_LATER, Deliver, PayerOf
from tests.fees.test_choices import gate_is_met, opened
from tests.fees.test_dunning import queued

DAY = timedelta(days=1)
UNTIL = NOW + 40 * DAY


def waived(
    session: Session, enrollment: Enrollment, *, now: datetime = NOW
) -> FeeWaiver:
    found = enrollments.get(session, enrollment.id, lock=True)
    made = service.waive(
        session,
        found,
        reason="You helped us at the fair.",
        until_at=UNTIL,
        actor=UserFactory.create(finance=True),
        now=now,
    )
    session.flush()
    return made


def pause(app: Flask, enrollment: Enrollment, at: datetime) -> None:
    with app.app_context():
        tasks.pause_at(enrollment.id, now=at)


def invoices(sandbox: Sandbox) -> list[str]:
    return [one["status"] for one in sandbox.store.every("invoice")][::-1]


class TestWithoutASubscription:
    def test_the_gate_is_met_until_the_day_and_the_partner_is_told_why(
        self, session: Session, sign_in: SignIn, payer_of: PayerOf
    ) -> None:
        user, enrollment = payer_of()

        waived(session, enrollment)

        assert gate_is_met(session, enrollment, UNTIL - DAY)
        assert not gate_is_met(session, enrollment, UNTIL + DAY)
        mail = session.scalars(select(OutboxEmail)).one()
        assert (mail.to, mail.template) == (user.email, "fees/waived")
        assert mail.context["last_on"] == "April 10, 2026"
        kept = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "fee.waived")
        ).one()
        assert kept.details["why"] == "You helped us at the fair."
        del sign_in

    def test_ending_it_shuts_the_gate_and_keeps_that_it_was_there(
        self, session: Session, payer_of: PayerOf
    ) -> None:
        _user, enrollment = payer_of()
        staff = UserFactory.create(finance=True)
        made = waived(session, enrollment)
        found = enrollments.get(session, enrollment.id, lock=True)

        service.end_waiver(session, found, actor=staff, now=NOW + 3 * DAY)

        assert gate_is_met(session, enrollment, NOW + 2 * DAY)
        assert not gate_is_met(session, enrollment, NOW + 4 * DAY)
        assert (made.ended_at, made.ended_by_id) == (NOW + 3 * DAY, staff.id)
        with pytest.raises(service.NotWaived):
            service.end_waiver(session, found, actor=staff, now=NOW + 4 * DAY)

    def test_one_at_a_time_and_none_that_is_over(
        self, session: Session, payer_of: PayerOf
    ) -> None:
        _user, enrollment = payer_of()
        with pytest.raises(service.WaiverEndsTooEarly):
            waived(session, enrollment, now=UNTIL)
        waived(session, enrollment)

        with pytest.raises(service.IsWaived):
            waived(session, enrollment)


class TestWithASubscription:
    def test_it_is_not_charged_and_charges_again_by_itself(
        self,
        *,
        app: Flask,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of()
        sandbox.complete_checkout(opened(sign_in(user), enrollment))
        deliver()
        waived(session, enrollment)
        pause(app, enrollment, NOW)
        pause(app, enrollment, NOW)  # A worker died after it and tries again.

        sandbox.advance_to(NOW + 32 * DAY)
        deliver()
        sandbox.advance_to(NOW + 65 * DAY)
        deliver()

        assert invoices(sandbox) == ["paid", "void", "paid"]
        # The period that began under the waiver is free to its end, so that nobody who
        # did nothing wrong stands outside until the next charge.
        for day in (20, 35, 45, 60, 90):
            assert gate_is_met(session, enrollment, NOW + day * DAY)

    def test_without_the_pause_it_would_be_charged(
        self,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of()
        sandbox.complete_checkout(opened(sign_in(user), enrollment))
        deliver()
        waived(session, enrollment)

        sandbox.advance_to(NOW + 32 * DAY)

        assert invoices(sandbox) == ["paid", "paid"]

    def test_ending_it_charges_again_and_asks_stripe_what_was_paid(
        self,
        *,
        app: Flask,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of()
        sandbox.complete_checkout(opened(sign_in(user), enrollment))
        deliver()
        waived(session, enrollment)
        pause(app, enrollment, NOW)
        found = enrollments.get(session, enrollment.id, lock=True)

        service.end_waiver(
            session, found, actor=UserFactory.create(finance=True), now=NOW + DAY
        )
        session.flush()
        assert queued(session, service.MATCH_PAUSE) == [str(enrollment.id)]
        pause(app, enrollment, NOW + DAY)
        sandbox.advance_to(NOW + 32 * DAY)
        deliver()

        assert invoices(sandbox) == ["paid", "paid"]
        assert gate_is_met(session, enrollment, NOW + 50 * DAY)

    def test_what_is_past_due_is_not_reminded_of_meanwhile(
        self,
        *,
        app: Flask,
        session: Session,
        sign_in: SignIn,
        sandbox: Sandbox,
        deliver: Deliver,
        payer_of: PayerOf,
    ) -> None:
        user, enrollment = payer_of()
        page = opened(sign_in(user), enrollment)
        sandbox.complete_checkout(page, card=CARD_THAT_FAILS_LATER)
        deliver()
        waived(session, enrollment, now=NOW + 30 * DAY)

        sandbox.advance_to(NOW + 32 * DAY)
        deliver()
        with app.app_context():
            tasks.keep_up_at(NOW + 36 * DAY)

        assert session.scalars(select(FeeNotice)).all() == []
        assert gate_is_met(session, enrollment, UNTIL - DAY)


@pytest.mark.parametrize(
    ("paid", "plan"),
    [
        (GatePlan(None, None), GatePlan(NOW, UNTIL)),
        (GatePlan(NOW - 60 * DAY, NOW - 20 * DAY), GatePlan(NOW, UNTIL)),
        (GatePlan(NOW - 9 * DAY, NOW + DAY), GatePlan(NOW - 9 * DAY, UNTIL)),
        (GatePlan(NOW + DAY, UNTIL + DAY), GatePlan(NOW, UNTIL + DAY)),
    ],
    ids=["nothing paid", "lapsed before", "paid when it began", "paid meanwhile"],
)
def test_a_waiver_holds_the_gate_open_and_never_the_time_before_it(
    paid: GatePlan, plan: GatePlan
) -> None:
    assert rules.with_waiver(paid, Spell(NOW, UNTIL)) == plan


class TestPages:
    def test_staff_waive_and_end_and_the_partner_reads_it(
        self, session: Session, sign_in: SignIn, payer_of: PayerOf
    ) -> None:
        user, enrollment = payer_of()
        staff = sign_in(UserFactory.create(finance=True))
        path = f"/admin/fees/{enrollment.public_id}/waive"
        day = (utc_now() + 30 * DAY).date().isoformat()
        assert staff.get(path).status_code == 200

        empty = staff.post(path, data={})
        past = staff.post(path, data={"reason": "Fair", "last_on": "2026-01-01"})
        ugly = staff.post(path, data={"reason": "a\x00b", "last_on": day})
        done = staff.post(
            path, data={"reason": "For the fair", "last_on": day}, follow_redirects=True
        )

        assert (empty.status_code, past.status_code, ugly.status_code) == (422,) * 3
        assert "the partner reads it" in empty.text
        assert "last day that is not over yet" in past.text
        assert "For the fair" in done.text
        assert "It is waived until" in staff.get(path).text
        assert staff.post(path, data={"reason": "B", "last_on": day}).status_code == 409
        mine = sign_in(user).get("/app/billing").text
        assert "For the fair" in mine
        assert '/pay"' not in mine
        ended = staff.post(f"{path}/end", follow_redirects=True)
        again = staff.post(f"{path}/end", follow_redirects=True)
        assert "The fee is asked for again" in ended.text
        assert "not waived any more" in again.text
        assert queries.waiver(session, enrollment.id, at=utc_now()) is None

    def test_a_program_without_a_fee_has_no_such_page(
        self, session: Session, sign_in: SignIn
    ) -> None:
        enrollment = enrolled()
        staff = sign_in(UserFactory.create(finance=True))
        del session

        path = f"/admin/fees/{enrollment.public_id}/waive"

        assert staff.get(path).status_code == 404
        answer = staff.post(path, data={"reason": "A", "last_on": "2030-01-01"})
        assert answer.status_code == 409
