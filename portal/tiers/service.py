"""What staff write down about a partner's level, and the kept history.

The level itself is never set: it follows from the rules, from what was recorded and
from overrides. Whoever calls a verb queues a recompute, because rates may follow.
"""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import service as enrollment_service
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.fees import service as fees
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.programs.definition import MOST_MINOR, ProgramDefinition
from portal.tiers import queries
from portal.tiers.facts import Event, TierInputs
from portal.tiers.metrics import recorded_by_hand
from portal.tiers.models import LevelOverride, RecordedFact, TierChange
from portal.tiers.rules import ChangeReason, Timeline, timeline


class FactNotAsked(Invalid):
    """No level of the program looks at this fact, or nobody records it by hand."""

    code = "fact_not_asked"


class FactOutOfRange(Invalid):
    """The value is no count that the portal can keep."""

    code = "fact_out_of_range"


class FactInTheFuture(Invalid):
    """The value would hold from a moment that has not come."""

    code = "fact_in_the_future"


class NoSuchLevel(Invalid):
    """The program has no level of that key."""

    code = "no_such_level"


class NoTiers(Conflict):
    """The program in force has no tiers."""

    code = "no_tiers"


class OverrideEndsTooEarly(Invalid):
    """The override would be over before it begins."""

    code = "override_ends_too_early"


class OverrideIsOver(Conflict):
    """The override does not hold any more."""

    code = "override_is_over"


def record_fact(
    session: Session,
    enrollment: Enrollment,
    *,
    definition: ProgramDefinition,
    fact: str,
    value: int,
    from_at: datetime,
    reason: str,
    actor: User | None,
    now: datetime,
) -> RecordedFact:
    """Write down a value that a level asks for, such as a rating.

    A value for a moment for which there is one already takes its place.

    Args:
        session: The session that holds the open transaction.
        enrollment: About whom, locked by the caller.
        definition: The program as it is in force now.
        fact: Which value, as a requirement names it.
        value: The value, as the requirement counts it.
        from_at: From when on it holds.
        reason: Where it comes from.
        actor: Who records it; none for the portal itself.
        now: When it is recorded.

    Raises:
        FactNotAsked: No level looks at it, or it is counted by the portal itself.
        FactOutOfRange: It is negative, or too large to keep.
        FactInTheFuture: It would hold from a moment that has not come.
    """
    tiers = definition.tiers
    if tiers is None or fact not in recorded_by_hand(tiers):
        raise FactNotAsked(
            _("No tier of this program looks at that value."), field="fact"
        )
    if not 0 <= value <= MOST_MINOR:
        raise FactOutOfRange(
            _("Enter a whole number from 0 up to 10^15."), field="value"
        )
    if from_at > now:
        raise FactInTheFuture(
            _("Choose today or a day before: it must hold already."), field="from_on"
        )
    row = RecordedFact(
        id=new_id(),
        enrollment_id=enrollment.id,
        fact=fact,
        value=value,
        from_at=from_at,
        reason=reason,
        recorded_at=now,
        recorded_by_id=actor.id if actor else None,
    )
    session.add(row)
    audit.record(
        session,
        "enrollment.tier_fact_recorded",
        enrollment.id,
        actor=actor,
        at=now,
        fact=fact,
        value=value,
        holds_from=from_at.isoformat(),
        why=reason,
    )
    return row


def set_override(
    session: Session,
    enrollment: Enrollment,
    *,
    definition: ProgramDefinition,
    level: str,
    until_at: datetime | None,
    reason: str,
    actor: User | None,
    now: datetime,
) -> LevelOverride:
    """Put a partner on a level from `now` on, whatever the rules say.

    One that holds already ends.

    Args:
        session: The session that holds the open transaction.
        enrollment: Whom, locked by the caller.
        definition: The program as it is in force now.
        level: The key of the level.
        until_at: When it ends by itself; none: when somebody ends it.
        reason: Why, for the log.
        actor: Who sets it; none for the portal itself.
        now: From when on.

    Raises:
        NoSuchLevel: The program has no level of that key.
        OverrideEndsTooEarly: `until_at` is not after `now`.
    """
    levels = definition.tiers.levels if definition.tiers else ()
    if level not in {one.key for one in levels}:
        raise NoSuchLevel(_("Choose one of the program's tiers."), field="level")
    if until_at is not None and until_at <= now:
        raise OverrideEndsTooEarly(
            _("Choose a last day that is not over yet."), field="until_on"
        )
    for row in queries.overrides_of(session, enrollment.id):
        if row.holds(now):
            row.ended_at, row.ended_by_id = now, actor.id if actor else None
    override = LevelOverride(
        id=new_id(),
        enrollment_id=enrollment.id,
        level=level,
        from_at=now,
        until_at=until_at,
        reason=reason,
        set_by_id=actor.id if actor else None,
    )
    session.add(override)
    audit.record(
        session,
        "enrollment.tier_override_set",
        enrollment.id,
        actor=actor,
        at=now,
        tier=level,
        until=until_at.isoformat() if until_at else None,
        why=reason,
    )
    return override


