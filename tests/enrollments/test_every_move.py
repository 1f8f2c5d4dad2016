"""Every state times every event: of each kind of gate, and of the enrollment.

What is not in the tables below is refused, or changes nothing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments import queries, service
from portal.enrollments.models import Enrollment, EnrollmentStatus, GateInterval
from portal.enrollments.rules import GateStatus
from portal.kit.errors import DomainError
from portal.programs.definition import BY_HAND, GateKind
from tests.enrollments.gates import EXAM, FEE, TAX_FORM, TERMS, enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

DAY = timedelta(days=1)
AT = NOW + 50 * DAY
"""When the event comes; the deadline was on day 30."""

KINDS = {
    GateKind.EMAIL: {"key": "one", "kind": "email", "title": "E-mail"},
    GateKind.REVIEW: {"key": "one", "kind": "review", "title": "Review"},
    GateKind.AGREEMENT: TERMS | {"key": "one"},
    GateKind.CERTIFICATION: EXAM | {"key": "one"},
    GateKind.FEE: FEE | {"key": "one"},
    GateKind.CONFIRMATION: TAX_FORM | {"key": "one"},
    GateKind.TAX_FORM: TAX_FORM | {"key": "one", "kind": "tax_form"},
    GateKind.PAYOUT_ACCOUNT: TAX_FORM | {"key": "one", "kind": "payout_account"},
    GateKind.DEALS: TAX_FORM | {"key": "one", "kind": "deals"},
    GateKind.CREDENTIAL: TAX_FORM | {"key": "one", "kind": "credential"},
}

# How a gate stands before the event: what is kept, and its deadline.
Before = tuple[list[tuple[datetime, datetime | None, bool]], dict[str, object]]
DUE_LATER: dict[str, object] = {"deadline_days": 90}
OVERDUE: dict[str, object] = {"deadline_days": 30}
SHUT = OVERDUE | {"shuts_at_deadline": True}
STATES: Mapping[str, Before] = {
    "never met": ([], {}),
    "due": ([], DUE_LATER),
    "overdue": ([], OVERDUE),
    "missed": ([], SHUT),
    "met": ([(NOW, None, False)], {}),
    "met until": ([(NOW, AT + 9 * DAY, False)], {}),
    "in grace": ([(NOW, AT + 9 * DAY, True)], {}),
    "ended": ([(NOW, AT - DAY, False)], {}),
    "met too late": ([(NOW + 40 * DAY, None, False)], SHUT),
}

Event = Callable[[Session, Enrollment, User], None]


def _meet(**parts: object) -> Event:
    def event(session: Session, enrollment: Enrollment, actor: User) -> None:
        del actor
        service.meet_gate(session, enrollment, "one", now=AT, **parts)  # type: ignore[arg-type]  # as given

    return event


def _lose(session: Session, enrollment: Enrollment, actor: User) -> None:
    del actor
    service.lose_gate(session, enrollment, "one", now=AT)


def _confirm(session: Session, enrollment: Enrollment, actor: User) -> None:
    service.confirm_gate(session, enrollment, "one", actor=actor, reason="x", now=AT)


def _withdraw(session: Session, enrollment: Enrollment, actor: User) -> None:
    service.withdraw_gate(session, enrollment, "one", actor=actor, reason="x", now=AT)


EVENTS: Mapping[str, Event] = {
    "meet": _meet(),
    "meet until": _meet(until=AT + 20 * DAY),
    "payment failed": _meet(until=AT + 7 * DAY, in_grace=True),
    "lose": _lose,
    "confirm": _confirm,
    "withdraw": _withdraw,
}
REFUSED = "refused"
_EVERY = {"meet": "met", "meet until": "met until", "payment failed": "in grace"}
_OPEN = _EVERY | {"lose": "unmet", "confirm": "refused", "withdraw": "unmet"}
_NEVER = _EVERY | {"lose": "unmet", "confirm": "met", "withdraw": "refused"}
AFTER: Mapping[str, Mapping[str, str]] = {
    "never met": _NEVER,
    "due": _NEVER | {"lose": "due"},
    "overdue": _NEVER | {"lose": "overdue"},
    # What comes too late is noted by the portal, refused to staff, and never counts.
    "missed": dict.fromkeys(_EVERY, "missed")
    | {"lose": "missed", "confirm": REFUSED, "withdraw": REFUSED},
    "met": _OPEN,
    "met until": _OPEN | {"confirm": "met"},
    "in grace": _OPEN | {"confirm": "in grace, no end"},
    "ended": _NEVER,
    "met too late": dict.fromkeys(_EVERY, "missed")
    | {"lose": "missed", "confirm": REFUSED, "withdraw": "missed"},
}
"""What each event makes of each state; `refused` leaves everything as it was."""

BY_STAFF = ("confirm", "withdraw")
"""Only of the kinds in `BY_HAND`; of every other kind they are refused."""


def said(status: GateStatus) -> str:
    if status.is_met:
        if status.in_grace:
            return "in grace" if status.until else "in grace, no end"
        return "met until" if status.until else "met"
    if status.is_missed:
        return "missed"
    if status.due_on is not None:
        return "overdue" if status.is_overdue else "due"
    return "unmet"


def test_the_tables_are_whole() -> None:
    assert set(KINDS) == set(GateKind)
    assert set(AFTER) == set(STATES)
    assert all(set(row) == set(EVENTS) for row in AFTER.values())


@pytest.mark.parametrize("kind", GateKind)
def test_every_event_in_every_state_of_a_gate(session: Session, kind: GateKind) -> None:
    actor = UserFactory.create(admin=True)
    for state, (kept, more) in STATES.items():
        enrollment = enrolled(KINDS[kind] | {"blocks": ["earn"]} | more)
        session.add_all(
            GateInterval(
                enrollment_id=enrollment.id,
                gate_key="one",
                met_from=since,
                met_until=until,
                in_grace=in_grace,
            )
            for since, until, in_grace in kept
        )
        session.flush()
        before = said(_standing(session, enrollment))
        for name, event in EVENTS.items():
            wanted = AFTER[state][name]
            if name in BY_STAFF and kind not in BY_HAND:
                wanted = REFUSED
            with session.begin_nested() as savepoint:
                try:
                    event(session, enrollment, actor)
                    session.flush()
                    found = said(_standing(session, enrollment))
                except DomainError:
                    found = REFUSED
                    assert said(_standing(session, enrollment)) == before
                savepoint.rollback()

            assert (state, name, found) == (state, name, wanted)


def _standing(session: Session, enrollment: Enrollment) -> GateStatus:
    found = queries.checklist(session, enrollment, now=AT)
    return next(one for one in found if one.gate.key == "one")


_S = EnrollmentStatus


def _stand(verb: str) -> Event:
    def event(session: Session, enrollment: Enrollment, actor: User) -> None:
        do = getattr(service, verb)
        do(session, enrollment, actor=actor, reason="x", now=AT)

    return event


def _time_passes(session: Session, enrollment: Enrollment, actor: User) -> None:
    del actor
    service.reevaluate(session, enrollment, now=AT)


MOVES: Mapping[str, Event] = {
    "gate met": _meet(),
    "gate lost": _lose,
    "time passes": _time_passes,
    "suspend": _stand("suspend"),
    "resume": _stand("resume"),
    "terminate": _stand("terminate"),
}
BECOMES: Mapping[EnrollmentStatus, Mapping[str, EnrollmentStatus | str]] = {
    _S.PENDING: {
        "gate met": _S.ACTIVE,
        "gate lost": _S.PENDING,
        "time passes": _S.PENDING,
        "suspend": _S.SUSPENDED,
        "resume": REFUSED,
        "terminate": _S.TERMINATED,
    },
    _S.ACTIVE: {
        "gate met": _S.ACTIVE,
        "gate lost": _S.PENDING,
        "time passes": _S.ACTIVE,
        "suspend": _S.SUSPENDED,
        "resume": REFUSED,
        "terminate": _S.TERMINATED,
    },
    # Stopped by staff: what happens to gates is noted and moves nothing.
    _S.SUSPENDED: {
        "gate met": _S.SUSPENDED,
        "gate lost": _S.SUSPENDED,
        "time passes": _S.SUSPENDED,
        "suspend": REFUSED,
        "resume": _S.PENDING,
        "terminate": _S.TERMINATED,
    },
    _S.TERMINATED: {
        "gate met": _S.TERMINATED,
        "gate lost": _S.TERMINATED,
        "time passes": _S.TERMINATED,
        "suspend": REFUSED,
        "resume": REFUSED,
        "terminate": REFUSED,
    },
}


@pytest.mark.parametrize("status", EnrollmentStatus)
def test_every_event_in_every_state_of_an_enrollment(
    session: Session, status: EnrollmentStatus
) -> None:
    assert set(BECOMES) == set(EnrollmentStatus)
    assert set(BECOMES[status]) == set(MOVES)
    actor = UserFactory.create(admin=True)
    enrollment = enrolled(EXAM | {"key": "one"})
    for key in ("email", "review"):
        service.meet_gate(session, enrollment, key, now=NOW)
    if status is _S.ACTIVE:
        service.meet_gate(session, enrollment, "one", now=NOW)
    if status in (_S.SUSPENDED, _S.TERMINATED):
        verb = "suspend" if status is _S.SUSPENDED else "terminate"
        _stand(verb)(session, enrollment, actor)
    session.flush()
    assert enrollment.status is status

    for name, event in MOVES.items():
        found: EnrollmentStatus | str
        with session.begin_nested() as savepoint:
            try:
                event(session, enrollment, actor)
                found = enrollment.status
            except DomainError:
                found = REFUSED
                assert enrollment.status is status
            savepoint.rollback()
        enrollment = queries.get(session, enrollment.id)

        assert (name, found) == (name, BECOMES[status][name])
