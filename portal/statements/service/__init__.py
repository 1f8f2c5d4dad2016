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
from portal.statements.service.reserves import release

__all__ = [
    "AlreadyProposed",
    "Draft",
    "DraftLine",
    "FiguresChanged",
    "NotProposed",
    "NotReadyToClose",
    "Preview",
    "PreviewRow",
    "SecondPersonNeeded",
    "WarningsUnanswered",
    "begin_close",
    "check",
    "close_chunk",
    "draft_now",
    "draft_of",
    "ensure_all_periods",
    "ensure_periods",
    "finish_close",
    "preview",
    "propose_close",
    "release",
    "send_back",
]
