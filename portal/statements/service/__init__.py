"""What can happen to months and statements. Callers own the transaction."""

from portal.statements.service.checks import check
from portal.statements.service.close import (
    begin_close,
    close_chunk,
    finish_close,
)
from portal.statements.service.drafts import Draft, DraftLine, draft_of
from portal.statements.service.periods import ensure_all_periods, ensure_periods
from portal.statements.service.preview import (
    Preview,
    PreviewRow,
    draft_now,
    preview,
)
from portal.statements.service.proposals import (
    AlreadyProposed,
    FiguresChanged,
    NotProposed,
    NotReadyToClose,
    SecondPersonNeeded,
    WarningsUnanswered,
    propose_close,
    send_back,
)
from portal.statements.service.reopening import (
    AlreadyAsked,
    LaterMonthBegun,
    NotClosed,
    PaidAlready,
    ask_to_reopen,
    drop_reopening,
    reopen,
    require_reopenable,
)
from portal.statements.service.reserves import release

__all__ = [
    "AlreadyAsked",
    "AlreadyProposed",
    "Draft",
    "DraftLine",
    "FiguresChanged",
    "LaterMonthBegun",
    "NotClosed",
    "NotProposed",
    "NotReadyToClose",
    "PaidAlready",
    "Preview",
    "PreviewRow",
    "SecondPersonNeeded",
    "WarningsUnanswered",
    "ask_to_reopen",
    "begin_close",
    "check",
    "close_chunk",
    "draft_now",
    "draft_of",
    "drop_reopening",
    "ensure_all_periods",
    "ensure_periods",
    "finish_close",
    "preview",
    "propose_close",
    "release",
    "reopen",
    "require_reopenable",
    "send_back",
]
