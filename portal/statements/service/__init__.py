"""What can happen to months and statements. Callers own the transaction."""

from portal.statements.service.checks import check
from portal.statements.service.close import (
    NotReadyToClose,
    WarningsUnanswered,
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
from portal.statements.service.reserves import release

__all__ = [
    "Draft",
    "DraftLine",
    "NotReadyToClose",
    "Preview",
    "PreviewRow",
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
    "release",
]
