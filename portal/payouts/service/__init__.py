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
from portal.payouts.service.reopening import (
    InBatch,
    ask_to_reopen,
    confirm_reopening,
    require_no_batch,
)
from portal.payouts.service.reporting import (
    NecReport,
    NecRow,
    Recipient,
    nec_report,
    recipients,
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
    "InBatch",
    "MoreThanOwed",
    "NecReport",
    "NecRow",
    "NotFrozen",
    "NotSetUp",
    "NotYetPaid",
    "NothingDue",
    "PayoutsFrozen",
    "PreviewOutdated",
    "Recipient",
    "ResultsRefused",
    "RowsChanged",
    "SameAccount",
    "SecondPersonNeeded",
    "WrongDay",
    "WrongNumber",
    "approve",
    "ask_to_reopen",
    "cancel",
    "change_account",
    "checked_details",
    "confirm_reopening",
    "details_of",
    "file_of",
    "follow_gates",
    "freeze",
    "import_results",
    "leave_out",
    "make_batch",
    "mark_sent",
    "missing_setup",
    "nec_report",
    "payable",
    "recipients",
    "record",
    "reencrypt",
    "require_no_batch",
    "require_not_frozen",
    "thaw",
]
