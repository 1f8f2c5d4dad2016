from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, or_, select, union_all
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.accounts.models import User
from portal.applications.models import Application
from portal.attribution.models import Attribution
from portal.audit.models import AuditEvent
from portal.certification.models import Certificate
from portal.dashboard.queries.home import earned_since
from portal.dashboard.rules import add_up
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.fees.models import FeeSubscription
from portal.kit.clock import add_months
from portal.kit.ids import parse_public_id
from portal.kit.money import Money
from portal.partners.models import Partner, PartnerMember
from portal.payouts.models import BatchRow, Payout, PayoutAccount
from portal.programs.definition import ProgramDefinition
from portal.statements.models import Statement
from portal.tax.models import TaxForm
from portal.tiers.models import TierChange
from portal.tracking.models import ReferralLink
from portal.web.pagination import TOTAL_CAP, Page, PageRequest

_EXPORT_CHUNK = 500
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which partners are asked for; what is empty does not matter.

    Attributes:
        text: A part of the name or of a member's e-mail address, or a `prt_...` id.
        program_id: In this program.
        status: With this status, in that program if one is named.
    """

    text: str = ""
    program_id: UUID | None = None
    status: EnrollmentStatus | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the search as conditions of SQL."""
        wanted: list[ColumnElement[bool]] = []
        if self.text:
            wanted.append(_matches(self.text))
        if self.program_id is not None or self.status is not None:
            place = select(Enrollment.id).where(Enrollment.partner_id == Partner.id)
            if self.program_id is not None:
                place = place.where(Enrollment.program_id == self.program_id)
            if self.status is not None:
                place = place.where(Enrollment.status == self.status)
            wanted.append(place.exists())
        return wanted


