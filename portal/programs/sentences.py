"""The single sentences that the terms of a program are made of.

They are in the reader's language; outside a request they are in English.
"""

from collections.abc import Callable
from datetime import date

import flask_babel
from babel import Locale
from babel.dates import format_date
from babel.lists import format_list

from portal.kit.currencies import minor_per_major
from portal.kit.money import Rounding
from portal.programs.amounts import locale, money, points
from portal.programs.definition import (
    BandMode,
    Fee,
    ProgramDefinition,
    RatingWindow,
    Rule,
    TierMetric,
    TierMoment,
    Tiers,
    TierWindow,
)
from portal.programs.rules import payout_date
from portal.web.formats import percent_bps as percent

_: Callable[..., str] = flask_babel.gettext  # typed there as anything
ngettext: Callable[..., str] = flask_babel.ngettext

_QUARTER_END = date(2026, 6, 30)
"""The example of a payout date; only its day and month are shown."""


def rule_sentence(rule: Rule, definition: ProgramDefinition) -> str:
    """Return what a rule pays, as the partner reads it."""
    if rule.rate_bps_by_tier:
        return _tier_rate_sentence(rule)
    if len(rule.bands) == 1:
        return _(
            "You earn %(rate)s of what your customer pays, without tax, %(duration)s.",
            rate=percent(rule.bands[0].rate_bps),
            duration=_duration(rule),
        )
    return _band_sentence(rule, definition.currency)


def _duration(rule: Rule) -> str:
    if rule.duration_months is None:
        return _("for as long as they stay a customer")
    return ngettext("for %(num)d month", "for %(num)d months", rule.duration_months)


def _tier_rate_sentence(rule: Rule) -> str:
    low, high = min(rule.rate_bps_by_tier.values()), max(rule.rate_bps_by_tier.values())
    if low == high:
        return _(
            "You earn %(rate)s of what your customer pays, without tax, %(duration)s.",
            rate=percent(low),
            duration=_duration(rule),
        )
    reward = _(
        "You earn %(low)s to %(high)s of what your customer pays, without tax, "
        "%(duration)s.",
        low=percent(low),
        high=percent(high),
        duration=_duration(rule),
    )
    if rule.tier_at is TierMoment.FIRST_SALE:
        moment = _(
            "Your tier on the day of the customer's first payment decides the rate, "
            "and the customer keeps it."
        )
    else:
        moment = _("Your tier on the day of each payment decides the rate.")
    return f"{reward} {moment}"


def _band_sentence(rule: Rule, currency: str) -> str:
    window = {
        RatingWindow.SALE: _("in one payment"),
        RatingWindow.MONTH: _("in a month"),
        RatingWindow.QUARTER: _("in a quarter"),
        RatingWindow.YEAR: _("in a year"),
    }[rule.window]
    parts = [
        _(
            "%(rate)s from %(amount)s",
            rate=percent(band.rate_bps),
            amount=money(band.from_minor, currency),
        )
        if band.from_minor
        else _("%(rate)s from the start", rate=percent(band.rate_bps))
        for band in rule.bands
    ]
    reward = _(
        "You earn a share of what your customers pay, without tax, %(duration)s. "
        "The share grows with what they pay %(window)s: %(bands)s.",
        duration=_duration(rule),
        window=window,
        bands=format_list(parts, locale=locale()),
    )
    if rule.mode is BandMode.MARGINAL:
        how = _("Each rate counts for the part above its amount.")
    else:
        how = _("The highest rate that is reached counts for all of it.")
    return f"{reward} {how}"


def tiering_sentence(tiers: Tiers, currency: str) -> str:
    """Return what decides the tier."""
    window = {
        TierWindow.MONTH: _("in the calendar month"),
        TierWindow.QUARTER: _("in the calendar quarter"),
        TierWindow.YEAR: _("in the calendar year"),
        TierWindow.ROLLING_12_MONTHS: _("in the last 12 months"),
        TierWindow.LIFE: _("since you joined"),
    }[tiers.window]
    if tiers.metric is TierMetric.NEW_CUSTOMERS:
        return _(
            "Your tier depends on how many new customers pay for the first time "
            "%(window)s.",
            window=window,
        )
    if tiers.metric is TierMetric.NET_SALES:
        return _(
            "Your tier depends on what your customers pay %(window)s, without tax.",
            window=window,
        )
    return _(
        "Your tier depends on the points you collect %(window)s. Each %(amount)s that "
        "your customers pay, without tax, brings %(points)s points.",
        window=window,
        amount=money(100 * minor_per_major(currency), currency),
        points=points(tiers.milli_points_per_100),
    )


