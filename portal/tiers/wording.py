"""Levels in the words of the request's language."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from flask_babel.speaklater import LazyString

from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition, TierMetric, TierWindow
from portal.tiers.rules import ChangeReason
from portal.web.formats import money_text, number

_MILLI = 1_000

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
    }
)
REASONS: Mapping[ChangeReason, LazyString] = MappingProxyType(
    {
        ChangeReason.START: lazy_gettext("You joined the program"),
        ChangeReason.SALE: lazy_gettext("A sale"),
        ChangeReason.REFUND: lazy_gettext("A refund"),
        ChangeReason.WINDOW: lazy_gettext("Older sales stopped counting"),
    }
)


def value_text(definition: ProgramDefinition, value: int) -> str:
    """Return a value of the program's metric: `3 customers`, `$1,200.00`, `4.5 points`.

    A fraction of a point is cut after three digits, which is how finely they count.
    """
    metric = definition.tiers.metric if definition.tiers else None
    if metric is TierMetric.NEW_CUSTOMERS:
        return str(ngettext("%(num)s customer", "%(num)s customers", value))
    if metric is TierMetric.POINTS:
        whole, rest = divmod(value, _MILLI)
        fraction = f".{rest:03}".rstrip("0") if rest else ""
        return str(_("%(points)s points", points=number(whole) + fraction))
    return money_text(Money(value, definition.currency))


def level_name(definition: ProgramDefinition, key: str) -> str:
    """Return the name of a level; its key if the program has it no more."""
    levels = definition.tiers.levels if definition.tiers else ()
    return next((level.name for level in levels if level.key == key), key)
