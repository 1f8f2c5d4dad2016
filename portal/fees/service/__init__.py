"""What can happen to an entry fee. Stripe decides; we follow. No commit, no network."""

from portal.fees.service.following import GIVE_BACK, follow
from portal.fees.service.gate import grace_of
from portal.fees.service.paying import (
    Begun,
    CannotEnd,
    FeeRuns,
    NoFee,
    NoSuchInterval,
    NothingToManage,
    ask_to_end,
    begin,
    expire_checkout,
    link_checkout,
    note_checkout,
)

__all__ = [
    "GIVE_BACK",
    "Begun",
    "CannotEnd",
    "FeeRuns",
    "NoFee",
    "NoSuchInterval",
    "NothingToManage",
    "ask_to_end",
    "begin",
    "expire_checkout",
    "follow",
    "grace_of",
    "link_checkout",
    "note_checkout",
]
