"""Gates that staff confirm: a tax form is there, a call was held, a listing is up."""

from datetime import date, datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries
from portal.enrollments.models import Enrollment, GateInterval
from portal.enrollments.rules import Interval
from portal.enrollments.service.gates import (
    current_interval,
    rate_anew,
    reevaluate,
)
from portal.kit.clock import day_start
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.programs.definition import BY_HAND, Gate

MOST_YEARS_AHEAD = 50
_DAY = "%d %B %Y"


class NotConfirmable(NotFound):
    """The program has no such gate, or staff do not confirm it."""

    code = "gate_not_confirmable"


class AlreadyConfirmed(Conflict):
    """It is confirmed for some of this time already."""

    code = "gate_already_confirmed"


class NotConfirmed(Conflict):
    """There is nothing to withdraw."""

    code = "gate_not_confirmed"


def confirm_gate(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    *,
    actor: User,
    reason: str,
    now: datetime,
    since_on: date | None = None,
    last_on: date | None = None,
) -> None:
    """Note that staff have checked what a gate asks for.

    Days begin in the program's time zone. Confirming what is confirmed moves its end
    further away. A gate whose deadline has passed is confirmed from a day before it.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        gate_key: Which gate; one that staff confirm.
        actor: Who checked it.
        reason: What was checked, for the log.
        now: The moment.
        since_on: The first day on which it holds; none: from `now` on.
        last_on: The last day on which it holds; none: nobody knows of an end.

    Raises:
        NotConfirmable: There is no such gate of this kind.
        AlreadyConfirmed: It is confirmed for all of this time, or a part.
        Invalid: A day is impossible, or past the deadline that shuts the gate.
    """
    gate = _gate_of(enrollment, gate_key)
    zone = enrollment.version.definition.zone
    today = now.astimezone(zone).date()
    first_day = since_on or today
    _require_days(enrollment, first_day, last_on, today)
    since = now if since_on is None else day_start(since_on, zone)
    until = day_start(last_on + timedelta(days=1), zone) if last_on else None
    _require_in_time(session, enrollment, gate, since)
    _write(session, enrollment, gate, Interval(since, until), note=reason)
    audit.record(
        session,
        "gate.confirmed",
        enrollment.id,
        actor=actor,
        at=now,
        gate=gate.key,
        since=since.isoformat(),
        until=until.isoformat() if until else None,
        why=reason,
    )
    rate_anew(session, enrollment, gate.key, now=now)
    reevaluate(session, enrollment, now=now)


def withdraw_gate(
    session: Session,
    enrollment: Enrollment,
    gate_key: str,
    *,
    actor: User,
    reason: str,
    now: datetime,
) -> None:
    """Take a confirmation back, from `now` on; what was before stays.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        gate_key: Which gate; one that staff confirm.
        actor: Who takes it back.
        reason: Why, for the log.
        now: The moment.

    Raises:
        NotConfirmable: There is no such gate of this kind.
        NotConfirmed: It is not confirmed now.
    """
    gate = _gate_of(enrollment, gate_key)
    current = current_interval(session, enrollment, gate.key, now)
    if current is None:
        raise NotConfirmed(_("“%(gate)s” is not confirmed now.", gate=gate.title))
    current.met_until = now
    audit.record(
        session,
        "gate.withdrawn",
        enrollment.id,
        actor=actor,
        at=now,
        gate=gate.key,
        why=reason,
    )
    rate_anew(session, enrollment, gate.key, now=now)
    reevaluate(session, enrollment, now=now)


def _gate_of(enrollment: Enrollment, gate_key: str) -> Gate:
    for gate in enrollment.version.definition.gates:
        if gate.key == gate_key and gate.kind in BY_HAND:
            return gate
    raise NotConfirmable(_("There is nothing of this name to confirm."))


def _require_days(
    enrollment: Enrollment, first_day: date, last_day: date | None, today: date
) -> None:
    zone = enrollment.version.definition.zone
    joined_on = enrollment.joined_at.astimezone(zone).date()
    if first_day > today:
        raise Invalid(
            _("Enter today or a day in the past. You can confirm it when it is there."),
            field="since_on",
        )
    if first_day < joined_on:
        raise Invalid(
            _(
                "Enter the day of joining or a later one: %(day)s.",
                day=format(joined_on, _DAY),
            ),
            field="since_on",
        )
    if last_day is None:
        return
    if last_day < first_day:
        raise Invalid(
            _("Enter a last day that is not before the first one."), field="last_on"
        )
    if last_day.year > today.year + MOST_YEARS_AHEAD:
        raise Invalid(
            _("Leave the last day empty if there is no end in sight."), field="last_on"
        )


def _require_in_time(
    session: Session, enrollment: Enrollment, gate: Gate, since: datetime
) -> None:
    """Refuse what would not count: the gate shut at its deadline."""
    status = next(
        one
        for one in queries.checklist(session, enrollment, now=since)
        if one.gate.key == gate.key
    )
    if status.is_missed and status.due_on:
        raise Invalid(
            _(
                "The last day for this was %(day)s. If the partner had it by then, "
                "enter the day on which it was there.",
                day=format(status.due_on, _DAY),
            ),
            field="since_on",
        )


def _write(
    session: Session,
    enrollment: Enrollment,
    gate: Gate,
    wanted: Interval,
    *,
    note: str,
) -> None:
    """Add the interval, or extend the one in which it begins."""
    since, until = wanted.since, wanted.until
    session.flush()  # An interval added a moment ago must be found.
    rows = [
        row
        for row in queries.intervals(session, enrollment.id, gate.key)
        if not row.interval.is_empty
    ]
    current = next((row for row in rows if row.interval.holds(since)), None)
    if any(
        row is not current
        and since < row.met_from
        and (not until or row.met_from < until)
        for row in rows
    ):
        raise AlreadyConfirmed(
            _(
                "“%(gate)s” is confirmed for a later time already. Enter a last day "
                "before that.",
                gate=gate.title,
            )
        )
    if current is None:
        session.add(
            GateInterval(
                enrollment_id=enrollment.id,
                gate_key=gate.key,
                met_from=since,
                met_until=until,
                note=note,
            )
        )
        return
    if current.met_until is None or (until and until <= current.met_until):
        raise AlreadyConfirmed(
            _(
                "“%(gate)s” is confirmed for this time already. To end it, withdraw "
                "the confirmation.",
                gate=gate.title,
            )
        )
    current.met_until = until
    current.note = note
