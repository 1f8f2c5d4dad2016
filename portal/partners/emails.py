from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.service import Invitation
from portal.mail import service as mail
from portal.partners.models import Partner
from portal.web.states import state_label


def invited(
    session: Session,
    partner: Partner,
    invitation: Invitation,
    *,
    actor: User,
    now: datetime,
) -> None:
    """Tell somebody that a partner wants them on its team."""
    mail.enqueue(
        session,
        to=invitation.user.email,
        template="partners/invited",
        context={
            "partner": partner.name,
            "inviter": actor.name,
            "role": state_label(invitation.user.role),
            "secret_path": invitation.path,
        },
        now=now,
        locale=invitation.user.locale,
    )


def role_changed(
    session: Session, partner: Partner, user: User, *, actor: User, now: datetime
) -> None:
    """Tell a member what they may do from now on."""
    mail.enqueue(
        session,
        to=user.email,
        template="partners/role_changed",
        context={
            "partner": partner.name,
            "actor": actor.name,
            "role": state_label(user.role),
        },
        now=now,
        locale=user.locale,
    )


def removed(
    session: Session, partner: Partner, user: User, *, actor: User, now: datetime
) -> None:
    """Tell somebody that they are no longer on the team."""
    mail.enqueue(
        session,
        to=user.email,
        template="partners/removed",
        context={"partner": partner.name, "actor": actor.name},
        now=now,
        locale=user.locale,
    )
