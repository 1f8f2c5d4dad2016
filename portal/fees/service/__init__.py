"""What can happen to an entry fee. Stripe decides; we follow. No commit, no network."""

from portal.fees.service.dunning import FOLLOW, follow_later, keep_up, remind
from portal.fees.service.following import GIVE_BACK, follow
from portal.fees.service.gate import grace_of
from portal.fees.service.moving import (
    MATCH_PRICE,
    Move,
    finish_move,
    match_later,
    plan_move,
)
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
from portal.fees.service.waiving import (
    MATCH_PAUSE,
    IsWaived,
    NotWaived,
    WaiverEndsTooEarly,
    end_waiver,
    waive,
)

__all__ = [
    "FOLLOW",
    "GIVE_BACK",
    "MATCH_PAUSE",
    "MATCH_PRICE",
    "Begun",
    "CannotEnd",
    "FeeRuns",
    "IsWaived",
    "Move",
    "NoFee",
    "NoSuchInterval",
    "NotWaived",
    "NothingToManage",
    "WaiverEndsTooEarly",
    "ask_to_end",
    "begin",
    "end_waiver",
    "expire_checkout",
    "finish_move",
    "follow",
    "follow_later",
    "grace_of",
    "keep_up",
    "link_checkout",
    "match_later",
    "note_checkout",
    "plan_move",
    "remind",
    "waive",
]