def _matches(text: str) -> ColumnElement[bool]:
    try:
        return Partner.id == parse_public_id("prt", text)
    except ValueError:
        member = (
            select(PartnerMember.user_id)
            .join(User, User.id == PartnerMember.user_id)
            .where(
                PartnerMember.partner_id == Partner.id,
                User.email.icontains(text, autoescape=True),
            )
        )
        return or_(Partner.name.icontains(text, autoescape=True), member.exists())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A partner in one program, for the list.

    Attributes:
        enrollment: The enrollment.
        definition: The program as the partner joined it.
        tier: The key of the level held; none before the first is worked out.
        customers: How many customers it has the credit for.
        earned: What it earned in twelve months; at least one amount.
    """

    enrollment: Enrollment
    definition: ProgramDefinition
    tier: str | None
    customers: int
    earned: Sequence[Money]


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """A partner with its programs, for the list."""

    partner: Partner
    places: Sequence[Place]

    @property
    def customers(self) -> int:
        """How many customers it brought, in all programs."""
        return sum(place.customers for place in self.places)

    @property
    def earned(self) -> list[Money]:
        """What it earned in twelve months, an amount for each currency."""
        sums: dict[None, list[Money]] = {None: []}
        for place in self.places:
            for amount in place.earned:
                add_up(sums, None, amount)
        return sums[None]


def page(
    session: Session, search: Search, asked: PageRequest, *, now: datetime
) -> Page[PartnerRow]:
    """Return one page of the partners that match, newest first, and their number."""
    matching = select(Partner).where(*search.conditions())
    partners = session.scalars(
        asked.limit(matching, Partner.created_at, Partner.id)
    ).all()
    capped = (
        select(Partner.id).where(*search.conditions()).limit(TOTAL_CAP + 1).subquery()
    )
    return asked.page(
        _rows(session, partners, now),
        key=lambda row: (row.partner.created_at, row.partner.id),
        total=session.scalar(select(func.count()).select_from(capped)),
    )


def every(session: Session, search: Search, *, now: datetime) -> Iterator[PartnerRow]:
    """Yield all partners that match, newest first, a part of them at a time."""
    matching = select(Partner).where(*search.conditions())
    last: Partner | None = None
    while True:
        part = matching
        if last is not None:
            part = part.where(
                or_(
                    Partner.created_at < last.created_at,
                    (Partner.created_at == last.created_at) & (Partner.id < last.id),
                )
            )
        partners = session.scalars(
            part.order_by(Partner.created_at.desc(), Partner.id.desc()).limit(
                _EXPORT_CHUNK
            )
        ).all()
        yield from _rows(session, partners, now)
        if len(partners) < _EXPORT_CHUNK:
            return
        last = partners[-1]


def _rows(
    session: Session, partners: Sequence[Partner], now: datetime
) -> list[PartnerRow]:
    found = places(session, [partner.id for partner in partners], now=now)
    return [PartnerRow(partner, found[partner.id]) for partner in partners]


def places(
    session: Session, partner_ids: Collection[UUID], *, now: datetime
) -> dict[UUID, list[Place]]:
    """Return the programs of each partner, oldest first."""
    enrollments = session.scalars(
        select(Enrollment)
        .where(Enrollment.partner_id.in_(partner_ids))
        .options(selectinload(Enrollment.version))
        .order_by(Enrollment.joined_at, Enrollment.id)
    ).all()
    keys = [row.id for row in enrollments]
    tiers = _tiers(session, keys)
    customers = _customers(session, keys)
    earned: dict[UUID, list[Money]] = {}
    for key, amount in earned_since(session, keys, add_months(now, -12, _UTC)):
        add_up(earned, key, amount)
    found: dict[UUID, list[Place]] = {partner_id: [] for partner_id in partner_ids}
    for row in enrollments:
        definition = row.version.definition
        found[row.partner_id].append(
            Place(
                enrollment=row,
                definition=definition,
                tier=tiers.get(row.id),
                customers=customers.get(row.id, 0),
                earned=earned.get(row.id) or [Money(0, definition.currency)],
            )
        )
    return found


def _tiers(session: Session, enrollment_ids: Collection[UUID]) -> dict[UUID, str]:
    rows = session.execute(
        select(TierChange.enrollment_id, TierChange.tier)
        .where(TierChange.enrollment_id.in_(enrollment_ids))
        .ext(distinct_on(TierChange.enrollment_id))
        .order_by(TierChange.enrollment_id, TierChange.from_at.desc())
    )
    return {key: tier for key, tier in rows}  # noqa: C416 - mypy reads rows, not dict()


def _customers(session: Session, enrollment_ids: Collection[UUID]) -> dict[UUID, int]:
    rows = session.execute(
        select(Attribution.enrollment_id, func.count())
        .where(Attribution.enrollment_id.in_(enrollment_ids))
        .group_by(Attribution.enrollment_id)
    )
    return {key: count for key, count in rows if key is not None}


def credited(
    session: Session, partner_id: UUID, asked: PageRequest
) -> Page[Attribution]:
    """Return one page of the decisions that gave the partner a customer, newest first.

    Each comes with its customer and the version that governs the sales.
    """
    query = (
        select(Attribution)
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .where(Enrollment.partner_id == partner_id)
        .options(joinedload(Attribution.customer), selectinload(Attribution.version))
    )
    rows = session.scalars(
        asked.limit(query, Attribution.converted_at, Attribution.id)
    ).all()
    return asked.page(rows, key=lambda row: (row.converted_at, row.id))


@dataclass(frozen=True, slots=True)
class NamedLink:
    """A link with the partner it belongs to."""

    name: str
    partner_id: UUID
    partner_name: str


def links_behind(
    session: Session, attributions: Sequence[Attribution]
) -> dict[UUID, NamedLink]:
    """Return every link that some decisions looked at, with whose it is."""
    link_ids: set[UUID] = set()
    for decision in (row.reasons for row in attributions):
        link_ids |= {click.link_id for click in decision.candidates}
    rows = session.execute(
        select(ReferralLink.id, ReferralLink.name, Partner.id, Partner.name)
        .join(Enrollment, Enrollment.id == ReferralLink.enrollment_id)
        .join(Partner, Partner.id == Enrollment.partner_id)
        .where(ReferralLink.id.in_(link_ids))
    )
    return {
        key: NamedLink(name, partner_id, partner_name)
        for key, name, partner_id, partner_name in rows
    }


def log(
    session: Session, partner_id: UUID, asked: PageRequest
) -> Page[tuple[AuditEvent, User | None]]:
    """Return one page of what happened to a partner and what belongs to it.

    That is its enrollments, people, links, certificates, fees, statements and
    payments, and the application it came from.
    """
    statement = (
        select(AuditEvent, User)
        .outerjoin(User, User.id == AuditEvent.actor_id)
        .where(AuditEvent.subject_id.in_(_subjects(partner_id)))
    )
    rows = session.execute(asked.limit(statement, AuditEvent.at, AuditEvent.id))
    return asked.page(
        [(event, user) for event, user in rows],
        key=lambda entry: (entry[0].at, entry[0].id),
    )


def _subjects(partner_id: UUID) -> Select[UUID]:
    enrollments = select(Enrollment.id).where(Enrollment.partner_id == partner_id)
    parts = union_all(
        select(Partner.id.label("id")).where(Partner.id == partner_id),
        enrollments,
        *(
            select(model.id).where(model.enrollment_id.in_(enrollments))
            for model in (ReferralLink, FeeSubscription)
        ),
        *(
            select(model.id).where(model.partner_id == partner_id)
            for model in (
                Application,
                BatchRow,
                Certificate,
                Payout,
                PayoutAccount,
                Statement,
                TaxForm,
            )
        ),
        select(PartnerMember.user_id).where(PartnerMember.partner_id == partner_id),
    ).subquery()
    return select(parts.c.id)
