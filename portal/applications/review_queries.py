"""What reviewers read: the queue, what is alike, who looks at what."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    func,
    lateral,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session, aliased, joinedload

from portal.accounts.models import User
from portal.applications import rules
from portal.applications.independence import Ties
from portal.applications.likeness import CHECK_OF
from portal.applications.models import Application, ApplicationStatus
from portal.applications.queries import WITH
from portal.applications.review_models import (
    ApplicationComment,
    ApplicationConflict,
    ApplicationFingerprint,
    ApplicationLook,
)
from portal.applications.rules import Check, CheckKey, Earlier, Facts
from portal.partners.models import Partner, PartnerMember
from portal.web.pagination import Page, PageRequest

LOOK_MINUTES = 5
_EARLIER = 10
_EXPORT_BATCH = 500


class Scope(StrEnum):
    """Which of the applications in one status are asked for."""

    EVERY = "every"
    AWAKE = "awake"
    SNOOZED = "snoozed"
    MINE = "mine"


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many went how far, of those that began since a moment."""

    begun: int
    sent: int
    approved: int
    joined: int


def in_scope(scope: Scope, *, reviewer_id: UUID, now: datetime) -> ColumnElement[bool]:
    """Return the condition of a scope.

    Args:
        scope: Which applications.
        reviewer_id: Whose are `MINE`.
        now: The moment that ends a snooze.
    """
    match scope:
        case Scope.AWAKE:
            return or_(
                Application.snoozed_until.is_(None), Application.snoozed_until <= now
            )
        case Scope.SNOOZED:
            return Application.snoozed_until > now
        case Scope.MINE:
            return Application.assigned_to_id == reviewer_id
    return true()


def queue_page(
    session: Session,
    status: ApplicationStatus,
    condition: ColumnElement[bool],
    asked: PageRequest,
) -> Page[Application]:
    """Return one page of a queue, the application due first at the top.

    A cursor holds when the answer is due: `newer` leads to those due before, `older` to
    those due later.
    """
    place = tuple_(Application.answer_by, Application.id)
    query = (
        select(Application)
        .where(Application.status == status, condition)
        .options(*WITH)
        .limit(asked.size + 1)
    )
    if asked.before:
        query = query.where(place < (asked.before.created_at, asked.before.id))
        order = (Application.answer_by.desc(), Application.id.desc())
    else:
        order = (Application.answer_by.asc(), Application.id.asc())
    if asked.after:
        query = query.where(place > (asked.after.created_at, asked.after.id))
    rows = session.scalars(query.order_by(*order)).all()
    return asked.page(rows, key=_place)


def _place(row: Application) -> tuple[datetime, UUID]:
    return row.answer_by or row.created_at, row.id


def scope_counts(
    session: Session, *, reviewer_id: UUID, now: datetime
) -> dict[Scope, int]:
    """Return how many applications that need review are in each scope."""
    columns = [
        func.count().filter(in_scope(scope, reviewer_id=reviewer_id, now=now))
        for scope in Scope
    ]
    row = session.execute(
        select(*columns).where(Application.status == ApplicationStatus.SUBMITTED)
    ).one()
    return dict(zip(Scope, row, strict=True))


def funnel(session: Session, since: datetime) -> Funnel:
    """Return how far the applications came that began since a moment."""
    row = session.execute(
        select(
            func.count(),
            func.count(Application.submitted_at),
            func.count().filter(Application.status == ApplicationStatus.APPROVED),
            func.count(Application.partner_id),
        ).where(Application.created_at >= since)
    ).one()
    return Funnel(*row)


def ties_of(session: Session, reviewer: User) -> Ties:
    """Return what ties a reviewer to applicants."""
    mine = select(PartnerMember.partner_id).where(PartnerMember.user_id == reviewer.id)
    colleagues = session.scalars(
        select(User.email)
        .join(PartnerMember, PartnerMember.user_id == User.id)
        .where(PartnerMember.partner_id.in_(mine))
    )
    declared = session.scalars(
        select(ApplicationConflict.application_id).where(
            ApplicationConflict.user_id == reviewer.id
        )
    )
    return Ties(
        email=reviewer.email,
        name=reviewer.name,
        partner_emails=frozenset(colleagues),
        declared=frozenset(declared),
    )


def comments(session: Session, application_id: UUID) -> Sequence[ApplicationComment]:
    """Return what reviewers noted for each other, oldest first."""
    return session.scalars(
        select(ApplicationComment)
        .where(ApplicationComment.application_id == application_id)
        .options(joinedload(ApplicationComment.author))
        .order_by(ApplicationComment.written_at, ApplicationComment.id)
    ).all()


