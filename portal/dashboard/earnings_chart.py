"""Earnings by month as a chart, its title and a sentence that says what one sees."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_skeleton
from flask_babel import get_locale
from flask_babel import gettext as _

from portal.commissions.labels import KIND_LABELS
from portal.commissions.models import CommissionKind
from portal.dashboard.queries.home import MonthSum
from portal.dashboard.rules import months_to_chart
from portal.kit.money import Money
from portal.web.charts import Column, StackedColumns, stacked_columns
from portal.web.formats import money_axis, money_text, month
from portal.web.preferences import text_direction


@dataclass(frozen=True, slots=True)
class EarningsChart:
    """A chart of one currency."""

    currency: str
    columns: StackedColumns
    title: str
    description: str


def earnings_chart(
    currency: str, sums: Sequence[MonthSum], today: date
) -> EarningsChart:
    """Return the chart of twelve months, one part for each kind that occurs."""
    months = months_to_chart({row.month for row in sums}, today)
    amounts: dict[str, dict[CommissionKind, int]] = defaultdict(dict)
    for row in sums:
        amounts[row.month][row.kind] = row.amount.minor
    charted = [(day, amounts[f"{day:%Y-%m}"]) for day in months]
    occurring = {kind for _day, by_kind in charted for kind in by_kind}
    kinds = [
        kind
        for kind in CommissionKind
        if kind is CommissionKind.EARNED or kind in occurring
    ]
    columns = stacked_columns(
        [
            Column(_short(day), tuple(by_kind.get(kind, 0) for kind in kinds))
            for day, by_kind in charted
        ],
        series=[str(KIND_LABELS[kind]) for kind in kinds],
        first_column=_("Month"),
        show=lambda minor: money_text(Money(minor, currency)),
        show_axis=lambda minor: money_axis(Money(minor, currency)),
        right_to_left=text_direction() == "rtl",
    )
    first, last = month(months[0]), month(months[-1])
    return EarningsChart(
        currency=currency,
        columns=columns,
        title=_("Earnings by month, %(first)s to %(last)s", first=first, last=last),
        description=_description(currency, charted),
    )


def _short(day: date) -> str:
    return str(format_skeleton("MMM", day, locale=get_locale()))


def _description(
    currency: str, charted: Sequence[tuple[date, dict[CommissionKind, int]]]
) -> str:
    nets = [(sum(by_kind.values()), day) for day, by_kind in charted]
    best, best_day = max(nets)
    return str(
        _(
            "%(total)s in twelve months. The best month was %(month)s with %(best)s.",
            total=money_text(Money(sum(net for net, _day in nets), currency)),
            month=month(best_day),
            best=money_text(Money(best, currency)),
        )
    )
