"""Sentences about bands: what is paid from which total on."""

from portal.programs.amounts import money
from portal.programs.definition import (
    Accelerator,
    Band,
    BandMode,
    Measure,
    RatingWindow,
    Rule,
    Trigger,
)
from portal.programs.sentences.phrases import all_of, each_year, months, ngettext
from portal.programs.sentences.phrases import gettext as _
from portal.web.formats import number
from portal.web.formats import percent_bps as percent

_BPS_PER_ONE = 10_000


def base_phrase(rule: Rule) -> str:
    """Return what a share is a share of, such as "the price of each lead"."""
    if rule.pays_for is not Trigger.SALE:
        return {
            Trigger.LEAD: _("the price of each lead that we accept"),
            Trigger.CLICK: _("the price of each visit that counts"),
            Trigger.SUBSCRIBER: _("the price of each subscriber who is confirmed"),
        }[rule.pays_for]
    discount = rule.base.discount if rule.base else "after"
    tax = rule.base.tax if rule.base else "without"
    paid = {
        ("after", "without"): _("what your customer pays, without tax"),
        ("after", "with"): _("what your customer pays, with tax"),
        ("before", "without"): _("the price before discounts, without tax"),
        ("before", "with"): _("the price before discounts, with tax"),
    }[discount, tax]
    if rule.measure is Measure.MARGIN:
        return _("our margin (what your customer pays, without tax, less our cost)")
    return paid


def thing(rule: Rule) -> str:
    """Return what is counted one by one, such as "sale" or "seat"."""
    if rule.measure is Measure.UNITS:
        return _("seat or piece")
    return {
        Trigger.SALE: _("sale"),
        Trigger.LEAD: _("lead that we accept"),
        Trigger.CLICK: _("visit that counts"),
        Trigger.SUBSCRIBER: _("subscriber who is confirmed"),
    }[rule.pays_for]


def pay_phrase(band: Band, currency: str) -> str:
    """Return what a band pays, such as "7%" or "$5.00 each"."""
    if band.rate_bps is not None:
        return percent(band.rate_bps)
    if band.each_minor is not None:
        return _("%(amount)s each", amount=money(band.each_minor, currency))
    return _("%(amount)s once", amount=money(band.flat_minor or 0, currency))


def value_phrase(measure: Measure, value: int, currency: str, pays_for: Trigger) -> str:
    """Return a value of a measure, such as "$50.00", "11 sales" or "3 seats"."""
    if measure.is_money:
        return money(value, currency)
    if measure is Measure.UNITS:
        return ngettext(
            "%(count)s seat or piece",
            "%(count)s seats or pieces",
            value,
            count=number(value),
        )
    return {
        Trigger.SALE: ngettext(
            "%(count)s sale", "%(count)s sales", value, count=number(value)
        ),
        Trigger.LEAD: ngettext(
            "%(count)s lead", "%(count)s leads", value, count=number(value)
        ),
        Trigger.CLICK: ngettext(
            "%(count)s visit", "%(count)s visits", value, count=number(value)
        ),
        Trigger.SUBSCRIBER: ngettext(
            "%(count)s subscriber", "%(count)s subscribers", value, count=number(value)
        ),
    }[pays_for]


def window_phrase(rule: Rule) -> str:
    """Return which time counts together, such as "in a month"."""
    if rule.window is RatingWindow.SALE:
        return {
            Trigger.SALE: _("in one payment"),
            Trigger.LEAD: _("for one lead"),
            Trigger.CLICK: _("for one visit"),
            Trigger.SUBSCRIBER: _("for one subscriber"),
        }[rule.pays_for]
    if rule.window is RatingWindow.PROGRAM_YEAR:
        return _(
            "in a year from %(day)s on", day=each_year(rule.program_year_from or "")
        )
    if rule.window is RatingWindow.ROLLING:
        return _(
            "in the %(months)s before and with the sale",
            months=months(rule.rolling_months or 0),
        )
    return {
        RatingWindow.MONTH: _("in a month"),
        RatingWindow.QUARTER: _("in a quarter"),
        RatingWindow.YEAR: _("in a year"),
        RatingWindow.LIFE: _("over all the time"),
    }[rule.window]


def counted_phrase(rule: Rule) -> str:
    """Return what decides the band, such as "what they pay"."""
    measure = rule.picks_band_by
    if measure is Measure.MARGIN:
        return _("our margin")
    if measure is Measure.UNITS:
        return _("the number of seats or pieces")
    if measure is Measure.ITEMS:
        return {
            Trigger.SALE: _("the number of sales"),
            Trigger.LEAD: _("the number of leads"),
            Trigger.CLICK: _("the number of visits"),
            Trigger.SUBSCRIBER: _("the number of subscribers"),
        }[rule.pays_for]
    if rule.pays_for is not Trigger.SALE:
        return _("the sum of their prices")
    return _("what they pay")


