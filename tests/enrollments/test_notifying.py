"""Mails before a gate shuts and after: each once, whenever the run comes."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.enrollments import queries, service
from portal.enrollments.models import Enrollment
from portal.enrollments.notices import Notice, NoticeKind
from portal.mail.models import OutboxEmail
from portal.mail.rendering import render
from tests.enrollments.gates import EXAM, FEE, TAX_FORM, TERMS, enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory

DAY = timedelta(days=1)
END = NOW + 365 * DAY
DUE = EXAM | {"deadline_days": 90, "shuts_at_deadline": True}


def mails(session: Session) -> list[OutboxEmail]:
    return list(session.scalars(select(OutboxEmail).order_by(OutboxEmail.queued_at)))


def read(app: Flask, mail: OutboxEmail) -> str:
    with app.app_context():
        found = render(mail.template, mail.context, mail.locale)
    for line in found.text.splitlines():
        assert len(line) < 400
    return f"{found.subject}\n{found.text}"


def a_member(*gates: dict[str, object]) -> Enrollment:
    enrollment = enrolled(*gates)
    PartnerMemberFactory.create(partner=enrollment.partner)
    return enrollment


@pytest.fixture
def certified(session: Session) -> Enrollment:
    enrollment = a_member(EXAM)
    service.meet_gate(session, enrollment, "certification", now=NOW, until=END)
    return enrollment


def test_a_year_of_daily_runs_sends_three_warnings_and_one_explanation(
    app: Flask, session: Session, certified: Enrollment
) -> None:
    told = [
        (END - moment * DAY, service.notify(session, certified, now=END - moment * DAY))
        for moment in (90, 60, 60, 53, 30, 7, 0, 0, -7)
    ]

    assert [new for _moment, new in told] == [0, 1, 0, 0, 1, 1, 1, 0, 0]
    first, *_others, last = mails(session)
    text = read(app, first)
    assert "Ends on March 1, 2027: Pass the exam" in text
    assert "This holds until March 1, 2027 and then ends." in text
    assert "Your links go on working. Sales earn nothing, also not later." in text
    assert "/app/certifications" in text
    assert first.context["days_left"] == 60
    text = read(app, last)
    assert "No longer met: Pass the exam" in text
    assert "The last certificate ended on March 1, 2027." in text


def test_what_was_rolled_back_is_told_again(
    session: Session, certified: Enrollment
) -> None:
    session.flush()
    with session.begin_nested() as savepoint:
        assert service.notify(session, certified, now=END - 7 * DAY) == 1
        session.flush()
        savepoint.rollback()

    assert service.notify(session, certified, now=END - 7 * DAY) == 1
    assert len(mails(session)) == 1


def test_the_table_refuses_what_was_told(
    session: Session, certified: Enrollment
) -> None:
    service.notify(session, certified, now=END - 7 * DAY)
    session.flush()
    again = Notice(
        key="certification",
        kind=NoticeKind.EXPIRY,
        about_at=END,
        step=7,
        last_day=END.date(),
    )

    with (
        pytest.raises(IntegrityError, match="uq_gate_notices_once"),
        session.begin_nested(),
    ):
        service.keep(session, certified, again, now=END)


def test_while_staff_have_stopped_it_nothing_is_told(
    session: Session, certified: Enrollment
) -> None:
    admin = UserFactory.create(admin=True)
    service.suspend(session, certified, actor=admin, reason="Spam", now=NOW)

    assert service.notify(session, certified, now=END - 7 * DAY) == 0

    service.resume(session, certified, actor=admin, reason="Settled", now=END - 6 * DAY)
    assert service.notify(session, certified, now=END - 6 * DAY) == 1


def test_a_deadline_names_what_can_no_longer_be_done(
    app: Flask, session: Session
) -> None:
    enrollment = a_member(DUE)

    assert service.notify(session, enrollment, now=NOW + 83 * DAY) == 1
    assert service.notify(session, enrollment, now=NOW + 97 * DAY) == 1

    before, after = (read(app, one) for one in mails(session))
    assert "By May 30, 2026: Pass the exam" in before
    assert "It cannot be done any more." in before
    assert "Not done in time: Pass the exam" in after
    assert "The last day for this was May 30, 2026, and it is not done." in after


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (EXAM, "The certificate was revoked."),
        (FEE, "The fee was cancelled or paid back."),
        (TAX_FORM, "We took the confirmation back."),
        (TAX_FORM | {"kind": "tax_form"}, "There is no form any more that counts."),
    ],
)
def test_what_was_taken_back_is_explained_with_its_reason(
    app: Flask, session: Session, gate: dict[str, object], words: str
) -> None:
    enrollment = a_member(gate)
    key = str(gate["key"])
    service.meet_gate(session, enrollment, key, now=NOW, until=END)
    # Something else was lost at the same moment.
    service.meet_gate(session, enrollment, "email", now=NOW)
    service.lose_gate(session, enrollment, "email", now=NOW + DAY)
    service.lose_gate(session, enrollment, key, now=NOW + DAY)

    service.notify(session, enrollment, now=NOW + 2 * DAY)

    assert any(words in read(app, one) for one in mails(session))


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (FEE, "The fee is paid until March 1, 2027 and no longer."),
        (TAX_FORM, "It held until March 1, 2027."),
    ],
)
def test_what_ended_by_itself_says_so(
    app: Flask, session: Session, gate: dict[str, object], words: str
) -> None:
    enrollment = a_member(gate)
    service.meet_gate(session, enrollment, str(gate["key"]), now=NOW, until=END)

    service.notify(session, enrollment, now=END)

    [mail] = mails(session)
    assert words in read(app, mail)


@pytest.mark.parametrize(
    ("interval", "cost"), [("year", "a year"), ("month", "a month")]
)
def test_a_fee_that_was_canceled_names_its_price(
    app: Flask, session: Session, interval: str, cost: str
) -> None:
    enrollment = enrolled(FEE | {"sales_while_unmet": "held"}, interval=interval)
    PartnerMemberFactory.create(partner=enrollment.partner)
    service.meet_gate(session, enrollment, "fee", now=NOW, until=END)

    assert service.notify(session, enrollment, now=END - 3 * DAY) == 1

    [mail] = mails(session)
    text = read(app, mail)
    assert f"It costs $50.00 {cost}." in text
    assert "Sales are held: they earn once this is done." in text
    assert "clicks on your links do not count" in text
    assert mail.context["path"] == "/app/billing"


def test_a_payment_that_failed_has_reminders_of_its_own(session: Session) -> None:
    enrollment = a_member(FEE)
    service.meet_gate(
        session, enrollment, "fee", now=NOW, until=END, in_grace=True, renews=True
    )

    assert service.notify(session, enrollment, now=END - 3 * DAY) == 0


def test_every_blocked_thing_has_its_sentence_and_the_agreement_its_page(
    app: Flask, session: Session
) -> None:
    enrollment = a_member(TERMS)
    service.meet_gate(session, enrollment, "terms", now=NOW, until=END)

    service.notify(session, enrollment, now=END - DAY)

    [mail] = mails(session)
    text = read(app, mail)
    assert "Your place in the program waits." in text
    assert "We do not pay out." in text
    assert mail.context["path"].endswith(f"/{enrollment.public_id}/agreement")


def test_a_partner_without_an_owner_is_asked_nothing(session: Session) -> None:
    enrollment = enrolled(EXAM)
    service.meet_gate(session, enrollment, "certification", now=NOW, until=END)

    assert service.notify(session, enrollment, now=END) == 1
    assert mails(session) == []


def test_what_was_told_is_known(session: Session, certified: Enrollment) -> None:
    service.notify(session, certified, now=END - 7 * DAY)
    session.flush()

    kept: set[tuple[str, NoticeKind, datetime, int]] = queries.told(
        session, certified.id
    )
    assert kept == {("certification", NoticeKind.EXPIRY, END, 7)}
