"""What whoever holds the link of an invitation can do."""

from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts import throttle
from portal.accounts.service import normal_email
from portal.accounts.throttle import Limit
from portal.applications import queries as application_queries
from portal.applications import service as applications
from portal.applications.models import Application
from portal.audit import service as audit
from portal.invitations import queries
from portal.invitations.models import Invitation, InvitationStatus
from portal.kit.errors import Gone, Invalid
from portal.programs import queries as programs

TRIES = Limit("invitation-try", 10, timedelta(hours=1))
"""Addresses tried at one invitation: who was invited knows theirs."""


class InvitationEnded(Gone):
    """Its time is over, or the draft that it began was deleted."""

    code = "invitation_ended"


def look_at(session: Session, token: str, *, now: datetime) -> Invitation:
    """Return the invitation that a link belongs to, and keep that it was opened.

    Raises:
        NoSuchInvitation: The link opens nothing, or was taken back.
        InvitationEnded: It is too old.
    """
    invitation = queries.by_token(session, token, lock=True)
    _require_alive(invitation, now)
    if invitation.status is InvitationStatus.SENT:
        invitation.move_to(InvitationStatus.OPENED)
        invitation.opened_at = now
        audit.record(session, "invitation.opened", invitation.id, actor=None, at=now)
    return invitation


def use(
    session: Session, token: str, *, email: str, locale: str, now: datetime
) -> tuple[Invitation, Application | None]:
    """Begin the application of whoever was invited; a second use changes nothing.

    The row is locked, so that two uses at once make one application.

    Args:
        session: The session that holds the open transaction.
        token: From the link.
        email: The address as typed; it must be the one that was invited.
        locale: The language of whoever answers.
        now: The moment.

    Returns:
        The invitation, and the application for this browser to open; none if the
        address is another one, and none after the first use: the way back to the
        application then goes to its address by mail. A refusal is an answer and not
        an exception, because wrong tries are counted.

    Raises:
        NoSuchInvitation: The link opens nothing, or was taken back.
        InvitationEnded: It is too old.
        TooManyTries: Too many addresses were tried.
    """
    invitation = queries.by_token(session, token, lock=True)
    _require_alive(invitation, now)
    throttle.count(session, TRIES, str(invitation.id), now=now)
    if not is_its_address(invitation, email):
        return invitation, None
    if invitation.status is InvitationStatus.USED:
        if invitation.application_id is not None:
            found = application_queries.get(session, invitation.application_id)
            applications.send_way_back(session, found, now=now)
        return invitation, None
    application = applications.start_invited(
        session,
        programs.current_version(session, invitation.program_id, now),
        email=invitation.email,
        known={"name": invitation.name, "company": invitation.company},
        locale=locale,
        now=now,
    )
    invitation.move_to(InvitationStatus.USED)
    invitation.used_at = now
    invitation.application_id = application.id
    audit.record(
        session,
        "invitation.used",
        invitation.id,
        actor=None,
        at=now,
        application=application.reference,
    )
    return invitation, application


def is_its_address(invitation: Invitation, email: str) -> bool:
    """Tell whether an address as typed is the one that was invited."""
    try:
        return normal_email(email) == invitation.email
    except Invalid:
        return False


def _require_alive(invitation: Invitation, now: datetime) -> None:
    if invitation.status is InvitationStatus.USED:
        if invitation.application_id is None:
            raise InvitationEnded(
                _(
                    "The application that you began with this invitation was deleted, "
                    "because it was not finished. Ask us for a new invitation."
                )
            )
    elif not invitation.is_usable(now):
        raise InvitationEnded(
            _("This invitation has expired. Ask us for a new invitation.")
        )
