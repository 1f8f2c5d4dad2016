from collections.abc import Sequence
from datetime import date, datetime

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.agreements.rules import Terms
from portal.enrollments.models import Enrollment
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.programs.definition import Blocks


def ask_again(
    session: Session,
    enrollment: Enrollment,
    terms: Terms,
    *,
    last_day: date,
    blocks: Sequence[Blocks],
    now: datetime,
) -> None:
    """Ask the partner's owners to sign a new text, and say what follows if not."""
    zone = enrollment.version.definition.zone
    begins_on = terms.begins_at.astimezone(zone).date()
    for owner in partners.owners(session, enrollment.partner_id):
        mail.enqueue(
            session,
            to=owner.email,
            template="agreements/sign_again",
            locale=owner.locale,
            now=now,
            context={
                "name": owner.name,
                "partner": enrollment.partner.name,
                "program": enrollment.version.definition.name,
                "title": terms.agreement.title,
                "version": terms.agreement.version,
                "begins_on": format_date(begins_on, "long", locale=owner.locale),
                "last_day": format_date(last_day, "long", locale=owner.locale),
                "blocks": [block.value for block in blocks],
                "path": f"/app/programs/{enrollment.public_id}/agreement",
            },
        )