def band_sentences(rule: Rule, currency: str) -> list[str]:
    """Return what the bands pay and how they apply, one fact a sentence."""
    modes = {rule.mode_of(band) for band in rule.bands[1:]}
    is_mixed = len(modes) > 1
    parts = [
        _band_phrase(rule, band, currency, say_mode=is_mixed and number_ > 0)
        for number_, band in enumerate(rule.bands)
    ]
    said = [
        _(
            "It depends on %(counted)s %(window)s: %(bands)s.",
            counted=counted_phrase(rule),
            window=window_phrase(rule),
            bands=all_of(parts),
        )
    ]
    said += _who_counts_together(rule)
    if not is_mixed:
        said.append(_how_they_apply(rule, modes.pop()))
    return said


def _band_phrase(rule: Rule, band: Band, currency: str, *, say_mode: bool) -> str:
    pay = pay_phrase(band, currency)
    if band.from_value == 0:
        return _("%(pay)s from the start", pay=pay)
    value = value_phrase(rule.picks_band_by, band.from_value, currency, rule.pays_for)
    if rule.limit == "more_than":
        said = _("%(pay)s above %(value)s", pay=pay, value=value)
    else:
        said = _("%(pay)s from %(value)s", pay=pay, value=value)
    if not say_mode:
        return said
    if rule.mode_of(band) is BandMode.WHOLE:
        return _("%(said)s (for all of it)", said=said)
    return _("%(said)s (for the part above)", said=said)


def _how_they_apply(rule: Rule, mode: BandMode) -> str:
    only_flat = all(band.flat_minor is not None for band in rule.bands)
    only_each = all(band.each_minor is not None for band in rule.bands)
    if mode is BandMode.MARGINAL:
        if only_flat:
            return _("You get each amount that is reached.")
        if only_each:
            return _("Each amount counts for those above its number.")
        return _("Each rate counts for the part above its amount.")
    if only_flat:
        return _("You get only the highest amount that is reached.")
    if only_each:
        return _("The highest step that is reached counts for all of them.")
    return _("The highest rate that is reached counts for all of it.")


def _who_counts_together(rule: Rule) -> list[str]:
    if rule.window is RatingWindow.SALE:
        return []
    if rule.per == "customer":
        return [_("Each customer is counted alone.")]
    return [_("All your customers count together.")]


def flat_sentence(rule: Rule, currency: str) -> str:
    """Return what a single sum pays, such as "You earn $250.00 once a month."."""
    amount = money(rule.bands[0].flat_minor or 0, currency)
    if rule.window is RatingWindow.SALE:
        return _(
            "You earn %(amount)s for each %(thing)s, whatever its size.",
            amount=amount,
            thing=_sold(rule),
        )
    if rule.per == "customer":
        return _(
            "You earn %(amount)s once for each customer who brings a %(thing)s "
            "%(window)s.",
            amount=amount,
            thing=_sold(rule),
            window=window_phrase(rule),
        )
    return _(
        "You earn %(amount)s once when there is a %(thing)s %(window)s.",
        amount=amount,
        thing=_sold(rule),
        window=window_phrase(rule),
    )


def _sold(rule: Rule) -> str:
    """Return the fact that a rule looks at, whatever it measures."""
    return {
        Trigger.SALE: _("sale"),
        Trigger.LEAD: _("lead that we accept"),
        Trigger.CLICK: _("visit that counts"),
        Trigger.SUBSCRIBER: _("subscriber who is confirmed"),
    }[rule.pays_for]


def accelerator_sentences(rule: Rule, more: Accelerator, currency: str) -> list[str]:
    """Return what lies above a quota earns."""
    said = [
        _(
            "For what lies above %(amount)s %(window)s you earn %(times)s times as "
            "much.",
            amount=money(more.above_minor, currency),
            window=window_phrase(rule),
            times=_times(more.multiplier_bps),
        )
    ]
    if more.needs_year_to_date_minor:
        said.append(
            _(
                "That holds only once the sales of the calendar year reach %(amount)s.",
                amount=money(more.needs_year_to_date_minor, currency),
            )
        )
    return said


def _times(multiplier_bps: int) -> str:
    whole, rest = divmod(multiplier_bps, _BPS_PER_ONE)
    return f"{whole}.{rest:04}".rstrip("0").rstrip(".")
