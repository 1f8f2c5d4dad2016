"""What can happen to payouts. Callers own the transaction."""

from portal.payouts.service.accounts import (
    SameAccount,
    WrongNumber,
    change_account,
    checked_details,
    details_of,
    reencrypt,
)
from portal.payouts.service.batches import (
    NothingDue,
    NotSetUp,
    PreviewOutdated,
    WrongDay,
    leave_out,
    make_batch,
    missing_setup,
)
from portal.payouts.service.freezing import (
    NotFrozen,
    PayoutsFrozen,
    freeze,
    require_not_frozen,
    thaw,
)
from portal.payouts.service.gates import follow_gates
from portal.payouts.service.recording import (
    AlreadyRecorded,
    MoreThanOwed,
    NotYetPaid,
    payable,
    record,
)
from portal.payouts.service.results import Imported, ResultsRefused, import_results
from portal.payouts.service.sending import (
    RowsChanged,
    SecondPersonNeeded,
    approve,
    cancel,
    file_of,
    mark_sent,
)

__all__ = [
    "AlreadyRecorded",
    "Imported",
    "MoreThanOwed",
    "NotFrozen",
    "NotSetUp",
    "NotYetPaid",
    "NothingDue",
    "PayoutsFrozen",
    "PreviewOutdated",
    "ResultsRefused",
    "RowsChanged",
    "SameAccount",
    "SecondPersonNeeded",
    "WrongDay",
    "WrongNumber",
    "approve",
    "cancel",
    "change_account",
    "checked_details",
    "details_of",
    "file_of",
    "follow_gates",
    "freeze",
    "import_results",
    "leave_out",
    "make_batch",
    "mark_sent",
    "missing_setup",
    "payable",
    "record",
    "reencrypt",
    "require_not_frozen",
    "thaw",
]
