"""What is due that is not cash, to whom, and why. Pure: no clock, no database.

Every reward follows from facts alone. So neither the order in which they arrive nor
repetition changes anything, and what is taken out leaves no trace but milestones,
which stay once they were reached. Of each reward, what is given and what is over the
cap add up to what was earned.
"""

from portal.rewards.calculation.bills import (
    Bill,
    BilledRewards,
    bills_after,
    percent_off_at,
)
from portal.rewards.calculation.facts import Due, DueState, Reason, ReferralFact
from portal.rewards.calculation.rating import rewards_due
from portal.rewards.calculation.risk import risk_of, signals_of
from portal.rewards.calculation.waiting import Entry, Place, waiting_list
from portal.rewards.calculation.words import Formats, amount_of, sentence_of

__all__ = [
    "Bill",
    "BilledRewards",
    "Due",
    "DueState",
    "Entry",
    "Formats",
    "Place",
    "Reason",
    "ReferralFact",
    "amount_of",
    "bills_after",
    "percent_off_at",
    "rewards_due",
    "risk_of",
    "sentence_of",
    "signals_of",
    "waiting_list",
]
