from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.attribution.models import Attribution
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.programs import queries as programs
from portal.programs.definition import ProgramDefinition
from portal.sales.models import Refund, Sale
from portal.tiers.facts import Event, RefundFact, SaleFact, in_order
from portal.tiers.models import TierChange
from portal.tiers.rules import Progress, Standing, progress, timeline

LOOK_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class TierView:
    """Where an enrollment stands in the tiers of its program.

    Attributes:
        enrollment: The enrollment.
        definition: The program in force now.
        progress: The level and the way to the next; none in a program without tiers.
        soon: Where the enrollment stands in 30 days if nothing is sold or refunded.
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


def current_tier(session: Session, enrollment_id: UUID) -> str | None:
    """Return the key of the level held; none before the first one is worked out."""
    return session.scalar(
        select(TierChange.tier)
        .where(TierChange.enrollment_id == enrollment_id)
        .order_by(TierChange.from_at.desc())
        .limit(1)
    )


def events_of(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, list[Event]]:
    """Return the sales and refunds credited to each enrollment, in order."""
    sales: dict[UUID, list[SaleFact]] = defaultdict(list)
    refunds: dict[UUID, list[RefundFact]] = defaultdict(list)
    sale_rows = session.execute(
        select(
            Enrollment.id,
            Sale.id,
            Sale.external_id,
            Sale.customer_id,
            Sale.currency,
            Sale.net_minor,
            Sale.occurred_at,
        )
        .join(Attribution, Attribution.customer_id == Sale.customer_id)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(Enrollment.id.in_(enrollment_ids))
    )
    for owner, key, reference, customer_id, currency, net, occurred_at in sale_rows:
        sales[owner].append(
            SaleFact(
                id=key,
                reference=reference,
                customer_id=customer_id,
                currency=currency,
                net_minor=net,
                occurred_at=occurred_at,
            )
        )
    refund_rows = session.execute(
        select(
            Enrollment.id,
            Refund.id,
            Refund.external_id,
            Refund.sale_id,
            Refund.net_minor,
            Refund.occurred_at,
        )
        .join(Sale, Sale.id == Refund.sale_id)
        .join(Attribution, Attribution.customer_id == Sale.customer_id)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(Enrollment.id.in_(enrollment_ids))
    )
    for owner, key, reference, sale_id, net, occurred_at in refund_rows:
        refunds[owner].append(
            RefundFact(
                id=key,
                reference=reference,
                sale_id=sale_id,
                net_minor=net,
                occurred_at=occurred_at,
            )
        )
    return {key: in_order(sales[key], refunds[key]) for key in enrollment_ids}


def of_partner(session: Session, partner_id: UUID, *, now: datetime) -> list[TierView]:
    """Return where the partner stands in each of its programs."""
    own = enrollments.of_partner(session, partner_id)
    keys = [enrollment.id for enrollment in own]
    events = events_of(session, keys)
    current = {
        version.program_id: version.definition
        for version in programs.all_current(session, now)
    }
    histories: dict[UUID, list[TierChange]] = defaultdict(list)
    rows = session.scalars(
        select(TierChange)
        .where(TierChange.enrollment_id.in_(keys))
        .order_by(TierChange.from_at.desc())
    )
    for row in rows:
        histories[row.enrollment_id].append(row)
    return [
        _view(
            enrollment,
            current.get(enrollment.program_id, enrollment.version.definition),
            events[enrollment.id],
            histories[enrollment.id],
            now,
        )
        for enrollment in own
    ]


def _view(
    enrollment: Enrollment,
    definition: ProgramDefinition,
    events: Sequence[Event],
    rows: Sequence[TierChange],
    now: datetime,
) -> TierView:
    today = _standing(definition, events, now)
    return TierView(
        enrollment=enrollment,
        definition=definition,
        progress=progress(definition, today.value) if today else None,
        soon=_standing(definition, events, now + LOOK_AHEAD),
        history=rows,
    )


def _standing(
    definition: ProgramDefinition, events: Sequence[Event], until: datetime
) -> Standing | None:
    if definition.tiers is None:
        return None
    return timeline(
        definition.tiers,
        events,
        currency=definition.currency,
        zone=definition.zone,
        until=until,
    ).final
