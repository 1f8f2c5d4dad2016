"""How much a partner earns, and why. Pure: no clock, no database, no settings.

The commission of a window is a function C of its net sales. Each line is a
difference of C, taken in the order in which sales and refunds count. So the lines
of a window add up to C of what is left in it, refunds take back exactly
C(before) - C(after), and neither the order of arrival nor repetition changes
anything. What follows for a sale that is refunded in full:

- Its window is the sale itself: its lines add up to zero, whatever the bands.
- Its window is a month, quarter or year: the lines of the *window* add up to C of
  what is left, so to zero when everything in it was refunded. The refund is rated
  at the end of the running total, so the lines of that one sale add up to zero only
  if no other sale moved the total to another band in between.
"""

from portal.commissions.calculation.facts import (
    Commissioned,
    Outcome,
    RatedLine,
    Terms,
)
from portal.commissions.calculation.rating import rate, rate_in_order
from portal.commissions.calculation.scale import Scale, Slice
from portal.commissions.calculation.steps import Step, steps_of
from portal.commissions.calculation.words import Formats, sentence_of
from portal.tiers.facts import CustomerFact, RefundFact, SaleFact, TierInputs

__all__ = [
    "Commissioned",
    "CustomerFact",
    "Formats",
    "Outcome",
    "RatedLine",
    "RefundFact",
    "SaleFact",
    "Scale",
    "Slice",
    "Step",
    "Terms",
    "TierInputs",
    "rate",
    "rate_in_order",
    "sentence_of",
    "steps_of",
]
