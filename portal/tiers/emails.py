from datetime import datetime

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.enrollments.models import Enrollment
from portal.enrollments.notices import Notice, NoticeKind
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.programs.definition import ProgramDefinition, TierDuty
from portal.tiers.wording import level_name


def send_duty(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    duty: TierDuty,
    notice: Notice,
    *,
    now: datetime,
) -> None:
    """Say which level must be reached by when, or that it was not, and what follows."""
    is_missed = notice.kind is NoticeKind.MISSED
    for owner in partners.owners(session, enrollment.partner_id):
        mail.enqueue(
            session,
            to=owner.email,
            template="tiers/duty_missed" if is_missed else "tiers/duty_warning",
            locale=owner.locale,
            now=now,
            context={
                "name": owner.name,
                "partner": enrollment.partner.name,
                "program": definition.name,
                "level": level_name(definition, duty.level),
                "move_to": level_name(definition, duty.move_to)
                if duty.move_to
                else None,
                "day": format_date(notice.last_day, "long", locale=owner.locale),
                "path": "/app/tier",
            },
        )
