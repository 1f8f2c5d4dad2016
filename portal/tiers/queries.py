from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.certification.models import Certificate
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.programs import queries as programs
from portal.programs.definition import ProgramDefinition
from portal.tiers.certificates import Holding, counted
from portal.tiers.facts import (
    Event,
    TierFact,
    TierInputs,
    TierOverride,
)
from portal.tiers.loading import customers_of as customers_of  # noqa: PLC0414 - a face
from portal.tiers.loading import events_of as events_of  # noqa: PLC0414 - a face
from portal.tiers.models import LevelOverride, RecordedFact, TierChange
from portal.tiers.progress import Progress, progress
from portal.tiers.rules import Standing, Timeline, timeline

LOOK_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierView:
    """Where an enrollment stands in the tiers of its program.

    Attributes:
        enrollment: The enrollment.
        definition: The program in force now.
        progress: The level and the way to the next; none in a program without tiers.
        soon: Where the enrollment stands in 30 days if nothing else happens.
        history: The levels held, newest first.
    """

    enrollment: Enrollment
    definition: ProgramDefinition
    progress: Progress | None
    soon: Standing | None
    history: Sequence[TierChange]


def history(session: Session, enrollment_id: UUID) -> Sequence[TierChange]:
    """Return the levels an enrollment held, newest first."""
    return session.scalars(
        select(TierChange)
        .where(TierChange.enrollment_id == enrollment_id)
        .order_by(TierChange.from_at.desc())
    ).all()


def histories(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, list[TierChange]]:
    """Return the levels that each enrollment held, newest first."""
    found: dict[UUID, list[TierChange]] = {key: [] for key in enrollment_ids}
    rows = session.scalars(
        select(TierChange)
        .where(TierChange.enrollment_id.in_(enrollment_ids))
        .order_by(TierChange.from_at.desc())
    )
    for row in rows:
        found[row.enrollment_id].append(row)
    return found


def current_tier(session: Session, enrollment_id: UUID) -> str | None:
    """Return the key of the level held; none before the first one is worked out."""
    return session.scalar(
        select(TierChange.tier)
        .where(TierChange.enrollment_id == enrollment_id)
        .order_by(TierChange.from_at.desc())
        .limit(1)
    )


def inputs_of(
    session: Session, enrollment_ids: Sequence[UUID], *, with_facts: bool = True
) -> dict[UUID, TierInputs]:
    """Return what decides the level of each enrollment besides sales.

    The number of certificates that the partner's people hold is among the facts. Of
    two values recorded for the same moment the one recorded last counts.

    Args:
        session: The session that holds the open transaction.
        enrollment_ids: Whose.
        with_facts: Whether some level of the program looks at facts at all.
    """
    joined: dict[UUID, datetime] = {}
    overrides: dict[UUID, list[TierOverride]] = defaultdict(list)
    for key, joined_at, override in session.execute(
        select(Enrollment.id, Enrollment.joined_at, LevelOverride)
        .outerjoin(LevelOverride, LevelOverride.enrollment_id == Enrollment.id)
        .where(Enrollment.id.in_(enrollment_ids))
        .order_by(LevelOverride.from_at, LevelOverride.id)
    ):
        joined[key] = joined_at
        if override is not None:
            overrides[key].append(
                TierOverride(
                    level=override.level,
                    from_at=override.from_at,
                    until_at=override.stops_at,
                )
            )
    facts = _facts(session, joined) if with_facts else {}
    return {
        key: TierInputs(
            joined_at=joined_at,
            facts=facts.get(key, ()),
            overrides=tuple(overrides[key]),
        )
        for key, joined_at in joined.items()
    }


def _facts(
    session: Session, joined: Mapping[UUID, datetime]
) -> dict[UUID, tuple[TierFact, ...]]:
    """Return what was recorded, and the certificates, of each enrollment."""
    recorded: dict[UUID, dict[tuple[str, datetime], int]] = defaultdict(dict)
    for row in session.scalars(
        select(RecordedFact)
        .where(RecordedFact.enrollment_id.in_(joined))
        .order_by(RecordedFact.recorded_at, RecordedFact.id)
    ):
        recorded[row.enrollment_id][row.fact, row.from_at] = row.value
    held = _holdings(session, list(joined))
    return {
        key: (
            *(
                TierFact(fact=fact, value=value, at=at)
                for (fact, at), value in recorded[key].items()
            ),
            *counted(held[key], joined_at=joined_at),
        )
        for key, joined_at in joined.items()
    }


