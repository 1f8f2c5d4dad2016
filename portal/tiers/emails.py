from datetime import datetime

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.enrollments.models import Enrollment
from portal.enrollments.notices import Notice, NoticeKind
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.programs.definition import ProgramDefinition, Rule, TierDuty
from portal.tiers.moves import Fall
from portal.tiers.wording import level_name
from portal.web.formats import format_percent_bps


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


def send_move(
    session: Session,
    enrollment: Enrollment,
    definition: ProgramDefinition,
    fall: Fall,
    *,
    now: datetime,
) -> None:
    """Say which tier will be lost when, or was, why, and what each pays."""
    has_happened = fall.notice.kind is NoticeKind.SHUT
    for owner in partners.owners(session, enrollment.partner_id):
        mail.enqueue(
            session,
            to=owner.email,
            template="tiers/moved_down" if has_happened else "tiers/move_warning",
            locale=owner.locale,
            now=now,
            context={
                "name": owner.name,
                "partner": enrollment.partner.name,
                "program": definition.name,
                "held": fall.held.name,
                "level": fall.level.name,
                "reason": fall.reason.value,
                "day": format_date(fall.notice.last_day, "long", locale=owner.locale),
                "rates": [
                    [rule.title, *_rates(rule, fall, owner.locale)]
                    for rule in definition.rules
                    if rule.rate_bps_by_tier
                ],
                "path": "/app/tier",
            },
        )


def _rates(rule: Rule, fall: Fall, locale: str) -> list[str]:
    """Return what a rule pays on the level before and on the one after."""
    return [
        format_percent_bps(rule.rate_bps_by_tier[level.key], locale)
        for level in (fall.held, fall.level)
    ]
