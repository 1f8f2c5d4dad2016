"""The statement on paper, set by typst.

The only date in the file is the moment of issue.
"""

from pathlib import Path
from typing import Any

from portal.statements.documents.data import day_of
from portal.statements.documents.summary import (
    correction_sentence,
    money_text,
    payment_sentence,
    summary_rows,
)
from portal.statements.models import Statement
from portal.web.paper import set_paper

TEMPLATE = Path(__file__).with_name("statement.typ")


def render(statement: Statement, verify_url: str) -> bytes:
    """Return the PDF: tagged, and the same bytes each time."""
    return set_paper(
        TEMPLATE, page_data(statement, verify_url), dated=statement.issued_at
    )


def page_data(statement: Statement, verify_url: str) -> dict[str, Any]:
    """Return the texts of the page. Nothing in them is code to typst."""
    return {
        "number": statement.number,
        "month": f"{statement.starts_on:%B %Y}",
        "first_day": statement.starts_on.isoformat(),
        "last_day": statement.ends_on.isoformat(),
        "issued_on": f"{statement.issued_at.astimezone(statement.zone):%Y-%m-%d}",
        "time_zone": statement.time_zone,
        "issuer": statement.issuer_name,
        "partner": statement.partner_name,
        "country": statement.partner_country,
        "program": statement.program_name,
        "currency": statement.currency,
        "closing": money_text(statement.closing),
        "payment": payment_sentence(statement),
        "correction": correction_sentence(statement),
        "summary": [
            {"label": row.label, "amount": money_text(row.amount)}
            for row in summary_rows(statement)
        ],
        "lines": [
            {
                "date": day_of(statement, line),
                "customer": line.customer,
                "what": line.what,
                "why": line.why,
                "base": money_text(statement.money(line.base_minor))
                if line.commission_id or line.base_minor
                else "",
                "rate": line.rate,
                "amount": money_text(statement.money(line.amount_minor)),
            }
            for line in statement.lines
        ],
        "sha256": statement.sha256,
        "verify_url": verify_url,
    }
