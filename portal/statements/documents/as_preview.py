"""What a month comes to for spreadsheets: one row per partner."""

from collections.abc import Iterator

from portal.statements.service.preview import Preview
from portal.web.csv_safe import Cell

PREVIEW_FIELDS = (
    "partner",
    "opening",
    "earned",
    "reversals",
    "adjustments",
    "holdback",
    "releases",
    "withholding",
    "fees",
    "payouts",
    "closing",
    "currency",
)


def preview_rows(figures: Preview) -> Iterator[list[Cell]]:
    """Yield one row for each statement; parts are signed as statements show them."""
    for row in figures.rows:
        totals = row.totals
        amounts = (
            totals.opening,
            totals.earned,
            totals.reversals,
            totals.adjustments,
            totals.holdback,
            totals.releases,
            -totals.withholding,
            -totals.fees,
            -totals.payouts,
            totals.closing,
        )
        yield [row.partner_name, *map(figures.money, amounts), figures.currency]
