from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import Integer, func, select
from sqlalchemy.orm import Session, joinedload

from portal.enrollments.models import Enrollment
from portal.kit.errors import NotFound
from portal.kit.ids import parse_public_id
from portal.programs.models import ProgramVersion
from portal.sales.models import Customer
from portal.tracking.models import Click, ReferralLink


class NoSuchLink(NotFound):
    """There is no such link, or another partner owns it."""

    code = "link_not_found"


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link with what it brought.

    Attributes:
        link: The link, its enrollment and version loaded.
        clicks: How many visits counted.
        customers: How many customers came with one of its clicks first.
    """

    link: ReferralLink
    clicks: int
    customers: int

    @property
    def program_name(self) -> str:
        """The name of the program as the partner joined it."""
        return self.link.enrollment.version.definition.name


@dataclass(frozen=True, slots=True)
class Followed:
    """What a visitor needs of a link.

    Attributes:
        link_id: The link.
        destination_url: Where it leads.
        is_disabled: Whether it does not count any more.
        window_days: How long a click of this program may count.
    """

    link_id: UUID
    destination_url: str
    is_disabled: bool
    window_days: int


def followed(session: Session, code: str) -> Followed | None:
    """Return what a visitor needs of the link with this code, in one short read."""
    days = ProgramVersion.definition_json["attribution"]["window_days"]
    row = session.execute(
        select(
            ReferralLink.id,
            ReferralLink.destination_url,
            ReferralLink.disabled_at,
            days.astext.cast(Integer),
        )
        .join(Enrollment, Enrollment.id == ReferralLink.enrollment_id)
        .join(ProgramVersion, ProgramVersion.id == Enrollment.version_id)
        .where(ReferralLink.code == code)
    ).one_or_none()
    if row is None:
        return None
    link_id, destination_url, disabled_at, window_days = row
    return Followed(link_id, destination_url, disabled_at is not None, window_days)


def links_of_partner(session: Session, partner_id: UUID) -> list[LinkRow]:
    """Return the partner's links with what they brought, oldest first."""
    return _rows(session, partner_id)


def link_of_partner(session: Session, link_id: UUID, partner_id: UUID) -> LinkRow:
    """Return one link with what it brought.

    Raises:
        NoSuchLink: There is none, or another partner owns it.
    """
    rows = _rows(session, partner_id, link_id)
    if not rows:
        raise NoSuchLink(_("There is no such link."))
    return rows[0]


def get_for_partner(
    session: Session, link_id: UUID, partner_id: UUID, *, lock: bool = False
) -> ReferralLink:
    """Return one link.

    Raises:
        NoSuchLink: There is none, or another partner owns it.
    """
    query = (
        select(ReferralLink)
        .join(Enrollment, Enrollment.id == ReferralLink.enrollment_id)
        .where(ReferralLink.id == link_id, Enrollment.partner_id == partner_id)
    )
    link = session.scalar(query.with_for_update(of=ReferralLink) if lock else query)
    if link is None:
        raise NoSuchLink(_("There is no such link."))
    return link


def first_link(session: Session, enrollment_id: UUID) -> ReferralLink | None:
    """Return the oldest link of an enrollment that is not switched off."""
    return session.scalar(
        select(ReferralLink)
        .where(
            ReferralLink.enrollment_id == enrollment_id,
            ReferralLink.disabled_at.is_(None),
        )
        .order_by(ReferralLink.created_at, ReferralLink.id)
        .limit(1)
    )


def has_links(session: Session, enrollment_id: UUID) -> bool:
    """Tell whether an enrollment has a link, switched off or not."""
    found = session.scalar(
        select(ReferralLink.id)
        .where(ReferralLink.enrollment_id == enrollment_id)
        .limit(1)
    )
    return found is not None


def clicks_of_visitor(
    session: Session, visitor: str, until: datetime
) -> Sequence[Click]:
    """Return the clicks of one browser up to a moment, latest first."""
    if not visitor:
        return []
    return session.scalars(
        select(Click)
        .where(Click.visitor == visitor, Click.clicked_at <= until)
        .order_by(Click.clicked_at.desc(), Click.id.desc())
    ).all()


def click_by_public_id(session: Session, reference: str) -> Click | None:
    """Return the click that `clk_...` names."""
    try:
        return session.get(Click, parse_public_id("clk", reference))
    except ValueError:
        return None


def top_referrers(
    session: Session, link_id: UUID, *, most: int = 10
) -> list[tuple[str, int]]:
    """Return the sites that most visitors of a link came from, with how many."""
    number = func.count()
    rows = session.execute(
        select(Click.referrer_host, number)
        .where(Click.link_id == link_id, Click.counts)
        .group_by(Click.referrer_host)
        .order_by(number.desc(), Click.referrer_host)
        .limit(most)
    )
    return [(host, count) for host, count in rows]


def _rows(
    session: Session, partner_id: UUID, link_id: UUID | None = None
) -> list[LinkRow]:
    clicks = (
        select(func.count())
        .where(Click.link_id == ReferralLink.id, Click.counts)
        .correlate(ReferralLink)
        .scalar_subquery()
    )
    customers = (
        select(func.count())
        .select_from(Customer)
        .join(Click, Click.id == Customer.click_id)
        .where(Click.link_id == ReferralLink.id)
        .correlate(ReferralLink)
        .scalar_subquery()
    )
    query = (
        select(ReferralLink, clicks, customers)
        .join(Enrollment, Enrollment.id == ReferralLink.enrollment_id)
        .where(Enrollment.partner_id == partner_id)
        .options(
            joinedload(ReferralLink.enrollment).joinedload(Enrollment.version),
        )
        .order_by(ReferralLink.created_at, ReferralLink.id)
    )
    if link_id is not None:
        query = query.where(ReferralLink.id == link_id)
    return [LinkRow(*row) for row in session.execute(query)]
