"""Levels in the words of the request's language."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType

from babel.dates import format_skeleton
from babel.lists import format_list
from flask_babel import get_locale, lazy_gettext, ngettext
from flask_babel import gettext as _
from flask_babel.speaklater import LazyString

from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition, TierMetric, TierWindow
from portal.tiers.metrics import CERTIFICATIONS
from portal.tiers.progress import Need, Progress
from portal.tiers.rules import ChangeReason
from portal.web.formats import money_text, number

_MILLI = 1_000
_LEAP_YEAR = 2024
"""A year for days without one."""

WINDOWS: Mapping[TierWindow, LazyString] = MappingProxyType(
    {
        TierWindow.MONTH: lazy_gettext("this calendar month"),
        TierWindow.QUARTER: lazy_gettext("this calendar quarter"),
        TierWindow.YEAR: lazy_gettext("this calendar year"),
        TierWindow.ROLLING_12_MONTHS: lazy_gettext("the last 12 months"),
        TierWindow.LIFE: lazy_gettext("the whole time"),
    }
)
METRICS: Mapping[TierMetric, LazyString] = MappingProxyType(
    {
        TierMetric.NEW_CUSTOMERS: lazy_gettext("New customers"),
        TierMetric.NET_SALES: lazy_gettext("Net sales"),
        TierMetric.POINTS: lazy_gettext("Points"),
        TierMetric.SOURCED_POINTS: lazy_gettext("Points from own customers"),
        TierMetric.FACT: lazy_gettext("Recorded value"),
    }
)
REASONS: Mapping[ChangeReason, LazyString] = MappingProxyType(
    {
        ChangeReason.START: lazy_gettext("Joined the program"),
        ChangeReason.SALE: lazy_gettext("A sale"),
        ChangeReason.REFUND: lazy_gettext("A refund"),
        ChangeReason.WINDOW: lazy_gettext("Older sales stopped counting"),
        ChangeReason.FACT: lazy_gettext("A value was recorded"),
        ChangeReason.DATE: lazy_gettext("The day on which tiers change"),
        ChangeReason.DUTY: lazy_gettext("The asked tier was not reached in time"),
        ChangeReason.OVERRIDE: lazy_gettext("Set by hand, or that ended"),
    }
)


def metric_text(definition: ProgramDefinition, metric: TierMetric, value: int) -> str:
    """Return a value of a metric: `3 customers`, `$1,200.00`, `4.5 points`, `46`.

    A fraction of a point is cut after three digits, which is how finely they count.
    """
    if metric is TierMetric.NEW_CUSTOMERS:
        return str(ngettext("%(num)s customer", "%(num)s customers", value))
    if metric in (TierMetric.POINTS, TierMetric.SOURCED_POINTS):
        whole, rest = divmod(value, _MILLI)
        fraction = f".{rest:03}".rstrip("0") if rest else ""
        return str(_("%(points)s points", points=number(whole) + fraction))
    if metric is TierMetric.NET_SALES:
        return money_text(Money(value, definition.currency))
    return number(value)


def value_text(definition: ProgramDefinition, value: int) -> str:
    """Return a value of the metric that decides the program's tiers first."""
    # A program that has no tiers any more may still have a history of them.
    metric = definition.tiers.metric if definition.tiers else TierMetric.NET_SALES
    return metric_text(definition, metric, value)


def level_name(definition: ProgramDefinition, key: str) -> str:
    """Return the name of a level; its key if the program has it no more."""
    levels = definition.tiers.levels if definition.tiers else ()
    return next((level.name for level in levels if level.key == key), key)


def fact_name(key: str) -> str:
    """Return what a recorded value is about: `app-rating` is `App rating`."""
    if key == CERTIFICATIONS:
        return str(_("Certificates held"))
    return key.replace("-", " ").capitalize()


def need_name(need: Need) -> str:
    """Return what a level looks at."""
    return fact_name(need.fact) if need.fact else str(METRICS[need.metric])


def limit_text(definition: ProgramDefinition, need: Need) -> str:
    """Return what is needed: `312.5 points or more`, `less than 48`."""
    limit = metric_text(definition, need.metric, need.limit)
    if need.is_below:
        return str(_("less than %(limit)s", limit=limit))
    return str(_("%(limit)s or more", limit=limit))


def has_text(definition: ProgramDefinition, need: Need) -> str:
    """Return what the partner has."""
    if need.value is None:
        return str(_("not recorded yet"))
    return metric_text(definition, need.metric, need.value)


def missing_text(definition: ProgramDefinition, need: Need) -> str:
    """Return what is missing: `189.5 points`, `Rating: 45 or more, now 44`."""
    if need.is_below or need.fact:
        return str(
            _(
                "%(what)s: %(limit)s, now %(value)s",
                what=need_name(need),
                limit=limit_text(definition, need),
                value=has_text(definition, need),
            )
        )
    missing = metric_text(definition, need.metric, need.missing)
    if need.metric is TierMetric.SOURCED_POINTS:
        return str(_("%(points)s from own customers", points=missing))
    return missing


def all_missing(definition: ProgramDefinition, progress: Progress) -> list[str]:
    """Return everything that is missing to the next level."""
    return [
        missing_text(definition, need) for need in progress.needs if not need.is_met
    ]


def day_of(definition: ProgramDefinition, moment: datetime) -> date:
    """Return the day of a moment in the program's time zone."""
    return moment.astimezone(definition.zone).date()


def last_day_of(definition: ProgramDefinition, ends_at: datetime) -> date:
    """Return the last day of what ends at a moment."""
    return day_of(definition, ends_at - timedelta(microseconds=1))


def moving(definition: ProgramDefinition) -> list[str]:
    """Return when partners move up and down, in sentences; none without tiers."""
    tiers = definition.tiers
    if tiers is None:
        return []
    up, down = tiers.promote, tiers.demote
    texts = [
        _("Partners move up on %(days)s.", days=_days(up.dates))
        if up.dates
        else _("Partners move up as soon as they meet everything for a tier.")
    ]
    if down.when == "never":
        texts.append(_("A tier that was reached is kept."))
    elif down.dates:
        texts.append(_("Partners move down only on %(days)s.", days=_days(down.dates)))
    else:
        texts.append(_("Partners move down as soon as they meet a tier no longer."))
    if down.look_back_months:
        texts.append(
            ngettext(
                "What was met at the end of the month before still counts then.",
                "What was met at the end of any of the %(num)s months before still "
                "counts then.",
                down.look_back_months,
            )
        )
    return [str(text) for text in texts]


def _days(days: Sequence[str]) -> str:
    locale = get_locale() or "en"
    parts = [
        str(
            format_skeleton(
                "MMMMd", date.fromisoformat(f"{_LEAP_YEAR}-{day}"), locale=locale
            )
        )
        for day in sorted(days)
    ]
    return str(format_list(parts, locale=locale))
