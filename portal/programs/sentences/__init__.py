"""The single sentences that the terms of a program are made of.

They are in the reader's language; outside a request they are in English. Each says
one fact, and each fact that changes what somebody gets, owes or must do has one.
"""

from portal.programs.sentences.exactly import exactly, rounding_sentence
from portal.programs.sentences.joining import (
    answer_sentence,
    consequence_sentences,
    deadline_sentence,
    reapply_sentence,
    sign_again_sentence,
    team_phrase,
    team_sentences,
    who_sentences,
)
from portal.programs.sentences.pay import (
    hold_sentences,
    rule_sentence,
    rule_sentences,
)
from portal.programs.sentences.policies import (
    attribution_sentences,
    budget_sentences,
    combination_sentence,
    fee_sentences,
    friend_sentence,
    payout_sentences,
    price_each,
    refund_sentences,
    terms_sentence,
)
from portal.programs.sentences.rewards import reward_sentences
from portal.programs.sentences.tiers import (
    requirement_phrase,
    threshold,
    tier_sentences,
)

__all__ = [
    "answer_sentence",
    "attribution_sentences",
    "budget_sentences",
    "combination_sentence",
    "consequence_sentences",
    "deadline_sentence",
    "exactly",
    "fee_sentences",
    "friend_sentence",
    "hold_sentences",
    "payout_sentences",
    "price_each",
    "reapply_sentence",
    "refund_sentences",
    "requirement_phrase",
    "reward_sentences",
    "rounding_sentence",
    "rule_sentence",
    "rule_sentences",
    "sign_again_sentence",
    "team_phrase",
    "team_sentences",
    "terms_sentence",
    "threshold",
    "tier_sentences",
    "who_sentences",
]
