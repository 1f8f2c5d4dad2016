"""A table for banks that read neither SEPA XML nor NACHA, and for people."""

from portal.payouts.files.order import Order
from portal.web.csv_safe import csv_text

_HEADER = (
    "End-to-end id",
    "Partner",
    "Account holder",
    "Amount",
    "Currency",
    "IBAN",
    "BIC",
    "Routing number",
    "Account number",
    "Account type",
    "Pay on",
    "Remittance",
)


def render(order: Order) -> bytes:
    """Return the table; no cell of it is run by a spreadsheet."""
    rows = (
        (
            one.end_to_end_id,
            one.partner,
            one.holder,
            one.amount,
            one.amount.currency,
            one.details.iban,
            one.details.bic,
            one.details.routing_number,
            one.details.account_number,
            one.details.account_type,
            order.pay_on,
            one.remittance,
        )
        for one in order.instructions
    )
    return csv_text(_HEADER, rows).encode()
