"""What can happen to a partner. Callers own the transaction."""

from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts import queries as people
from portal.accounts import service as accounts
from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.audit import service as audit
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.partners import emails, queries
from portal.partners.models import Partner, PartnerMember, TeamSpell


class CannotBeInvited(Invalid):
    """The address is in use; by whom is not said."""

    code = "cannot_be_invited"


class LastOwner(Conflict):
    """Without this owner nobody could act for the partner."""

    code = "last_owner"


class KeptOut(Conflict):
    """The vendor has shut this person out."""

    code = "kept_out"


def create(
    session: Session, *, name: str, country: str, website: str, now: datetime
) -> Partner:
    """Take in a new partner; it has no people yet."""
    partner = Partner(
        id=new_id(), name=name, country=country, website=website, created_at=now
    )
    session.add(partner)
    audit.record(session, "partner.created", partner.id, actor=None, at=now, name=name)
    return partner


def add_member(
    session: Session, partner: Partner, user: User, *, now: datetime
) -> PartnerMember:
    """Give `user` a place in `partner`. A user belongs to one partner only."""
    member = PartnerMember(user=user, partner=partner, joined_at=now)
    session.add(member)
    return member


def invite(
    session: Session,
    partner: Partner,
    *,
    email: str,
    role: Role,
    actor: User,
    now: datetime,
) -> PartnerMember:
    """Invite somebody to the team of `partner` by mail.

    Who was removed from a team may be invited anew, to this team or another.

    Raises:
        CannotBeInvited: The address has a user, of whatever company.
        RoleNotYours: The role is the vendor's.
    """
    if role.is_staff:
        raise accounts.RoleNotYours(_("This is no role in a team."))
    address = accounts.normal_email(email)
    former = people.by_email(session, address)
    if former is not None and _has_left(session, former):
        invitation = accounts.welcome_back(
            session, former, role=role, actor=actor, now=now
        )
    else:
        try:
            invitation = accounts.invite(
                session, email=address, name="", role=role, actor=actor, now=now
            )
        except accounts.EmailTaken as error:
            # Whose team the person is on is none of the partner's business.
            raise CannotBeInvited(
                _("This address cannot be invited. Ask the person for another one."),
                field="email",
            ) from error
    member = add_member(session, partner, invitation.user, now=now)
    emails.invited(session, partner, invitation, actor=actor, now=now)
    return member


def invite_again(
    session: Session, partner: Partner, user: User, *, actor: User, now: datetime
) -> None:
    """Mail a new link to somebody who did not use the first; that one ends.

    Raises:
        Conflict: They have joined already.
        TooManyTries: They were mailed often enough today.
    """
    invitation = accounts.invite_again(session, user, actor=actor, now=now)
    emails.invited(session, partner, invitation, actor=actor, now=now)


def change_role(
    session: Session,
    partner: Partner,
    user: User,
    role: Role,
    *,
    actor: User,
    now: datetime,
) -> None:
    """Give a member another role. `partner` is locked, so that an owner remains.

    Raises:
        LastOwner: Nobody could act for the partner.
        RoleNotYours: It is the actor's own role, or the vendor's.
    """
    if role is user.role:
        return
    if user.role is Role.PARTNER_OWNER:
        _require_another_owner(session, partner, user)
    accounts.change_role(session, user, role, actor=actor, now=now)
    emails.role_changed(session, partner, user, actor=actor, now=now)


def remove_member(
    session: Session,
    partner: Partner,
    member: PartnerMember,
    *,
    actor: User,
    now: datetime,
) -> None:
    """Take somebody off the team. `partner` is locked, so that an owner remains.

    Raises:
        KeptOut: The vendor has shut them out; leaving the team would undo that.
        LastOwner: Nobody could act for the partner.
        RoleNotYours: It is the actor.
    """
    user = member.user
    if not user.is_active:
        raise KeptOut(_("This person was shut out by us. Write to us about it."))
    if user.role is Role.PARTNER_OWNER:
        _require_another_owner(session, partner, user)
    accounts.deactivate(session, user, actor=actor, now=now)
    session.delete(member)
    audit.record(
        session,
        "partner.member_removed",
        partner.id,
        actor=actor,
        at=now,
        who=user.email,
    )
    emails.removed(session, partner, user, actor=actor, now=now)


def note_presence(
    session: Session, user: User, *, is_in: bool, now: datetime
) -> UUID | None:
    """Keep that somebody has joined a team, or is off it, from `now` on.

    Repeating changes nothing.

    Args:
        session: The session that holds the open transaction.
        user: Who was let in, or is kept out.
        is_in: Which of the two.
        now: From when on.

    Returns:
        Whose team has changed; none if no team has.
    """
    spell = queries.open_spell(session, user.id)
    if not is_in:
        if spell is None:
            return None
        spell.until_at = now
        return spell.partner_id
    partner = queries.of_user(session, user.id)
    if spell is not None or partner is None:
        return None
    session.add(
        TeamSpell(id=new_id(), partner_id=partner.id, user_id=user.id, from_at=now)
    )
    return partner.id


def _has_left(session: Session, user: User) -> bool:
    return (
        not user.is_active
        and not user.is_staff
        and queries.of_user(session, user.id) is None
    )


def _require_another_owner(session: Session, partner: Partner, user: User) -> None:
    if not set(queries.joined_owner_ids(session, partner.id)) - {user.id}:
        raise LastOwner(_("Make somebody else an owner first: the team needs one."))
