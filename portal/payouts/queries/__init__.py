"""What pages and services read about payouts."""

from portal.payouts.queries.accounts import (
    accounts,
    current_account,
    current_accounts,
    every_secret,
    joined_with_account,
)
from portal.payouts.queries.batches import (
    BatchView,
    NoSuchBatch,
    NoSuchRow,
    batch,
    batch_by_form,
    batches,
    committed_minor,
    lock_enrollments,
    owners_of_ids,
    row,
    view_of,
)
from portal.payouts.queries.due import Candidate, Collected, balances, collect
from portal.payouts.queries.freezing import freeze
from portal.payouts.queries.partner import PaidOut, of_partner

__all__ = [
    "BatchView",
    "Candidate",
    "Collected",
    "NoSuchBatch",
    "NoSuchRow",
    "PaidOut",
    "accounts",
    "balances",
    "batch",
    "batch_by_form",
    "batches",
    "collect",
    "committed_minor",
    "current_account",
    "current_accounts",
    "every_secret",
    "freeze",
    "joined_with_account",
    "lock_enrollments",
    "of_partner",
    "owners_of_ids",
    "row",
    "view_of",
]
