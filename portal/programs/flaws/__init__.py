"""What a valid definition gets wrong: it can be read, and does what nobody wants.

Validation refuses what has no meaning. What has one, but surely not the one that was
meant, is named here: the part, what is wrong, what to do, and an example event that
shows it. Pure; a definition with flaws can still be used.
"""

from portal.programs.definition import ProgramDefinition
from portal.programs.flaws.amounts import amount_flaws
from portal.programs.flaws.bands import band_flaws
from portal.programs.flaws.flaw import Flaw
from portal.programs.flaws.overlaps import overlap_flaws
from portal.programs.flaws.products import product_flaws
from portal.programs.flaws.rewards import reward_flaws
from portal.programs.flaws.rules import rule_flaws
from portal.programs.flaws.sources import source_flaws
from portal.programs.flaws.tiers import tier_flaws

__all__ = ["Flaw", "flaws"]

_CHECKS = (
    amount_flaws,
    tier_flaws,
    rule_flaws,
    band_flaws,
    overlap_flaws,
    product_flaws,
    reward_flaws,
    source_flaws,
)


def flaws(definition: ProgramDefinition) -> list[Flaw]:
    """Return what a definition gets wrong; nothing for a good one."""
    return [flaw for check in _CHECKS for flaw in check(definition)]