def end_override(
    session: Session, override: LevelOverride, *, actor: User | None, now: datetime
) -> None:
    """Let the rules decide again from `now` on.

    Args:
        session: The session that holds the open transaction.
        override: Which one; its enrollment is locked by the caller.
        actor: Who ends it; none for the portal itself.
        now: When.

    Raises:
        OverrideIsOver: It does not hold any more.
    """
    if not override.holds(now):
        raise OverrideIsOver(_("This tier is not set by hand any more."))
    override.ended_at, override.ended_by_id = now, actor.id if actor else None
    audit.record(
        session,
        "enrollment.tier_override_ended",
        override.enrollment_id,
        actor=actor,
        at=now,
        tier=override.level,
    )


def rebuild(
    session: Session,
    enrollment: Enrollment,
    *,
    definition: ProgramDefinition,
    events: Sequence[Event],
    now: datetime,
    inputs: TierInputs | None = None,
    kept: Sequence[TierChange] | None = None,
) -> Timeline | None:
    """Bring the kept history of levels in line with what happened.

    Rows that are still right stay as they are, so doing this again changes nothing.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        definition: The program as it is in force now.
        events: The enrollment's sales and refunds, in order.
        now: Up to when.
        inputs: What decides besides sales; none: read it.
        kept: The kept history, read while the enrollment was locked; none: read it.

    Returns:
        The levels over time; none in a program without tiers.
    """
    if inputs is None:
        session.flush()  # What was recorded a moment ago must be among what is read.
        inputs = queries.inputs_of(session, [enrollment.id])[enrollment.id]
    line = _line(definition, events, inputs, now)
    wanted = _wanted(line, enrollment, events)
    tier = wanted[max(wanted)][0] if wanted else None
    if enrollment.tier != tier:
        enrollment.tier = tier
        fees.match_later(session, enrollment)
    if kept is None:
        kept = queries.history(session, enrollment.id)
    wrong = []
    for row in kept:
        given = (row.tier, row.metric_value, row.reason)
        if wanted.get(row.from_at) == given:
            del wanted[row.from_at]
        else:
            wrong.append(row)
    if wrong:
        for row in wrong:
            session.delete(row)
        session.flush()  # A replaced row must be gone before its successor is there.
    session.add_all(
        TierChange(
            enrollment_id=enrollment.id,
            from_at=from_at,
            tier=tier,
            metric_value=value,
            reason=reason,
        )
        for from_at, (tier, value, reason) in wanted.items()
    )
    return line


def keep_up(
    session: Session, enrollment: Enrollment, *, now: datetime
) -> Timeline | None:
    """Bring an enrollment's level in line with what follows from time alone.

    A membership that ends because a level was not reached in time ends here, and
    nothing is earned from the day of the duty on, however late this runs.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        now: The moment.

    Returns:
        The levels over time; none in a program without tiers.
    """
    line = rebuild(
        session,
        enrollment,
        definition=queries.ruled_by(session, enrollment, now=now),
        events=queries.events_of(session, [enrollment.id])[enrollment.id],
        now=now,
    )
    is_running = enrollment.status is not EnrollmentStatus.TERMINATED
    if line is not None and line.ends_at is not None and is_running:
        enrollment_service.terminate(
            session,
            enrollment,
            actor=None,
            reason="The tier that the program asks for was not reached in time.",
            now=now,
            since=line.ends_at,
        )
    return line


def timeline_of(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    *,
    until: datetime,
) -> Timeline:
    """Return the levels over time up to `until`, if nothing else happens before.

    Args:
        session: The session to read from.
        enrollment: Whose.
        definition: The program as it is in force, with tiers.
        until: A moment that may be yet to come.
    """
    line = _line(
        definition,
        queries.events_of(session, [enrollment.id])[enrollment.id],
        queries.inputs_of(session, [enrollment.id])[enrollment.id],
        until,
    )
    if line is None:
        raise ValueError(f"{definition.key} has no tiers")
    return line


def _line(
    definition: ProgramDefinition,
    events: Sequence[Event],
    inputs: TierInputs,
    now: datetime,
) -> Timeline | None:
    if definition.tiers is None:
        return None
    return timeline(
        definition.tiers,
        events,
        currency=definition.currency,
        zone=definition.zone,
        until=now,
        inputs=inputs,
    )


def _wanted(
    line: Timeline | None, enrollment: Enrollment, events: Sequence[Event]
) -> dict[datetime, tuple[str, int, ChangeReason]]:
    if line is None:
        return {}
    moments = [enrollment.joined_at, *(event.moment for event in events[:1])]
    moments += [change.from_at for change in line.changes[:1]]
    wanted = {min(moments): (line.lowest.key, 0, ChangeReason.START)}
    return wanted | {
        change.from_at: (change.level.key, change.value, change.reason)
        for change in line.changes
    }
