"""What a program would pay for given events. Pure: no clock, no database, no network.

The same functions serve the pages and the close: attribution decides, tiers move, the
engine rates, and statements settle. This package only brings events to them.
"""

from portal.simulation.calculation.comparison import Comparison, Difference, compare
from portal.simulation.calculation.credit import Credit
from portal.simulation.calculation.result import PartnerRun, Result, Sums, Uncounted
from portal.simulation.calculation.running import simulate

__all__ = [
    "Comparison",
    "Credit",
    "Difference",
    "PartnerRun",
    "Result",
    "Sums",
    "Uncounted",
    "compare",
    "simulate",
]
