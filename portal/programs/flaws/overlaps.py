"""Flaws between rules: one that never gets its turn, a choice that never arises."""

from collections.abc import Iterator
from itertools import combinations

from portal.programs.definition import (
    Combination,
    Conditions,
    MonthSpan,
    ProgramDefinition,
    Rule,
)
from portal.programs.flaws.flaw import Flaw
from portal.programs.sentences.phrases import gettext as _

_EVERYTHING = Conditions()


def overlap_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield what is wrong between the rules of a program."""
    rules = definition.rules
    if definition.combine is Combination.FIRST_MATCH:
        for number, later in enumerate(rules):
            earlier = next((r for r in rules[:number] if _covers(r, later)), None)
            if earlier:
                yield _shadowed(later, earlier)
    if (
        definition.combine is not Combination.SUM
        and len(rules) > 1
        and not any(_can_meet(one, other) for one, other in combinations(rules, 2))
    ):
        yield Flaw(
            "combine",
            _(
                "No two rules ever fit the same sale, so there is nothing to choose: "
                "widen the conditions of one, or make it combine: sum."
            ),
            _(
                "A sale that fits %(one)s never fits %(other)s.",
                one=rules[0].title,
                other=rules[1].title,
            ),
        )


def _shadowed(later: Rule, earlier: Rule) -> Flaw:
    return Flaw(
        f"rules.{later.key}",
        _(
            "The rule never pays: every sale that fits it fits %(earlier)s before it. "
            "Put it above, or narrow %(earlier)s.",
            earlier=earlier.title,
        ),
        _(
            "A sale that fits %(later)s is paid by %(earlier)s.",
            later=later.title,
            earlier=earlier.title,
        ),
    )


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Tell whether every sale that fits `narrow` fits `wide` too."""
    if wide.pays_for is not narrow.pays_for:
        return False
    if wide.duration_months is not None and (
        narrow.duration_months is None or narrow.duration_months > wide.duration_months
    ):
        return False
    outer, inner = wide.when or _EVERYTHING, narrow.when or _EVERYTHING
    lists = (
        (outer.products, inner.products),
        (outer.countries, inner.countries),
        (outer.sources, inner.sources),
        (outer.tiers, inner.tiers),
    )
    return (
        all(_holds(set(has), set(asked)) for has, asked in lists)
        and set(outer.except_products) <= set(inner.except_products)
        and (not outer.tiers or wide.tier_at is narrow.tier_at)
        and outer.sale in ("any", inner.sale)
        and _span_holds(outer.customer_months, inner.customer_months)
        and _since_holds(outer, inner)
    )


def _holds(has: set[object], asked: set[object]) -> bool:
    """Tell whether what is asked for is among what is had; nothing stands for all."""
    return not has or (bool(asked) and asked <= has)


def _span_holds(outer: MonthSpan | None, inner: MonthSpan | None) -> bool:
    if outer is None:
        return True
    if inner is None or inner.from_month < outer.from_month:
        return False
    if outer.to_month is None:
        return True
    return inner.to_month is not None and inner.to_month <= outer.to_month


def _since_holds(outer: Conditions, inner: Conditions) -> bool:
    if outer.customer_from and (
        inner.customer_from is None or inner.customer_from < outer.customer_from
    ):
        return False
    if outer.customer_before and (
        inner.customer_before is None or inner.customer_before > outer.customer_before
    ):
        return False
    return outer.managed_from is None or outer.managed_from == inner.managed_from


def _can_meet(one: Rule, other: Rule) -> bool:
    """Tell whether a sale can fit both rules."""
    if one.pays_for is not other.pays_for:
        return False
    here, there = one.when or _EVERYTHING, other.when or _EVERYTHING
    lists = [(here.countries, there.countries), (here.sources, there.sources)]
    if one.tier_at is other.tier_at:
        lists.append((here.tiers, there.tiers))
    return (
        all(not a or not b or set(a) & set(b) for a, b in lists)
        and {here.sale, there.sale} != {"first", "renewal"}
        and _spans_meet(here.customer_months, there.customer_months)
        and _since_meets(here, there)
        and _since_meets(there, here)
    )


def _spans_meet(one: MonthSpan | None, other: MonthSpan | None) -> bool:
    if one is None or other is None:
        return True
    last = min(
        (span.to_month for span in (one, other) if span.to_month is not None),
        default=None,
    )
    return last is None or max(one.from_month, other.from_month) <= last


def _since_meets(one: Conditions, other: Conditions) -> bool:
    return (
        one.customer_from is None
        or other.customer_before is None
        or one.customer_from < other.customer_before
    )
