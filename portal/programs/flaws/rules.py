"""Flaws in one rule: what never matches, never pays or changes nothing."""

from collections.abc import Iterator
from itertools import pairwise

from portal.programs.amounts import money
from portal.programs.definition import (
    CapScope,
    Combination,
    Conditions,
    Measure,
    ProgramDefinition,
    Rule,
    Trigger,
)
from portal.programs.flaws.flaw import Flaw
from portal.programs.flaws.tiers import unreachable
from portal.programs.sentences.phrases import all_of, any_of, months, on_day
from portal.programs.sentences.phrases import gettext as _

_DAYS_IN_MONTH = 31


def rule_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield what is wrong with each rule by itself."""
    for rule in definition.rules:
        path = f"rules.{rule.key}"
        if rule.when:
            yield from _product_flaws(rule.when, path)
            yield from _never(rule, rule.when, definition, path)
        yield from _pay_flaws(rule, definition, path)
        yield from _sharing_flaws(rule, definition, path)
        yield from _cap_flaws(rule, definition, path)
        yield from _time_flaws(rule, definition, path)


def _product_flaws(when: Conditions, path: str) -> Iterator[Flaw]:
    both = [product for product in when.products if product in when.except_products]
    if both:
        yield Flaw(
            f"{path}.when.except_products",
            _(
                "%(products)s both counts and does not count: remove it from one list.",
                products=all_of(both),
            ),
            _("A sale of %(product)s earns nothing here.", product=both[0]),
        )


def _never(
    rule: Rule, when: Conditions, definition: ProgramDefinition, path: str
) -> Iterator[Flaw]:
    """Yield the reasons why a rule can never match."""
    span = when.customer_months
    if when.sale == "first" and span and span.from_month > 1:
        yield Flaw(
            f"{path}.when.customer_months",
            _(
                "No sale fits: the first sale of a customer is always in month 1. Make "
                "it begin with month 1."
            ),
            _(
                "A first sale is in month 1, not in month %(month)s.",
                month=span.from_month,
            ),
        )
    if span and rule.duration_months and span.from_month > rule.duration_months:
        yield Flaw(
            f"{path}.when.customer_months",
            _(
                "No sale fits: sales earn for %(months)s only. Begin earlier, or make "
                "duration_months longer.",
                months=months(rule.duration_months),
            ),
            _(
                "A sale in month %(month)s of a customer comes after the end.",
                month=span.from_month,
            ),
        )
    yield from _never_by_day(when, path)
    if rule.pays_for is not Trigger.SALE and when.products:
        yield Flaw(
            f"{path}.when.products",
            _("Only sales have products: remove the products, or pay for sales."),
            _("A lead, a click or a subscriber fits no product."),
        )
    lost = unreachable(definition.tiers) if definition.tiers else set()
    if when.tiers and set(when.tiers) <= lost:
        yield Flaw(
            f"{path}.when.tiers",
            _(
                "No partner fits, because nobody can reach %(tiers)s.",
                tiers=any_of(when.tiers),
            ),
            _("A sale on any other tier does not count here."),
        )


def _never_by_day(when: Conditions, path: str) -> Iterator[Flaw]:
    if (
        when.customer_from
        and when.customer_before
        and when.customer_from >= when.customer_before
    ):
        yield Flaw(
            f"{path}.when.customer_before",
            _(
                "No customer fits: no day is on or after %(first)s and before "
                "%(last)s. Make the second day later.",
                first=on_day(when.customer_from),
                last=on_day(when.customer_before),
            ),
            _(
                "A customer who first paid on %(first)s does not fit.",
                first=on_day(when.customer_from),
            ),
        )


def _pay_flaws(rule: Rule, definition: ProgramDefinition, path: str) -> Iterator[Flaw]:
    pays = any(rule.rate_bps_by_tier.values()) or any(
        band.rate_bps or band.each_minor or band.flat_minor for band in rule.bands
    )
    # Of rules of which one pays, one that pays nothing makes an exception.
    if not pays and definition.combine is not Combination.FIRST_MATCH:
        yield Flaw(
            f"{path}.bands" if rule.bands else f"{path}.rate_bps_by_tier",
            _("The rule never pays anything: raise a rate, or remove the rule."),
            _(
                "A sale of %(sale)s earns %(nothing)s.",
                sale=money(10_000, definition.currency),
                nothing=money(0, definition.currency),
            ),
        )


def _sharing_flaws(
    rule: Rule, definition: ProgramDefinition, path: str
) -> Iterator[Flaw]:
    """Yield what each of several partners who share a customer would get in full."""
    if not definition.attribution.model.splits:
        return
    each = [
        band.flat_minor or (band.each_minor if rule.measure is Measure.ITEMS else None)
        for band in rule.bands
    ]
    amount = next((minor for minor in each if minor), None)
    if amount is not None:
        paid = money(amount, definition.currency)
        yield Flaw(
            f"{path}.bands",
            _(
                "Partners share a customer, but a fixed amount cannot be shared: each "
                "of them gets all of it. Pay a rate, or let one click win."
            ),
            _("Two partners share one sale: %(paid)s and %(paid)s.", paid=paid),
        )


def _cap_flaws(rule: Rule, definition: ProgramDefinition, path: str) -> Iterator[Flaw]:
    least = max(
        (band.flat_minor or band.each_minor or 0 for band in rule.bands[:1]), default=0
    )
    currency = definition.currency
    for cap in rule.caps:
        if cap.most_minor < least:
            yield Flaw(
                f"{path}.caps.{cap.per.value}",
                _(
                    "The cap of %(cap)s is below the %(sum)s that one result earns: "
                    "raise the cap, or lower the sum.",
                    cap=money(cap.most_minor, currency),
                    sum=money(least, currency),
                ),
                _(
                    "The first sale pays %(cap)s, never %(sum)s.",
                    cap=money(cap.most_minor, currency),
                    sum=money(least, currency),
                ),
            )
    yield from _idle_cap_flaws(rule, currency, path)
    budget = definition.budget
    if budget and budget.most_minor < least:
        yield Flaw(
            "budget.most_minor",
            _(
                "The budget of %(budget)s is below the %(sum)s that one result of "
                "%(rule)s earns, so it is never paid: raise the budget.",
                budget=money(budget.most_minor, currency),
                sum=money(least, currency),
                rule=rule.title,
            ),
            _("The first sale goes over the budget and is not paid."),
        )


def _idle_cap_flaws(rule: Rule, currency: str, path: str) -> Iterator[Flaw]:
    caps = {cap.per: cap.most_minor for cap in rule.caps}
    order = [scope for scope in CapScope if scope in caps]
    for narrow, wide in pairwise(order):
        if narrow is not CapScope.CUSTOMER and caps[wide] < caps[narrow]:
            yield Flaw(
                f"{path}.caps.{narrow.value}",
                _(
                    "This cap of %(cap)s changes nothing, because the wider one of "
                    "%(wide)s is lower: remove it, or lower it.",
                    cap=money(caps[narrow], currency),
                    wide=money(caps[wide], currency),
                ),
                _(
                    "A sale that earns %(cap)s is already stopped at %(wide)s.",
                    cap=money(caps[narrow], currency),
                    wide=money(caps[wide], currency),
                ),
            )


def _time_flaws(rule: Rule, definition: ProgramDefinition, path: str) -> Iterator[Flaw]:
    stay, duration = rule.all_or_nothing_months, rule.duration_months
    if stay and duration and stay > duration:
        yield Flaw(
            f"{path}.all_or_nothing_months",
            _(
                "Sales earn for %(duration)s, but the customer must stay for %(stay)s. "
                "Make duration_months at least as long.",
                duration=months(duration),
                stay=months(stay),
            ),
            _(
                "A customer who leaves after %(duration)s has earned the partner "
                "nothing.",
                duration=months(duration),
            ),
        )
    hold = rule.hold or definition.hold
    hold_path = f"{path}.hold" if rule.hold else "hold"
    if hold.while_customer and hold.days == 0 and not hold.to_month_end:
        yield Flaw(
            f"{hold_path}.while_customer",
            _("Without waiting time nobody can leave in it: give days, or remove it."),
            _("A customer who leaves one second after the sale changes nothing."),
        )
    elif hold.while_customer and duration and hold.days > duration * _DAYS_IN_MONTH:
        yield Flaw(
            f"{hold_path}.days",
            _(
                "The wait of %(days)s days is longer than the %(duration)s in which "
                "sales earn: shorten it.",
                days=hold.days,
                duration=months(duration),
            ),
            _(
                "A customer who leaves after %(duration)s has earned the partner "
                "nothing.",
                duration=months(duration),
            ),
        )
