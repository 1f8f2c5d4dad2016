from datetime import datetime, timedelta

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.invitations.models import Invitation
from portal.mail import service as mail
from portal.programs.definition import ProgramDefinition


def send(
    session: Session,
    invitation: Invitation,
    definition: ProgramDefinition,
    *,
    token: str,
    inviter: User,
    now: datetime,
) -> None:
    """Invite somebody: who asks, to what, until when, and the link."""
    last = (invitation.expires_at - timedelta.resolution).astimezone(definition.zone)
    mail.enqueue(
        session,
        to=invitation.email,
        template="invitations/invited",
        locale=invitation.locale,
        now=now,
        context={
            "name": invitation.name,
            "program": definition.name,
            "summary": definition.summary,
            "inviter": inviter.name,
            "note": invitation.note,
            "last_day": format_date(last.date(), "long", locale=invitation.locale),
            "secret_path": f"/invitations/{token}",
        },
    )
