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
    batches_under_way,
    committed_minor,
    lock_enrollments,
    owners_of_ids,
    row,
    view_of,
)
from portal.payouts.queries.due import Candidate, Collected, balances, collect
from portal.payouts.queries.freezing import former_freezes, freeze
from portal.payouts.queries.partner import PaidOut, of_partner
from portal.payouts.queries.reported import (
    YearOf,
    paid_in_other_currencies,
    paid_in_year,
    years_paid,
)

__all__ = [
    "BatchView",
    "Candidate",
    "Collected",
    "NoSuchBatch",
    "NoSuchRow",
    "PaidOut",
    "YearOf",
    "accounts",
    "balances",
    "batch",
    "batch_by_form",
    "batches",
    "batches_under_way",
    "collect",
    "committed_minor",
    "current_account",
    "current_accounts",
    "every_secret",
    "former_freezes",
    "freeze",
    "joined_with_account",
    "lock_enrollments",
    "of_partner",
    "owners_of_ids",
    "paid_in_other_currencies",
    "paid_in_year",
    "row",
    "view_of",
    "years_paid",
]
