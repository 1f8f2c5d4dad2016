"""Sentences about which sales a rule is about."""

from portal.programs.definition import (
    Conditions,
    DealSource,
    MonthSpan,
    ProgramDefinition,
    Rule,
    TierMoment,
)
from portal.programs.sentences.phrases import (
    all_of,
    any_of,
    country_names,
    on_day,
)
from portal.programs.sentences.phrases import gettext as _


def condition_sentences(rule: Rule, definition: ProgramDefinition) -> list[str]:
    """Return which sales count; one sentence for each condition.

    First sale or renewal is not among them: it stands where the duration stands.
    """
    when = rule.when
    if when is None:
        return []
    said = _about_the_sale(when)
    if when.tiers and definition.tiers:
        said.append(_tiers_sentence(rule, when, definition))
    if when.customer_months:
        said.append(_months_sentence(when.customer_months))
    said += _since_sentences(when)
    return said


def _about_the_sale(when: Conditions) -> list[str]:
    said = []
    if when.products:
        said.append(
            _(
                "Only these products count: %(products)s.",
                products=all_of(when.products),
            )
        )
    if when.except_products:
        said.append(
            _(
                "These products do not count: %(products)s.",
                products=all_of(when.except_products),
            )
        )
    if when.countries:
        said.append(
            _(
                "Only customers in %(countries)s count.",
                countries=any_of(country_names(when.countries)),
            )
        )
    if when.sources:
        said.append(
            _(
                "Only customers that you %(sources)s count.",
                sources=any_of(source_phrase(source) for source in when.sources),
            )
        )
    return said


def source_phrase(source: DealSource) -> str:
    """Return what a partner did, to follow "that you"."""
    return {
        DealSource.SOURCED: _("brought"),
        DealSource.ASSISTED: _("helped to win"),
        DealSource.MANAGED: _("look after"),
    }[source]


def _tiers_sentence(rule: Rule, when: Conditions, definition: ProgramDefinition) -> str:
    levels = definition.tiers.levels if definition.tiers else ()
    names = any_of(level.name for level in levels if level.key in when.tiers)
    if rule.tier_at is TierMoment.FIRST_SALE:
        return _(
            "It counts for customers who first bought while your tier was %(tiers)s.",
            tiers=names,
        )
    return _("It counts while your tier is %(tiers)s.", tiers=names)


def _months_sentence(span: MonthSpan) -> str:
    if span.to_month is None:
        return _(
            "It counts from month %(first)s of a customer on; the first payment "
            "begins month 1.",
            first=span.from_month,
        )
    if span.from_month == span.to_month:
        return _(
            "It counts in month %(first)s of a customer; the first payment begins "
            "month 1.",
            first=span.from_month,
        )
    return _(
        "It counts in months %(first)s to %(last)s of a customer; the first payment "
        "begins month 1.",
        first=span.from_month,
        last=span.to_month,
    )


def _since_sentences(when: Conditions) -> list[str]:
    said = []
    if when.customer_from and when.customer_before:
        said.append(
            _(
                "Only customers whose first payment was on %(first)s or later, and "
                "before %(last)s, count.",
                first=on_day(when.customer_from),
                last=on_day(when.customer_before),
            )
        )
    elif when.customer_from:
        said.append(
            _(
                "Only customers whose first payment was on %(first)s or later count.",
                first=on_day(when.customer_from),
            )
        )
    elif when.customer_before:
        said.append(
            _(
                "Only customers whose first payment was before %(last)s count.",
                last=on_day(when.customer_before),
            )
        )
    if when.managed_from:
        said.append(
            _(
                "From %(day)s on, it counts only while you look after the customer.",
                day=on_day(when.managed_from),
            )
        )
    return said
