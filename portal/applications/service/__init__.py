"""What can happen to an application. Callers own the transaction."""

from portal.applications.service.answering import (
    AnswersMissing,
    DraftChanged,
    NoDraft,
    expire_drafts,
    save_answers,
    submit,
    takes_in_everybody,
)
from portal.applications.service.completing import complete_approval
from portal.applications.service.deciding import (
    AlreadyDecided,
    AlreadyInProgram,
    ConflictOfInterest,
    NotConfirmed,
    StaffAddress,
    TooLateToUndo,
    approve,
    ask,
    reject,
    undo_decision,
)
from portal.applications.service.inviting import send_way_back, start_invited
from portal.applications.service.starting import (
    CountryNotServed,
    LinkExpired,
    NoSuchLink,
    NotOpen,
    confirm_email,
    open_by_link,
    start,
)
from portal.applications.service.talking import BeingDecided, reply, withdraw

__all__ = [
    "AlreadyDecided",
    "AlreadyInProgram",
    "AnswersMissing",
    "BeingDecided",
    "ConflictOfInterest",
    "CountryNotServed",
    "DraftChanged",
    "LinkExpired",
    "NoDraft",
    "NoSuchLink",
    "NotConfirmed",
    "NotOpen",
    "StaffAddress",
    "TooLateToUndo",
    "approve",
    "ask",
    "complete_approval",
    "confirm_email",
    "expire_drafts",
    "open_by_link",
    "reject",
    "reply",
    "save_answers",
    "send_way_back",
    "start",
    "start_invited",
    "submit",
    "takes_in_everybody",
    "undo_decision",
    "withdraw",
]
