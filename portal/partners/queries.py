from collections.abc import Collection, Sequence
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.kit.errors import NotFound
from portal.partners.models import Partner, PartnerMember, TeamSpell

_MONEY_READERS = (Role.PARTNER_OWNER, Role.PARTNER_FINANCE)


def get(session: Session, partner_id: UUID, *, lock: bool = False) -> Partner:
    """Return one partner.

    Raises:
        NotFound: There is none with this id.
    """
    partner = session.get(Partner, partner_id, with_for_update=lock or None)
    if partner is None:
        raise NotFound(_("There is no such partner."))
    return partner


def of_user(session: Session, user_id: UUID) -> Partner | None:
    """Return the partner that the user belongs to, if any."""
    return session.scalar(
        select(Partner)
        .join(PartnerMember, PartnerMember.partner_id == Partner.id)
        .where(PartnerMember.user_id == user_id)
    )


def members(session: Session, partner_id: UUID) -> Sequence[PartnerMember]:
    """Return the partner's people with their users, longest there first."""
    return session.scalars(
        select(PartnerMember)
        .where(PartnerMember.partner_id == partner_id)
        .options(joinedload(PartnerMember.user))
        .order_by(PartnerMember.joined_at, PartnerMember.user_id)
    ).all()


def owners(session: Session, partner_id: UUID) -> Sequence[User]:
    """Return the active owners, who get the partner's important mails."""
    return session.scalars(
        select(User)
        .join(PartnerMember, PartnerMember.user_id == User.id)
        .where(
            PartnerMember.partner_id == partner_id,
            User.role == Role.PARTNER_OWNER,
            User.is_active,
        )
        .order_by(User.id)
    ).all()


def money_readers(
    session: Session, partner_ids: Collection[UUID]
) -> dict[UUID, list[User]]:
    """Return the active people of each partner who look after money."""
    rows = session.execute(
        select(PartnerMember.partner_id, User)
        .join(User, User.id == PartnerMember.user_id)
        .where(
            PartnerMember.partner_id.in_(partner_ids),
            User.role.in_(_MONEY_READERS),
            User.is_active,
        )
        .order_by(User.id)
    )
    found: dict[UUID, list[User]] = {}
    for partner_id, user in rows:
        found.setdefault(partner_id, []).append(user)
    return found


def member(
    session: Session, partner_id: UUID, user_id: UUID, *, lock: bool = False
) -> PartnerMember:
    """Return one of the partner's people with their user.

    Raises:
        NotFound: Nobody with this id belongs to the partner.
    """
    statement = (
        select(PartnerMember)
        .where(PartnerMember.partner_id == partner_id, PartnerMember.user_id == user_id)
        .options(joinedload(PartnerMember.user, innerjoin=True))
    )
    if lock:
        statement = statement.with_for_update().execution_options(
            populate_existing=True
        )
    found = session.scalar(statement)
    if found is None:
        raise NotFound(_("Nobody like this belongs to your team."))
    return found


def joined_owner_ids(session: Session, partner_id: UUID) -> Sequence[UUID]:
    """Return the active owners who have a password: who can act for the partner."""
    return session.scalars(
        select(User.id)
        .join(PartnerMember, PartnerMember.user_id == User.id)
        .where(
            PartnerMember.partner_id == partner_id,
            User.role == Role.PARTNER_OWNER,
            User.is_active,
            User.password_hash.is_not(None),
        )
    ).all()


def spells(session: Session, partner_id: UUID) -> Sequence[TeamSpell]:
    """Return who was on the partner's team when, with their users, oldest first."""
    return session.scalars(
        select(TeamSpell)
        .where(TeamSpell.partner_id == partner_id)
        .options(joinedload(TeamSpell.user))
        .order_by(TeamSpell.from_at, TeamSpell.id)
    ).all()


def open_spell(session: Session, user_id: UUID) -> TeamSpell | None:
    """Return the time on a team that has not ended, locked; none if there is none."""
    return session.scalar(
        select(TeamSpell)
        .where(TeamSpell.user_id == user_id, TeamSpell.until_at.is_(None))
        .with_for_update()
    )
