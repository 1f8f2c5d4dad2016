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
from portal.applications.service.automatic import (
    AnotherIsOpen,
    NotDecidedByRule,
    look_again,
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
from portal.applications.service.documents import (
    TooManyDocuments,
    answer_with_file,
    note_refusal,
    remove_file,
    send_with_reply,
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
    "AnotherIsOpen",
    "AnswersMissing",
    "BeingDecided",
    "ConflictOfInterest",
    "CountryNotServed",
    "DraftChanged",
    "LinkExpired",
    "NoDraft",
    "NoSuchLink",
    "NotConfirmed",
    "NotDecidedByRule",
    "NotOpen",
    "StaffAddress",
    "TooLateToUndo",
    "TooManyDocuments",
    "answer_with_file",
    "approve",
    "ask",
    "complete_approval",
    "confirm_email",
    "expire_drafts",
    "look_again",
    "note_refusal",
    "open_by_link",
    "reject",
    "remove_file",
    "reply",
    "save_answers",
    "send_way_back",
    "send_with_reply",
    "start",
    "start_invited",
    "submit",
    "takes_in_everybody",
    "undo_decision",
    "withdraw",
]
