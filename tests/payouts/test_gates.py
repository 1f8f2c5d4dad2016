"""The gate that asks a partner where it is paid."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy.orm import Session

from portal.enrollments import queries
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.steps import checklist_items
from portal.partners.models import Partner
from portal.payouts import queries as payouts
from portal.payouts import service, tasks
from portal.payouts.rules import AccountKind
from tests.enrollments.gates import EXAM, TAX_FORM, version_with_gates
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerFactory, PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory
from tests.payouts.paying import KEYS, SEPA

DAY = timedelta(days=1)
GATE: dict[str, Any] = TAX_FORM | {"key": "account", "kind": "payout_account"}
IBANS = (SEPA.iban, "DE75512108001245126199")


@pytest.fixture
def partner(session: Session) -> Partner:
    member = PartnerMemberFactory.create()
    session.flush()
    partner: Partner = member.partner
    return partner


def enrolled(partner: Partner, joined_at: datetime = NOW) -> Enrollment:
    enrollment: Enrollment = EnrollmentFactory.create(
        partner=partner, version=version_with_gates(GATE), joined_at=joined_at
    )
    return enrollment


def add_account(session: Session, partner: Partner, iban: str, now: datetime) -> None:
    service.change_account(
        session,
        partner,
        AccountKind.SEPA,
        holder="Hanbit",
        details=replace(SEPA, iban=iban),
        actor=UserFactory.create(),
        keys=KEYS,
        now=now,
    )
    session.flush()


def met(session: Session, enrollment: Enrollment) -> list[tuple[int, datetime | None]]:
    rows = queries.intervals(session, enrollment.id, "account")
    return [((row.met_from - NOW).days, row.met_until) for row in rows]


def test_the_first_account_opens_it_and_another_one_leaves_it_open(
    session: Session, partner: Partner
) -> None:
    enrollment = enrolled(partner)
    session.flush()

    add_account(session, partner, IBANS[0], NOW + DAY)
    add_account(session, partner, IBANS[1], NOW + 9 * DAY)

    assert met(session, enrollment) == [(1, None)]


def test_without_an_account_it_stays_shut(session: Session, partner: Partner) -> None:
    enrollment = enrolled(partner)
    session.flush()

    service.follow_gates(session, partner.id, now=NOW + DAY)

    assert met(session, enrollment) == []


def test_an_account_from_before_opens_the_gate_of_the_next_program(
    app: Flask, session: Session, partner: Partner
) -> None:
    add_account(session, partner, IBANS[0], NOW)
    enrollment = enrolled(partner, joined_at=NOW + 3 * DAY)
    session.flush()
    since = NOW + 2 * DAY
    assert payouts.joined_with_account(session, since=since) == [partner.id]

    with time_machine.travel(NOW + 4 * DAY, tick=False), app.app_context():
        tasks.follow_gates()
        tasks.follow_gates()

    session.expire_all()
    assert met(session, enrollment) == [(3, None)]


def test_other_gates_and_ended_places_are_left_alone(
    session: Session, partner: Partner
) -> None:
    enrollment = enrolled(partner)
    enrollment.move_to(EnrollmentStatus.TERMINATED)
    other: Enrollment = EnrollmentFactory.create(
        partner=partner, version=version_with_gates(EXAM)
    )
    session.flush()

    add_account(session, partner, IBANS[0], NOW + DAY)

    assert met(session, enrollment) == []
    assert not queries.intervals(session, other.id, "certification")


def test_the_list_of_steps_leads_to_the_page_of_accounts(
    app: Flask, session: Session
) -> None:
    enrollment = enrolled(PartnerFactory.create())
    session.flush()
    with app.test_request_context():
        items = checklist_items(
            enrollment, queries.checklist(session, enrollment, now=NOW)
        )

    assert items[-1].url == "/app/payouts"
