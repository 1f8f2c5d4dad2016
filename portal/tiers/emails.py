from datetime import datetime

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.enrollments.models import Enrollment
from portal.enrollments.notices import Notice
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.programs.definition import ProgramDefinition, TierDuty
from portal.tiers.wording import level_name


def send_duty_warning(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    duty: TierDuty,
    notice: Notice,
    *,
    now: datetime,
) -> None:
    """Say which level must be reached by when, and what happens otherwise."""
    _send(
        session,
        enrollment,
        definition,
        duty,
        notice,
        template="tiers/duty_warning",
        now=now,
    )


def send_duty_missed(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    duty: TierDuty,
    notice: Notice,
    *,
    now: datetime,
) -> None:
    """Say that the level was not reached in time, and what follows."""
    _send(
        session,
        enrollment,
        definition,
        duty,
        notice,
        template="tiers/duty_missed",
        now=now,
    )


def _send(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    duty: TierDuty,
    notice: Notice,
    *,
    template: str,
    now: datetime,
) -> None:
    for owner in partners.owners(session, enrollment.partner_id):
        mail.enqueue(
            session,
            to=owner.email,
            template=template,
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
