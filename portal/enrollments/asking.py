"""From "on that day" to a moment."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from portal.kit.clock import day_start
from portal.kit.errors import Invalid


def moment_asked(text: str, *, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the moment that somebody means.

    A day such as `2026-11-20` means its last moment in the program's zone, so that
    what was done on that day counts; today means now, and so does nothing. A day with
    a time means that time, in the program's zone unless it names one.

    Args:
        text: What was typed.
        zone: The program's.
        now: The present.

    Raises:
        Invalid: It is no day, or it has not come.
    """
    wanted = text.strip()
    if not wanted:
        return now
    try:
        moment = _read(wanted, zone, now)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            _("Enter a day such as 2026-11-20, or 2026-11-20T14:30."), field="at"
        ) from error
    if moment > now:
        raise Invalid(_("Enter today or a day in the past."), field="at")
    return moment


def _read(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(now.tzinfo)
    if day == now.astimezone(zone).date():
        return now
    return day_start(day + timedelta(days=1), zone) - timedelta.resolution
