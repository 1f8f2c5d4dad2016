"""The 1099 report as a table for the tax adviser or the filing service."""

from collections.abc import Sequence
from typing import Any

from portal.payouts.service import NecReport, NecRow, Recipient
from portal.web.csv_safe import BYTE_ORDER_MARK, Cell, csv_text

FIELDS = (
    "year",
    "partner",
    "name",
    "form",
    "tin_last4",
    "box_1_nonemployee_compensation",
    "box_4_federal_income_tax_withheld",
    "currency",
    "outcome",
)
SECRET_FIELDS = ("tin", "street", "city", "region", "postal_code")


def as_csv(report: NecReport) -> bytes:
    """Return every payee with the outcome; no number in full."""
    return _file(FIELDS, [_cells(report, row) for row in report.rows])


def as_csv_with_numbers(
    report: NecReport, found: Sequence[tuple[NecRow, Recipient]]
) -> bytes:
    """Return those that are reported, with number and address."""
    rows = [
        [
            *_cells(report, row),
            secret.tin,
            secret.street,
            secret.city,
            secret.region,
            secret.postal_code,
        ]
        for row, secret in found
    ]
    return _file((*FIELDS, *SECRET_FIELDS), rows)


def as_data(report: NecReport) -> dict[str, Any]:
    """Return the report as JSON values; amounts in cents."""
    return {
        "year": report.year,
        "threshold_minor": report.threshold.minor,
        "forms": len(report.reported),
        "box_1_minor": report.total.minor,
        "box_4_minor": report.withheld.minor,
        "other_currencies": list(report.other_currencies),
        "payees": [
            {
                "partner": row.year_of.partner.public_id,
                "paid_minor": row.gross.minor,
                "withheld_minor": row.year_of.withheld.minor,
                "outcome": row.outcome.value,
                "has_form": row.form is not None,
            }
            for row in report.rows
        ],
    }


def _file(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    return (BYTE_ORDER_MARK + csv_text(header, rows)).encode()


def _cells(report: NecReport, row: NecRow) -> list[Cell]:
    partner, form = row.year_of.partner, row.form
    return [
        report.year,
        partner.public_id,
        form.name if form else partner.name,
        form.kind.label if form else "",
        form.tin_last4 if form else "",
        row.gross,
        row.year_of.withheld,
        row.gross.currency,
        row.outcome.value,
    ]
