"""Inviting, inviting again, taking back."""

from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts import throttle
from portal.accounts.models import User
from portal.accounts.service import normal_email
from portal.accounts.tokens import token_hash
from portal.audit import service as audit
from portal.invitations import emails, queries
from portal.invitations.models import (
    ONE_OPEN_PER_EMAIL,
    Invitation,
    InvitationStatus,
)
from portal.invitations.rules import DAYS, MOST_DAYS
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id, new_token
from portal.programs.definition import ProgramDefinition
from portal.programs.models import ProgramVersion


class AlreadyInvited(Invalid):
    """The address has an invitation to the program that can still be answered."""

    code = "already_invited"


class AlreadyInProgram(Invalid):
    """The address belongs to a partner in the program."""

    code = "invited_is_in_program"


class NotInvitable(Invalid):
    """The address is one of the vendor's own people's."""

    code = "not_invitable"


class InvitationIsOver(Conflict):
    """It was used or taken back."""

    code = "invitation_is_over"


def invite(
    session: Session,
    version: ProgramVersion,
    *,
    email: str,
    actor: User,
    now: datetime,
    name: str = "",
    company: str = "",
    note: str = "",
    days: int = DAYS,
) -> Invitation:
    """Mail somebody a link with which they, and nobody else, can apply.

    An earlier invitation whose time is over makes room.

    Args:
        session: The session that holds the open transaction.
        version: The program's version in force.
        email: The address as typed.
        actor: Who invites.
        now: The moment.
        name: The person's name, if it is known.
        company: Their company's, if it is known.
        note: Words of the sender's own for the mail.
        days: For how long it is good.

    Raises:
        AlreadyInvited: Their invitation can still be answered.
        AlreadyInProgram: Their company is in the program.
        NotInvitable: They work for the vendor.
        Invalid: It is no address, or the days are out of range.
        TooManyTries: The address got enough mails today.
    """
    address = normal_email(email)
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(
            _("Enter a number of days from 1 to %(most)d.", most=MOST_DAYS),
            field="days",
        )
    _require_stranger(session, version, address)
    _make_room(session, version, address, now)
    throttle.count(session, throttle.INVITATIONS_PER_TARGET, address, now=now)
    token = new_token()
    invitation = Invitation(
        id=new_id(),
        program_id=version.program_id,
        email=address,
        name=name.strip(),
        company=company.strip(),
        note=note.strip(),
        token_sha256=token_hash(token),
        created_at=now,
        invited_by_id=actor.id,
        sent_at=now,
        expires_at=now + timedelta(days=days),
    )
    _add_once(session, invitation)
    _send(session, invitation, version.definition, token, actor=actor, now=now)
    audit.record(
        session,
        "invitation.sent",
        invitation.id,
        actor=actor,
        at=now,
        program=version.definition.key,
        to=address,
    )
    return invitation


def resend(
    session: Session,
    invitation: Invitation,
    version: ProgramVersion,
    *,
    actor: User,
    now: datetime,
) -> None:
    """Mail a new link, good for as long as the first was; the old link ends.

    Args:
        session: The session that holds the open transaction.
        invitation: Which one, locked by the caller.
        version: The program's version in force.
        actor: Who sends it again.
        now: The moment.

    Raises:
        InvitationIsOver: It was used or taken back.
        TooManyTries: The address got enough mails today.
    """
    _require_open(invitation)
    throttle.count(session, throttle.INVITATIONS_PER_TARGET, invitation.email, now=now)
    token = new_token()
    lasts = invitation.expires_at - invitation.sent_at
    invitation.token_sha256 = token_hash(token)
    invitation.sent_at = now
    invitation.expires_at = now + lasts
    if invitation.status is InvitationStatus.OPENED:
        invitation.move_to(InvitationStatus.SENT)
    _send(session, invitation, version.definition, token, actor=actor, now=now)
    audit.record(session, "invitation.resent", invitation.id, actor=actor, at=now)


def revoke(
    session: Session, invitation: Invitation, *, actor: User, now: datetime
) -> None:
    """Take an invitation back: its link opens nothing from `now` on.

    Args:
        session: The session that holds the open transaction.
        invitation: Which one, locked by the caller.
        actor: Who takes it back.
        now: The moment.

    Raises:
        InvitationIsOver: It was used or taken back.
    """
    _require_open(invitation)
    invitation.move_to(InvitationStatus.REVOKED)
    invitation.revoked_at = now
    audit.record(session, "invitation.revoked", invitation.id, actor=actor, at=now)


def _send(
    session: Session,
    invitation: Invitation,
    definition: ProgramDefinition,
    token: str,
    *,
    actor: User,
    now: datetime,
) -> None:
    emails.send(session, invitation, definition, token=token, inviter=actor, now=now)


def _make_room(
    session: Session, version: ProgramVersion, address: str, now: datetime
) -> None:
    """End an earlier invitation whose time is over; refuse beside one that is good."""
    earlier = queries.open_for(session, version.program_id, address, lock=True)
    if earlier is None:
        return
    if earlier.is_usable(now):
        raise _already_invited(address)
    earlier.move_to(InvitationStatus.REVOKED)
    earlier.revoked_at = now
    session.flush()  # One open invitation for each: the earlier one ends first.


def _add_once(session: Session, invitation: Invitation) -> None:
    try:
        with session.begin_nested():
            session.add(invitation)
    except IntegrityError as error:
        if not violates(error, ONE_OPEN_PER_EMAIL):
            raise
        raise _already_invited(invitation.email) from error


def _require_open(invitation: Invitation) -> None:
    if invitation.status is InvitationStatus.USED:
        raise InvitationIsOver(_("This invitation was used already."))
    if invitation.status is InvitationStatus.REVOKED:
        raise InvitationIsOver(_("This invitation was taken back already."))


def _require_stranger(session: Session, version: ProgramVersion, address: str) -> None:
    if queries.staff_among(session, [address]):
        raise NotInvitable(
            _("%(email)s works here. Staff cannot be partners.", email=address),
            field="email",
        )
    if queries.members_among(session, version.program_id, [address]):
        raise AlreadyInProgram(
            _("%(email)s is in this program already.", email=address), field="email"
        )


def _already_invited(address: str) -> AlreadyInvited:
    return AlreadyInvited(
        _(
            "%(email)s is invited already. Send that invitation again, or take it "
            "back first.",
            email=address,
        ),
        field="email",
    )