def threshold(tiers: Tiers, value: int, currency: str) -> str:
    """Return from what on a level is reached, such as "from 6 new customers"."""
    if value == 0:
        return _("from the start")
    if tiers.metric is TierMetric.NEW_CUSTOMERS:
        return ngettext(
            "from %(num)d new customer", "from %(num)d new customers", value
        )
    if tiers.metric is TierMetric.NET_SALES:
        return _("from %(amount)s of sales", amount=money(value, currency))
    return _("from %(points)s points", points=points(value))


def price_each(fee: Fee, minor: int) -> str:
    """Return a price with its interval, such as "$35.00 each month"."""
    amount = money(minor, fee.currency)
    if fee.interval == "month":
        return _("%(amount)s each month", amount=amount)
    return _("%(amount)s each year", amount=amount)


def fee_sentence(fee: Fee) -> str:
    """Return what it costs to be in."""
    prices = sorted(set(fee.minor_by_tier.values()))
    price = price_each(fee, prices[0])
    if len(prices) > 1:
        price = _(
            "%(low)s to %(high)s, by tier",
            low=price,
            high=price_each(fee, prices[-1]),
        )
    cost = _("%(title)s costs %(price)s.", title=fee.title, price=price)
    grace = ngettext(
        "If a payment fails, you have %(num)d day to put it right.",
        "If a payment fails, you have %(num)d days to put it right.",
        fee.grace_days,
    )
    return f"{cost} {grace}" if fee.grace_days else cost


def attribution_sentence(definition: ProgramDefinition) -> str:
    """Return whose a customer is."""
    return ngettext(
        "A customer counts as yours when your link was the last one they clicked in "
        "the %(num)d day before they first paid.",
        "A customer counts as yours when your link was the last one they clicked in "
        "the %(num)d days before they first paid.",
        definition.attribution.window_days,
    )


def hold_sentence(definition: ProgramDefinition) -> str:
    """Return how long a commission waits."""
    if definition.hold_days == 0:
        return _(
            "A commission goes on the statement of the month of the sale, at once."
        )
    return ngettext(
        "A commission waits %(num)d day after the sale, so that refunds can come "
        "first. Then it goes on the statement of that month.",
        "A commission waits %(num)d days after the sale, so that refunds can come "
        "first. Then it goes on the statement of that month.",
        definition.hold_days,
    )


def payout_sentence(definition: ProgramDefinition) -> str:
    """Return when money is sent."""
    payout = definition.payout
    example = format_date(
        payout_date(definition, _QUARTER_END), format="d MMMM", locale=locale()
    )
    if payout.schedule == "quarterly":
        when = ngettext(
            "You get a statement for each month. Statements are paid %(num)d day after "
            "the quarter ends: those for April to June on %(example)s.",
            "You get a statement for each month. Statements are paid %(num)d days "
            "after the quarter ends: those for April to June on %(example)s.",
            payout.days_after,
            example=example,
        )
    else:
        when = ngettext(
            "You get a statement for each month. It is paid %(num)d day after the "
            "month ends: the one for June on %(example)s.",
            "You get a statement for each month. It is paid %(num)d days after the "
            "month ends: the one for June on %(example)s.",
            payout.days_after,
            example=example,
        )
    if payout.minimum_minor == 0:
        least = _("There is no minimum.")
    else:
        least = _(
            "Less than %(amount)s is carried to the next payment.",
            amount=money(payout.minimum_minor, definition.currency),
        )
    return f"{when} {least}"


def refund_sentence() -> str:
    """Return what a refund does."""
    return _(
        "When a customer gets money back, the matching part of your commission is "
        "taken back on a later line; the first line stays as it is. A balance below "
        "zero is carried to the next statement."
    )


def rounding_sentence(definition: ProgramDefinition) -> str:
    """Return how amounts are rounded."""
    modes = {rule.rounding for rule in definition.rules}
    if modes == {Rounding.DOWN}:
        return _(
            "Each line is rounded once, down to the smallest unit of the currency."
        )
    if modes == {Rounding.HALF_AWAY}:
        return _(
            "Each line is rounded once, to the nearest smallest unit of the currency; "
            "a half is rounded up."
        )
    return _(
        "Each line is rounded once: down, or to the nearest smallest unit of the "
        "currency, as its rule says."
    )


def answer_sentence(definition: ProgramDefinition) -> str:
    """Return how soon an applicant hears."""
    return ngettext(
        "Most applicants get an answer in %(num)d day.",
        "Most applicants get an answer in %(num)d days.",
        definition.join.answer_within_days,
    )


def countries_sentence(definition: ProgramDefinition) -> str:
    """Return from which countries one may apply."""
    if not definition.join.countries:
        return _("You can apply from every country.")
    names = Locale.parse(locale()).territories
    return _(
        "You can apply from %(countries)s.",
        countries=format_list(
            [names.get(code, code) for code in definition.join.countries],
            style="or",
            locale=locale(),
        ),
    )
