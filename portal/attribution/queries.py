from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from portal.attribution.models import Attribution
from portal.enrollments.models import Enrollment
from portal.kit.ids import parse_public_id
from portal.partners.models import Partner
from portal.sales.models import Customer, Sale
from portal.tracking.models import Click, ReferralLink

MOST_CLICKS = 500
"""Of one visitor; a person has a handful, and the latest decide."""


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
    """Return the decisions about a customer, one for each program it came through."""
    return session.scalars(
        select(Attribution)
        .where(Attribution.customer_id == customer_id)
        .options(joinedload(Attribution.version))
        .order_by(Attribution.id)
    ).all()


def of_enrollment(session: Session, enrollment_id: UUID) -> Sequence[Attribution]:
    """Return the decisions that gave an enrollment the credit, with their terms."""
    return session.scalars(
        select(Attribution)
        .where(Attribution.enrollment_id == enrollment_id)
        .options(joinedload(Attribution.version))
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
) -> Attribution | None:
    """Return the decision about a customer in one program, if there is one."""
    return session.scalar(
        select(Attribution).where(
            Attribution.customer_id == customer_id,
            Attribution.program_id == program_id,
        )
    )


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
    decision = attribution.reasons
    candidates = [loser.candidate for loser in decision.losers]
    if decision.winner:
        candidates.append(decision.winner)
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
