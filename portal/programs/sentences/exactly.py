"""Sentences about the declared policies: what programs do differently."""

from collections.abc import Callable, Iterator

from portal.kit.money import Rounding
from portal.programs.definition import (
    Measure,
    ProgramDefinition,
    RatingWindow,
    RoundingPer,
    Rule,
    Tiers,
)
from portal.programs.sentences.phrases import gettext as _


def exactly(definition: ProgramDefinition) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each declared policy: label, sentence, and the parts that decide it."""
    rules = definition.rules

    def of_rules(field: str) -> list[str]:
        return [f"rules.{rule.key}.{field}" for rule in rules]

    if rules:
        yield _("Exactly on a limit"), _on_a_limit(definition), of_rules("limit")
    if definition.tiers:
        yield _("Exactly on a tier"), _on_a_tier(definition.tiers), ["tiers.limit"]
        yield (
            _("The sale that reaches a tier"),
            _counts_from(definition.tiers),
            ["tiers.counts_from"],
        )
    if rules:
        yield _("Discounts and tax"), by_rule(rules, _base), of_rules("base")
        yield _("What is rounded"), by_rule(rules, _rounded), of_rules("rounding_per")
        yield _("Rounding"), rounding_sentence(definition), of_rules("rounding")
    if any(_counts_customer_months(rule) for rule in rules):
        yield (
            _("Months of a customer"),
            _(
                "The first payment begins month 1. The next month begins on the same "
                "day of the next calendar month, or on its last day."
            ),
            [],
        )
    yield (
        _("Days and months"),
        _(
            "Days, months and years begin at midnight in the time zone %(zone)s.",
            zone=definition.time_zone,
        ),
        ["time_zone"],
    )


def by_rule(rules: tuple[Rule, ...], sentence: Callable[[Rule], str]) -> str:
    """Return what holds for all rules, or for each of them by its title."""
    said = [(rule.title, sentence(rule)) for rule in rules]
    if len({text for _title, text in said}) == 1:
        return said[0][1]
    return " ".join(
        _("%(title)s: %(sentence)s", title=title, sentence=text) for title, text in said
    )


def _on_a_limit(definition: ProgramDefinition) -> str:
    with_limits = tuple(rule for rule in definition.rules if len(rule.bands) > 1)
    if not with_limits:
        return _("No rate depends on an amount here.")
    return by_rule(with_limits, _limit)


def _limit(rule: Rule) -> str:
    if rule.limit == "more_than":
        return _("A total of exactly a limit still counts below it.")
    return _("A total of exactly a limit has reached it.")


def _on_a_tier(tiers: Tiers) -> str:
    if tiers.limit == "more_than":
        return _("Exactly the number of a tier is not enough; it takes more.")
    return _("Exactly the number of a tier is enough.")


def _counts_from(tiers: Tiers) -> str:
    if tiers.counts_from == "next_sale":
        return _(
            "It is still paid at the tier before. The next sale is paid at the new."
        )
    return _("It is paid at the new tier already.")


def _base(rule: Rule) -> str:
    if not rule.measure.is_money:
        return _("The amount of a payment does not matter.")
    if rule.measure is Measure.MARGIN:
        return _(
            "The margin is what was paid after discounts, without tax, less our cost."
        )
    discount = rule.base.discount if rule.base else "after"
    tax = rule.base.tax if rule.base else "without"
    return {
        ("after", "without"): _("What was paid after discounts counts, without tax."),
        ("after", "with"): _("What was paid after discounts counts, with tax."),
        ("before", "without"): _("The price before discounts counts, without tax."),
        ("before", "with"): _("The price before discounts counts, with tax."),
    }[discount, tax]


def _rounded(rule: Rule) -> str:
    if rule.window is RatingWindow.SALE or rule.rate_bps_by_tier:
        return _("Each payment is rounded by itself.")
    if rule.rounding_per is RoundingPer.SALE:
        return _("What each payment adds is rounded by itself.")
    return _(
        "The commission on the whole total is rounded; a line is the difference of two "
        "such totals, so fractions are never lost."
    )


def rounding_sentence(definition: ProgramDefinition) -> str:
    """Return how amounts are rounded."""
    return by_rule(definition.rules, _rounding)


def _rounding(rule: Rule) -> str:
    if rule.rounding is Rounding.DOWN:
        return _("Down to the smallest unit of the currency.")
    return _("To the nearest smallest unit of the currency; a half is rounded up.")


def _counts_customer_months(rule: Rule) -> bool:
    spans = rule.when is not None and rule.when.customer_months is not None
    return bool(rule.duration_months or rule.all_or_nothing_months or spans)
