"""What a definition says and the running portal does not do by itself yet.

A simulation rates all of it. Staff read these notes before they publish, so that
partners are not promised what nobody carries out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import flask_babel

from portal.programs.definition import (
    DealSource,
    ProgramDefinition,
    Rule,
    TierMetric,
    Trigger,
)

_: Callable[..., str] = flask_babel.gettext  # typed there as anything


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that somebody must do by other means.

    Attributes:
        path: The part, such as `rules.lead.pays_for`.
        note: What the portal does not do, and what to do instead.
    """

    path: str
    note: str


def gaps(definition: ProgramDefinition) -> list[Gap]:
    """Return what the portal leaves to others; nothing for most programs."""
    return [*_of_rules(definition), *_of_the_rest(definition)]


def _of_rules(definition: ProgramDefinition) -> Iterator[Gap]:
    for rule in definition.rules:
        path = f"rules.{rule.key}"
        if not definition.products:
            yield from _of_products(rule, path)
        if rule.pays_for is not Trigger.SALE:
            yield Gap(
                f"{path}.pays_for",
                _(
                    "Only sales are recorded. Leads, paid clicks and subscribers are "
                    "rated in simulations, so this rule pays nothing yet."
                ),
            )
        yield from _of_conditions(rule, path)


def _of_products(rule: Rule, path: str) -> Iterator[Gap]:
    for name in ("products", "except_products"):
        if rule.when and getattr(rule.when, name):
            yield Gap(
                f"{path}.when.{name}",
                _(
                    "Nothing says which products there are, so a misspelled one is "
                    "not noticed: list them under products, as invoices name them. "
                    "A trial names those that nobody bought."
                ),
            )


def _of_conditions(rule: Rule, path: str) -> Iterator[Gap]:
    if rule.when and rule.when.sources:
        yield Gap(f"{path}.when.sources", _all_are_sourced())
    if rule.when and rule.when.managed_from:
        yield Gap(
            f"{path}.when.managed_from",
            _(
                "A customer counts as looked after until you say otherwise, on the "
                "partner's page under Customers."
            ),
        )


def _of_the_rest(definition: ProgramDefinition) -> Iterator[Gap]:
    tiers = definition.tiers
    if (
        tiers
        and tiers.points
        and set(tiers.points.milli_per_100) != {DealSource.SOURCED}
    ):
        yield Gap("tiers.points.milli_per_100", _all_are_sourced())
    if tiers and TierMetric.FACT in tiers.metrics:
        yield Gap(
            "tiers.levels",
            _("Record the values that levels ask for on the page of each partner."),
        )
    if definition.rewards:
        yield Gap(
            "rewards",
            _(
                "Rewards are worked out in simulations. Hand them out by other means: "
                "the portal does not yet."
            ),
        )
    if definition.friend_discount:
        yield Gap(
            "friend_discount",
            _(
                "The portal does not lower invoices: give the discount where you "
                "bill, such as with a coupon in Stripe."
            ),
        )


def _all_are_sourced() -> str:
    return _("Every sale counts as sourced: nothing else can be recorded yet.")
