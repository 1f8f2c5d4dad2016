"""The word and the tone of every state, so that one state looks alike everywhere."""

from collections.abc import Mapping
from types import MappingProxyType

from flask import Flask
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

STATES: Mapping[str, tuple[str, LazyString]] = MappingProxyType(
    {
        "active": ("ok", _("Active")),
        "accepted": ("ok", _("Accepted")),
        "answered": ("info", _("Answered")),
        "approved": ("ok", _("Approved")),
        "canceled": ("neutral", _("Canceled")),
        "cleared": ("ok", _("Cleared")),
        "changed": ("warn", _("Changed since you read it")),
        "closed": ("neutral", _("Closed")),
        "confirmed": ("ok", _("Confirmed")),
        "draft": ("neutral", _("Draft")),
        "due": ("warn", _("Due")),
        "earning": ("ok", _("Earning")),
        "ended": ("neutral", _("Ended")),
        "expired": ("bad", _("Expired")),
        "expiring": ("warn", _("Expiring")),
        "failed": ("bad", _("Failed")),
        "final": ("ok", _("Final")),
        "handled": ("ok", _("Handled")),
        "held": ("info", _("Held for undo")),
        "in_progress": ("info", _("In progress")),
        "in_review": ("info", _("In review")),
        "info_requested": ("warn", _("Needs information")),
        "issued": ("ok", _("Issued")),
        "locked": ("neutral", _("Locked")),
        "lost": ("bad", _("Lost")),
        "met": ("ok", _("Met")),
        "not_found": ("bad", _("Not found")),
        "not_started": ("neutral", _("Not started")),
        "on_hold": ("warn", _("On hold")),
        "on_statement": ("info", _("On statement")),
        "open": ("info", _("Open")),
        "opened": ("info", _("Opened")),
        "overdue": ("bad", _("Overdue")),
        "paid": ("ok", _("Paid")),
        "partly_paid": ("warn", _("Paid in part")),
        "passed": ("ok", _("Passed")),
        "past_due": ("warn", _("Past due")),
        "payable": ("ok", _("Payable")),
        "pending": ("warn", _("Pending")),
        "processing": ("info", _("Processing")),
        "published": ("ok", _("Published")),
        "proposed": ("warn", _("Proposed")),
        "queued": ("info", _("Queued")),
        "refunded": ("bad", _("Refunded")),
        "rejected": ("bad", _("Rejected")),
        "replaced": ("neutral", _("Replaced")),
        "resolved": ("ok", _("Resolved")),
        "returned": ("bad", _("Returned")),
        "reversal": ("neutral", _("Takes another back")),
        "reversed": ("bad", _("Reversed")),
        "revoked": ("bad", _("Revoked")),
        "sent": ("ok", _("Sent")),
        "settled": ("ok", _("Settled")),
        "signed_up": ("info", _("Signed up")),
        "skipped": ("neutral", _("Skipped")),
        "submitted": ("info", _("Submitted")),
        "suspended": ("bad", _("Suspended")),
        "terminated": ("bad", _("Ended")),
        "trial": ("info", _("Trial")),
        "upcoming": ("neutral", _("Upcoming")),
        "used": ("ok", _("Used")),
        "valid": ("ok", _("Valid")),
        "voided": ("bad", _("Voided")),
        "waiting": ("warn", _("Waiting")),
        "waived": ("neutral", _("Waived")),
        "withdrawn": ("neutral", _("Withdrawn")),
        "won": ("ok", _("Won")),
    }
)


def state_tone(state: str) -> str:
    """Return ok, warn, bad, info or neutral."""
    known = STATES.get(str(state))
    return known[0] if known else "neutral"


def state_label(state: str) -> str:
    """Return the word for a state; one that is not listed is made readable."""
    known = STATES.get(str(state))
    if known:
        return str(known[1])
    return str(state).replace("_", " ").capitalize()


def register(app: Flask) -> None:
    """Give templates the words and tones."""
    app.jinja_env.globals.update(state_label=state_label, state_tone=state_tone)
