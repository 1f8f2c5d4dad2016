from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from portal.enrollments.models import Enrollment
from portal.programs.definition import ProgramDefinition
from portal.tiers import queries
from portal.tiers.facts import Event
from portal.tiers.models import TierChange
from portal.tiers.rules import ChangeReason, timeline


def rebuild(
    session: Session,
    enrollment: Enrollment,
    *,
    definition: ProgramDefinition,
    events: Sequence[Event],
    now: datetime,
) -> None:
    """Bring the kept history of levels in line with what was sold.

    Rows that are still right stay as they are, so doing this again changes nothing.

    Args:
        session: The session that holds the open transaction.
        enrollment: The enrollment, locked by the caller.
        definition: The program as it is in force now.
        events: The enrollment's sales and refunds, in order.
        now: Up to when.
    """
    wanted = _wanted(enrollment, definition, events, now)
    enrollment.tier = wanted[max(wanted)][0] if wanted else None
    for row in queries.history(session, enrollment.id):
        given = (row.tier, row.metric_value, row.reason)
        if wanted.get(row.from_at) == given:
            del wanted[row.from_at]
        else:
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


def _wanted(
    enrollment: Enrollment,
    definition: ProgramDefinition,
    events: Sequence[Event],
    now: datetime,
) -> dict[datetime, tuple[str, int, ChangeReason]]:
    if definition.tiers is None:
        return {}
    moments = [enrollment.joined_at, *(event.moment for event in events[:1])]
    wanted = {min(moments): (definition.tiers.levels[0].key, 0, ChangeReason.START)}
    changes = timeline(
        definition.tiers,
        events,
        currency=definition.currency,
        zone=definition.zone,
        until=now,
    ).changes
    return wanted | {
        change.from_at: (change.level.key, change.value, change.reason)
        for change in changes
    }
