from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.attribution.models import Attribution
from portal.attribution.splitting import CreditShare
from portal.enrollments.models import Enrollment
from portal.kit.ids import parse_public_id
from portal.partners.models import Partner
from portal.sales.models import Customer, Sale
from portal.tracking.models import Click, ReferralLink

MOST_CLICKS = 500
"""Of one visitor; a person has a handful, and the latest are looked at."""


@dataclass(frozen=True, slots=True)
class FollowedLink:
    """A click with the link that was followed and whose link it is."""

    click: Click
    link: ReferralLink
    enrollment: Enrollment


@dataclass(frozen=True, slots=True)
class ConsideredClick:
    """A click of a decision, with names for the people who read it."""

    click_id: UUID
    link_name: str
    link_code: str
    partner_id: UUID
    partner_name: str


def of_customer(session: Session, customer_id: UUID) -> Sequence[Attribution]:
    """Return the decisions about a customer, by program and share.

    There is one for each program it came through, and where several enrollments
    share the customer one for each of these.
    """
    return session.scalars(
        select(Attribution)
        .where(Attribution.customer_id == customer_id)
        .options(joinedload(Attribution.version))
        .order_by(Attribution.id)
    ).all()


def of_enrollments(session: Session, keys: Sequence[UUID]) -> Sequence[Attribution]:
    """Return the decisions that gave these enrollments the credit, with their terms."""
    return session.scalars(
        select(Attribution)
        .where(Attribution.enrollment_id.in_(keys))
        # One version has many decisions and a long text, so it is not sent with each.
        .options(selectinload(Attribution.version))
        .order_by(Attribution.id)
    ).all()


def undecided(
    session: Session, *, seen_before: datetime, most: int = 500
) -> Sequence[UUID]:
    """Return the customers whose click nobody has looked at yet.

    Their sales are credited to nobody so far. A job looks at each click soon after
    it is told; what is found here waits for that job, or lost it.
    """
    looked_at = select(Attribution.id).where(
        Attribution.customer_id == Customer.id,
        Attribution.reference == Customer.click_reference,
    )
    return session.scalars(
        select(Customer.id)
        .join(Click, Click.id == Customer.click_id)
        .where(Customer.first_seen_at < seen_before, ~looked_at.exists())
        .order_by(Customer.id)
        .limit(most)
    ).all()


def in_program(
    session: Session, customer_id: UUID, program_id: UUID
) -> Sequence[Attribution]:
    """Return who shares a customer in one program, the greatest share first.

    All rows hold the same decision. One row without an enrollment: nobody.
    """
    return session.scalars(
        select(Attribution)
        .where(
            Attribution.customer_id == customer_id,
            Attribution.program_id == program_id,
        )
        .order_by(Attribution.weight.desc(), Attribution.enrollment_id)
    ).all()


def credit_of(
    session: Session, customer_id: UUID, enrollment_id: UUID
) -> Attribution | None:
    """Return what an enrollment has of a customer; none if it has nothing."""
    return session.scalar(
        select(Attribution).where(
            Attribution.customer_id == customer_id,
            Attribution.enrollment_id == enrollment_id,
        )
    )


def shares_of(
    session: Session, enrollment_ids: Sequence[UUID]
) -> dict[UUID, dict[UUID, CreditShare]]:
    """Return the customers that each enrollment shares with others, with its share.

    A customer that is not in here is the enrollment's alone.
    """
    shared = select(Attribution.customer_id, Attribution.program_id).where(
        Attribution.enrollment_id.in_(enrollment_ids),
        Attribution.weight < Attribution.of_weight,
    )
    rows = session.execute(
        select(Attribution.customer_id, Enrollment.id, Attribution.weight)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(tuple_(Attribution.customer_id, Attribution.program_id).in_(shared))
        .order_by(
            Attribution.customer_id,
            Attribution.program_id,
            Attribution.weight.desc(),
            Enrollment.id,
        )
    )
    found: dict[UUID, dict[UUID, CreditShare]] = {key: {} for key in enrollment_ids}
    for customer_id, group in groupby(rows, key=lambda row: row.customer_id):
        sharing = list(group)
        weights = tuple(row.weight for row in sharing)
        for index, row in enumerate(sharing):
            if row.id in found:
                found[row.id][customer_id] = CreditShare(weights, index)
    return found


def uneven(session: Session) -> Sequence[tuple[UUID, UUID]]:
    """Return customer and program wherever the shares do not make up the whole."""
    rows = session.execute(
        select(Attribution.customer_id, Attribution.program_id)
        .where(Attribution.enrollment_id.is_not(None))
        .group_by(Attribution.customer_id, Attribution.program_id)
        .having(
            or_(
                func.sum(Attribution.weight) != func.max(Attribution.of_weight),
                func.min(Attribution.of_weight) != func.max(Attribution.of_weight),
            )
        )
        .order_by(Attribution.customer_id, Attribution.program_id)
    )
    return [(customer_id, program_id) for customer_id, program_id in rows]


def converted_at(session: Session, customer: Customer) -> datetime:
    """Return when the customer signed up or first bought, whichever came first."""
    first_sale = session.scalar(
        select(func.min(Sale.occurred_at)).where(Sale.customer_id == customer.id)
    )
    return min(customer.first_seen_at, first_sale or customer.first_seen_at)


def clicks_behind(session: Session, reference: str | None) -> list[FollowedLink]:
    """Return the clicks of the visitor whose click a customer refers to.

    Args:
        session: The session to read from.
        reference: The public id of a click, such as `clk_...`; anything else, or
            none, stands for a customer who came without a link.
    """
    try:
        click_id = parse_public_id("clk", reference or "")
    except ValueError:
        return []
    visitor = (
        select(Click.visitor)
        .where(Click.id == click_id, Click.visitor != "")
        .scalar_subquery()
    )
    rows = session.execute(
        select(Click, ReferralLink, Enrollment)
        .join(ReferralLink, ReferralLink.id == Click.link_id)
        .join(Enrollment, Enrollment.id == ReferralLink.enrollment_id)
        .where(or_(Click.id == click_id, Click.visitor == visitor))
        .options(joinedload(Enrollment.version))
        .order_by(Click.clicked_at.desc(), Click.id.desc())
        .limit(MOST_CLICKS)
    )
    return [FollowedLink(click, link, enrollment) for click, link, enrollment in rows]


def considered(
    session: Session, attribution: Attribution
) -> dict[UUID, ConsideredClick]:
    """Return the links and partners behind the clicks of a decision, by click."""
    candidates = attribution.reasons.candidates
    rows = session.execute(
        select(ReferralLink.id, ReferralLink.name, ReferralLink.code, Partner)
        .join(Enrollment, Enrollment.id == ReferralLink.enrollment_id)
        .join(Partner, Partner.id == Enrollment.partner_id)
        .where(ReferralLink.id.in_({candidate.link_id for candidate in candidates}))
    )
    links = {row.id: row for row in rows}
    return {
        candidate.click_id: ConsideredClick(
            click_id=candidate.click_id,
            link_name=links[candidate.link_id].name,
            link_code=links[candidate.link_id].code,
            partner_id=links[candidate.link_id].Partner.id,
            partner_name=links[candidate.link_id].Partner.name,
        )
        for candidate in candidates
    }
