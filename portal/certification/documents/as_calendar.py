"""Dates that people put into their calendars (RFC 5545)."""

from datetime import datetime, timedelta

from flask_babel import gettext as _
from icalendar import Alarm, Calendar, Event

from portal.certification.models import Certification

CALENDAR_TYPE = "text/calendar; charset=utf-8"


def next_attempt(
    exam: Certification, starts_at: datetime, address: str, *, now: datetime
) -> bytes:
    """Return a calendar file with the moment from which an exam can be tried again.

    The event has the same name each time, so that importing it twice moves it.

    Args:
        exam: The exam.
        starts_at: From when.
        address: The page from which it is started.
        now: When the file is made.
    """
    event = Event()
    event.add("uid", f"{exam.id}@next-attempt")
    event.add("dtstamp", now)
    event.add("dtstart", starts_at)
    event.add("dtend", starts_at + timedelta(minutes=exam.minutes))
    event.add("summary", _("You can try again: %(exam)s", exam=exam.title))
    event.add(
        "description", _("Read the lessons first, then start at %(at)s", at=address)
    )
    event.add("url", address)
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", exam.title)
    alarm.add("trigger", timedelta(0))
    event.add_component(alarm)
    calendar = Calendar()
    calendar.add("prodid", "-//Gatehouse//Certifications//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