def lookers(
    session: Session,
    application_ids: Collection[UUID],
    *,
    besides: UUID,
    now: datetime,
) -> dict[UUID, str]:
    """Return who had which of the applications open in the last minutes.

    Args:
        session: The session to read from.
        application_ids: The applications.
        besides: The user who asks, and who does not count.
        now: The moment.
    """
    rows = session.execute(
        select(ApplicationLook.application_id, User.name)
        .join(User, User.id == ApplicationLook.user_id)
        .where(
            ApplicationLook.application_id.in_(application_ids),
            ApplicationLook.user_id != besides,
            ApplicationLook.looked_at > now - timedelta(minutes=LOOK_MINUTES),
        )
        .order_by(ApplicationLook.looked_at)
    )
    found: dict[UUID, str] = dict(rows.all())
    return found


def every(
    session: Session, status: ApplicationStatus | None, condition: ColumnElement[bool]
) -> Iterator[Application]:
    """Yield all applications that were sent, newest first, without holding them."""
    query = (
        select(Application)
        .where(Application.submitted_at.is_not(None), condition)
        .options(*WITH)
        .order_by(Application.created_at.desc(), Application.id.desc())
        .execution_options(yield_per=_EXPORT_BATCH)
    )
    if status is not None:
        query = query.where(Application.status == status)
    yield from session.scalars(query)


def review_checks(session: Session, application: Application) -> list[Check]:
    """Return what a reviewer should know about an application."""
    return checks_of(session, [application])[application.id]


def checks_of(
    session: Session, applications: Sequence[Application]
) -> dict[UUID, list[Check]]:
    """Return what a reviewer should know about each of several applications.

    It takes three queries, however many there are.
    """
    partners = _partners(session, applications)
    earlier = _earlier(session, applications)
    alike = _alike(session, applications)
    return {
        row.id: rules.checks(
            Facts(
                email=row.email,
                website=str(row.answer("website")),
                country=row.country,
                allowed_countries=row.definition.join.countries,
                earlier=tuple(earlier.get(row.id, ())),
                alike=alike.get(row.id, {}),
                partner_name=partners.get(row.email),
            )
        )
        for row in applications
    }


def _partners(
    session: Session, applications: Sequence[Application]
) -> Mapping[str, str]:
    """Return the partner whose member has an applicant's address, by address."""
    rows = session.execute(
        select(User.email, Partner.name)
        .join(PartnerMember, PartnerMember.user_id == User.id)
        .join(Partner, Partner.id == PartnerMember.partner_id)
        .where(User.email.in_({row.email for row in applications}))
    )
    found: dict[str, str] = dict(rows.all())
    return found


def _earlier(
    session: Session, applications: Sequence[Application]
) -> Mapping[UUID, list[Earlier]]:
    """Return other applications of the same address or company, newest first."""
    this, other = aliased(Application), aliased(Application)
    same = lateral(
        select(other.reference, other.status, other.email)
        .where(
            or_(
                other.email == this.email,
                and_(
                    this.email_domain.not_in(rules.FREE_MAIL),
                    other.email_domain == this.email_domain,
                ),
            ),
            other.id != this.id,
            other.submitted_at.is_not(None),
        )
        .order_by(other.submitted_at.desc(), other.id)
        .limit(_EARLIER)
    )
    rows = session.execute(
        select(this.id, same.c.reference, same.c.status, same.c.email == this.email)
        .join_from(this, same, true())
        .where(this.id.in_([row.id for row in applications]))
    )
    found: dict[UUID, list[Earlier]] = defaultdict(list)
    for application_id, reference, status, is_same_email in rows:
        found[application_id].append(Earlier(reference, status, is_same_email))
    return found


def _alike(
    session: Session, applications: Sequence[Application]
) -> Mapping[UUID, Mapping[CheckKey, list[str]]]:
    """Return the applications with the same mailbox, tax id, account or document."""
    this, other = aliased(ApplicationFingerprint), aliased(ApplicationFingerprint)
    same = lateral(
        select(Application.reference)
        .join(other, other.application_id == Application.id)
        .where(
            other.kind == this.kind,
            other.digest == this.digest,
            other.application_id != this.application_id,
        )
        .order_by(Application.submitted_at.desc(), Application.id)
        .limit(_EARLIER)
    )
    rows = session.execute(
        select(this.application_id, this.kind, same.c.reference)
        .join_from(this, same, true())
        .where(this.application_id.in_([row.id for row in applications]))
    )
    found: dict[UUID, dict[CheckKey, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for application_id, kind, reference in rows:
        found[application_id][CHECK_OF[kind]].append(reference)
    return found
