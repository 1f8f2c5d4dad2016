"""Sentences about tiers: what decides them and what moves a partner."""

from portal.kit.currencies import minor_per_major
from portal.programs.amounts import money, points
from portal.programs.definition import (
    DealSource,
    Points,
    Requirement,
    TierDuty,
    TierLevel,
    TierMetric,
    Tiers,
    TierWindow,
)
from portal.programs.sentences.phrases import (
    all_of,
    any_of,
    country_names,
    each_year,
    months,
    ngettext,
)
from portal.programs.sentences.phrases import gettext as _
from portal.web.formats import number

_ONE_POINT = 1000
"""A point in thousandths."""


def tier_sentences(tiers: Tiers, currency: str) -> list[str]:
    """Return what decides the tier and what moves it, one fact a sentence."""
    said = [_metric_sentence(tiers)]
    if tiers.points:
        said += _points_sentences(tiers.points, currency)
    said.append(_promotion_sentence(tiers))
    said += _demotion_sentences(tiers)
    if tiers.duty:
        said += _duty_sentences(tiers.duty, tiers)
    return said


def _metric_sentence(tiers: Tiers) -> str:
    window = _window_phrase(tiers)
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
    if tiers.metric is TierMetric.SOURCED_POINTS:
        return _(
            "Your tier depends on the points you collect %(window)s with customers "
            "that you brought.",
            window=window,
        )
    return _("Your tier depends on the points you collect %(window)s.", window=window)


def _window_phrase(tiers: Tiers) -> str:
    return {
        TierWindow.MONTH: _("in the calendar month"),
        TierWindow.QUARTER: _("in the calendar quarter"),
        TierWindow.YEAR: _("in the calendar year"),
        TierWindow.ROLLING_12_MONTHS: _("in the last 12 months"),
        TierWindow.LIFE: _("since you joined"),
    }[tiers.window]


def _points_sentences(rules: Points, currency: str) -> list[str]:
    hundred = money(100 * minor_per_major(currency), currency)
    said = []
    for source in DealSource:
        if source not in rules.milli_per_100:
            continue
        who = {
            DealSource.SOURCED: _("customers that you brought"),
            DealSource.ASSISTED: _("customers that you helped to win"),
            DealSource.MANAGED: _("customers that you look after"),
        }[source]
        said.append(
            _(
                "You get %(points)s for each %(amount)s, without tax, from %(who)s.",
                amount=hundred,
                who=who,
                points=_points(rules.milli_per_100[source]),
            )
        )
    if rules.growth_countries and rules.growth_multiplier > 1:
        said.append(
            _(
                "Points count %(times)s times for customers in %(countries)s.",
                times=rules.growth_multiplier,
                countries=any_of(country_names(rules.growth_countries)),
            )
        )
    said += [
        _(
            "Where customers pay in %(currency)s, %(other)s count like %(amount)s.",
            currency=other,
            other=money(minor, other),
            amount=hundred,
        )
        for other, minor in rules.minor_per_100.items()
    ]
    return said


def _points(milli: int) -> str:
    if milli == _ONE_POINT:
        return _("1 point")
    return _("%(points)s points", points=points(milli))


def _promotion_sentence(tiers: Tiers) -> str:
    if tiers.promote.when == "dates":
        return _(
            "You move up on these days: %(days)s.",
            days=all_of(each_year(day) for day in tiers.promote.dates),
        )
    return _("You move up as soon as you reach a tier.")


def _demotion_sentences(tiers: Tiers) -> list[str]:
    if tiers.demote.when == "never":
        return [_("You never move down.")]
    if tiers.demote.when == "at_once":
        return [_("You move down as soon as you no longer reach your tier.")]
    said = [
        _(
            "You move down only on these days: %(days)s.",
            days=all_of(each_year(day) for day in tiers.demote.dates),
        )
    ]
    if tiers.demote.look_back_months:
        said.append(
            ngettext(
                "On such a day you keep the best tier that you reached at the end of "
                "the month before.",
                "On such a day you keep the best tier that you reached at the end of "
                "any of the %(num)d months before.",
                tiers.demote.look_back_months,
            )
        )
    return said


def _duty_sentences(duty: TierDuty, tiers: Tiers) -> list[str]:
    names = {level.key: level.name for level in tiers.levels}
    said = [
        _(
            "You must reach %(level)s within %(months)s of joining.",
            level=names[duty.level],
            months=months(duty.within_months),
        )
    ]
    if duty.move_to:
        said.append(_("If not, you move to %(level)s.", level=names[duty.move_to]))
    else:
        said.append(_("If not, your membership ends."))
    return said


def threshold(tiers: Tiers, level: TierLevel, currency: str) -> str:
    """Return from what on a level is reached, such as "from 6 new customers"."""
    value = level.from_value
    if value == 0:
        return _("from the start")
    if tiers.metric is TierMetric.NEW_CUSTOMERS:
        amount = ngettext(
            "%(count)s new customer",
            "%(count)s new customers",
            value,
            count=number(value),
        )
    elif tiers.metric is TierMetric.NET_SALES:
        amount = _("%(amount)s of sales", amount=money(value, currency))
    else:
        amount = _("%(points)s points", points=points(value))
    if tiers.limit == "more_than":
        return _("above %(amount)s", amount=amount)
    return _("from %(amount)s", amount=amount)


def requirement_phrase(need: Requirement, currency: str) -> str:
    """Return one thing that a level needs too, such as "at least 50 points"."""
    if need.at_least is not None:
        return _("at least %(what)s", what=_value_phrase(need, need.at_least, currency))
    return _("less than %(what)s", what=_value_phrase(need, need.below or 0, currency))


def _value_phrase(need: Requirement, value: int, currency: str) -> str:
    if need.metric is TierMetric.FACT:
        return _(
            "%(value)s for %(fact)s",
            value=number(value),
            fact=(need.fact or "").replace("-", " "),
        )
    if need.metric is TierMetric.NEW_CUSTOMERS:
        return ngettext(
            "%(count)s new customer",
            "%(count)s new customers",
            value,
            count=number(value),
        )
    if need.metric is TierMetric.NET_SALES:
        return _("%(amount)s of sales", amount=money(value, currency))
    if need.metric is TierMetric.SOURCED_POINTS:
        return _(
            "%(points)s points from customers that you brought", points=points(value)
        )
    return _("%(points)s points", points=points(value))