def _holdings(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, list[Holding]]:
    held: dict[UUID, list[Holding]] = defaultdict(list)
    rows = session.execute(
        select(
            Enrollment.id,
            Certificate.user_id,
            Certificate.certification_id,
            Certificate.issued_at,
            Certificate.expires_at,
            Certificate.revoked_at,
        )
        .join(Certificate, Certificate.partner_id == Enrollment.partner_id)
        .where(Enrollment.id.in_(enrollment_ids))
    )
    for key, user_id, exam_id, issued_at, expires_at, revoked_at in rows:
        held[key].append(
            Holding(
                what=(user_id, exam_id),
                from_at=issued_at,
                until_at=min(expires_at, revoked_at or expires_at),
            )
        )
    return held


def facts_of(session: Session, enrollment_id: UUID) -> Sequence[RecordedFact]:
    """Return what was recorded about an enrollment and by whom, newest first."""
    return session.scalars(
        select(RecordedFact)
        .where(RecordedFact.enrollment_id == enrollment_id)
        .options(joinedload(RecordedFact.recorded_by))
        .order_by(RecordedFact.from_at.desc(), RecordedFact.id.desc())
    ).all()


def overrides_of(session: Session, enrollment_id: UUID) -> Sequence[LevelOverride]:
    """Return the levels that staff set for an enrollment, newest first."""
    return session.scalars(
        select(LevelOverride)
        .where(LevelOverride.enrollment_id == enrollment_id)
        .options(joinedload(LevelOverride.set_by), joinedload(LevelOverride.ended_by))
        .order_by(LevelOverride.from_at.desc(), LevelOverride.id.desc())
    ).all()


def override(
    session: Session, enrollment_id: UUID, override_id: UUID
) -> LevelOverride | None:
    """Return one override of an enrollment, if there is one of that id."""
    return session.scalar(
        select(LevelOverride).where(
            LevelOverride.enrollment_id == enrollment_id,
            LevelOverride.id == override_id,
        )
    )


def of_partner(session: Session, partner_id: UUID, *, now: datetime) -> list[TierView]:
    """Return where the partner stands in each of its programs."""
    return _views(session, enrollments.of_partner(session, partner_id), now)


def of_enrollment(
    session: Session, enrollment: Enrollment, *, now: datetime
) -> TierView:
    """Return where one enrollment stands.

    Args:
        session: The session to read from.
        enrollment: The enrollment, with its version.
        now: When.
    """
    return _views(session, [enrollment], now)[0]


def ruled_by(
    session: Session, enrollment: Enrollment, *, now: datetime
) -> ProgramDefinition:
    """Return the terms whose levels an enrollment has at `now`.

    They are those of the program in force, and of the version that the partner joined
    under where none is.
    """
    current = {
        version.program_id: version.definition
        for version in programs.all_current(session, now)
    }
    return current.get(enrollment.program_id, enrollment.version.definition)


def _views(
    session: Session, own: Sequence[Enrollment], now: datetime
) -> list[TierView]:
    keys = [enrollment.id for enrollment in own]
    events = events_of(session, keys)
    inputs = inputs_of(session, keys)
    current = {
        version.program_id: version.definition
        for version in programs.all_current(session, now)
    }
    held = histories(session, keys)
    return [
        _view(
            enrollment,
            current.get(enrollment.program_id, enrollment.version.definition),
            events[enrollment.id],
            inputs[enrollment.id],
            held[enrollment.id],
            now=now,
        )
        for enrollment in own
    ]


def _view(
    enrollment: Enrollment,
    definition: ProgramDefinition,
    events: Sequence[Event],
    inputs: TierInputs,
    rows: Sequence[TierChange],
    *,
    now: datetime,
) -> TierView:
    today = _line(definition, events, inputs, now)
    soon = _line(definition, events, inputs, now + LOOK_AHEAD)
    return TierView(
        enrollment=enrollment,
        definition=definition,
        progress=progress(definition, today, inputs=inputs, now=now) if today else None,
        soon=soon.final if soon else None,
        history=rows,
    )


def _line(
    definition: ProgramDefinition,
    events: Sequence[Event],
    inputs: TierInputs,
    until: datetime,
) -> Timeline | None:
    if definition.tiers is None:
        return None
    return timeline(
        definition.tiers,
        events,
        currency=definition.currency,
        zone=definition.zone,
        until=until,
        inputs=inputs,
    )
