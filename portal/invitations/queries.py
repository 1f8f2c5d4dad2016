from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, joinedload

from portal.accounts.models import User
from portal.accounts.tokens import token_hash
from portal.enrollments.models import Enrollment
from portal.invitations.models import (
    OPEN,
    Invitation,
    InvitationState,
    InvitationStatus,
)
from portal.kit.errors import NotFound
from portal.partners.models import PartnerMember
from portal.web.pagination import Page, PageRequest

_WITH = (
    joinedload(Invitation.program),
    joinedload(Invitation.invited_by),
    joinedload(Invitation.application),
)


class NoSuchInvitation(NotFound):
    """There is none, or its link was replaced or taken back."""

    code = "invitation_not_found"


def get(session: Session, invitation_id: UUID, *, lock: bool = False) -> Invitation:
    """Return one invitation.

    Args:
        session: The session to read from.
        invitation_id: Which one.
        lock: Hold the row until the transaction ends; pass it before changing it.

    Raises:
        NoSuchInvitation: There is none with this id.
    """
    return _one(session, Invitation.id == invitation_id, lock=lock)


def by_token(session: Session, token: str, *, lock: bool = False) -> Invitation:
    """Return the invitation that a mailed link belongs to.

    Raises:
        NoSuchInvitation: The link opens nothing, or was taken back.
    """
    found = _one(session, Invitation.token_sha256 == token_hash(token), lock=lock)
    if found.status is InvitationStatus.REVOKED:
        raise NoSuchInvitation(_("There is no such invitation."))
    return found


def _one(session: Session, condition: ColumnElement[bool], *, lock: bool) -> Invitation:
    query = select(Invitation).where(condition).options(*_WITH)
    if lock:
        query = query.with_for_update(of=Invitation).execution_options(
            populate_existing=True
        )
    found = session.scalar(query)
    if found is None:
        raise NoSuchInvitation(_("There is no such invitation."))
    return found


def open_for(
    session: Session, program_id: UUID, email: str, *, lock: bool = False
) -> Invitation | None:
    """Return the invitation of an address that was neither used nor taken back."""
    query = select(Invitation).where(
        Invitation.program_id == program_id,
        Invitation.email == email,
        Invitation.status.in_(OPEN),
    )
    return session.scalar(query.with_for_update() if lock else query)


def usable_among(
    session: Session, program_id: UUID, emails: Collection[str], *, now: datetime
) -> set[str]:
    """Return which of the addresses have an invitation that can still be answered."""
    return set(
        session.scalars(
            select(Invitation.email).where(
                Invitation.program_id == program_id,
                Invitation.email.in_(emails),
                Invitation.status.in_(OPEN),
                Invitation.expires_at > now,
            )
        )
    )


def staff_among(session: Session, emails: Collection[str]) -> set[str]:
    """Return which of the addresses are the vendor's own people's."""
    users = session.scalars(select(User).where(User.email.in_(emails)))
    return {user.email for user in users if user.is_staff}


def members_among(
    session: Session, program_id: UUID, emails: Collection[str]
) -> set[str]:
    """Return which of the addresses belong to people of partners in the program."""
    return set(
        session.scalars(
            select(User.email)
            .join(PartnerMember, PartnerMember.user_id == User.id)
            .join(Enrollment, Enrollment.partner_id == PartnerMember.partner_id)
            .where(Enrollment.program_id == program_id, User.email.in_(emails))
        )
    )


def listing(
    session: Session,
    asked: PageRequest,
    *,
    now: datetime,
    program_id: UUID | None = None,
    state: InvitationState | None = None,
    search: str = "",
) -> Page[Invitation]:
    """Return a page of invitations, the newest first."""
    query = _filtered(now=now, program_id=program_id, state=state, search=search)
    rows = session.scalars(
        asked.limit(query.options(*_WITH), Invitation.created_at, Invitation.id)
    ).all()
    return asked.page(rows, key=lambda row: (row.created_at, row.id))


def everything(
    session: Session,
    *,
    now: datetime,
    program_id: UUID | None = None,
    state: InvitationState | None = None,
    search: str = "",
) -> Sequence[Invitation]:
    """Return all invitations that match, the newest first."""
    query = _filtered(now=now, program_id=program_id, state=state, search=search)
    return session.scalars(
        query.options(*_WITH).order_by(
            Invitation.created_at.desc(), Invitation.id.desc()
        )
    ).all()


def counts(
    session: Session, *, now: datetime, program_id: UUID | None = None
) -> Mapping[InvitationState, int]:
    """Return how many invitations there are in each state."""
    is_over = Invitation.expires_at <= now
    query = select(Invitation.status, is_over, func.count()).group_by(
        Invitation.status, is_over
    )
    if program_id is not None:
        query = query.where(Invitation.program_id == program_id)
    found = dict.fromkeys(InvitationState, 0)
    for status, over, number in session.execute(query):
        is_expired = over and status in OPEN
        state = InvitationState.EXPIRED if is_expired else InvitationState(status.value)
        found[state] += number
    return found


def _filtered(
    *,
    now: datetime,
    program_id: UUID | None,
    state: InvitationState | None,
    search: str,
) -> Select[Invitation]:
    query = select(Invitation)
    if program_id is not None:
        query = query.where(Invitation.program_id == program_id)
    if search:
        asked = search.lower()
        query = query.where(
            Invitation.email.contains(asked, autoescape=True)
            | func.lower(Invitation.company).contains(asked, autoescape=True)
            | func.lower(Invitation.name).contains(asked, autoescape=True)
        )
    if state is InvitationState.EXPIRED:
        return query.where(Invitation.status.in_(OPEN), Invitation.expires_at <= now)
    if state is not None:
        query = query.where(Invitation.status == InvitationStatus(state.value))
        if InvitationStatus(state.value) in OPEN:
            query = query.where(Invitation.expires_at > now)
    return query
