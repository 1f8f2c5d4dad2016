"""The statement for spreadsheets and bookkeeping: one row per line.

The first row is the opening and the last one the closing balance, so that the
amounts of all rows but the last add up to the last.
"""

from portal.kit.money import Money
from portal.statements.documents.data import day_of
from portal.statements.documents.summary import correction_sentence
from portal.statements.models import Statement
from portal.web.csv_safe import BYTE_ORDER_MARK, Cell, csv_text

FIELDS = (
    "statement",
    "period",
    "position",
    "date",
    "kind",
    "commission",
    "customer",
    "what",
    "why",
    "base",
    "rate",
    "amount",
    "currency",
    "partner",
    "program",
    "pays_on",
    "correction",
    "sha256",
)


def render(statement: Statement, _verify_url: str) -> bytes:
    """Return the CSV file."""
    rows = [
        _balance(statement, "opening_balance", statement.opening_minor),
        *(
            _row(
                statement,
                position=line.position,
                day=day_of(statement, line),
                kind=line.kind.value,
                commission=line.commission_public_id,
                texts=(line.customer, line.what, line.why),
                base=statement.money(line.base_minor),
                rate=line.rate,
                amount=statement.money(line.amount_minor),
            )
            for line in statement.lines
        ),
        _balance(statement, "closing_balance", statement.closing_minor),
    ]
    return (BYTE_ORDER_MARK + csv_text(FIELDS, rows)).encode()


def _balance(statement: Statement, kind: str, minor: int) -> list[Cell]:
    day = statement.starts_on if kind == "opening_balance" else statement.ends_on
    return _row(
        statement,
        position=None,
        day=day.isoformat(),
        kind=kind,
        commission="",
        texts=("", "", ""),
        base=None,
        rate="",
        amount=statement.money(minor),
    )


def _row(
    statement: Statement,
    *,
    position: int | None,
    day: str,
    kind: str,
    commission: str,
    texts: tuple[str, str, str],
    base: Money | None,
    rate: str,
    amount: Money,
) -> list[Cell]:
    return [
        statement.number,
        statement.period_label,
        position,
        day,
        kind,
        commission,
        *texts,
        base,
        rate,
        amount,
        statement.currency,
        statement.partner_name,
        statement.program_name,
        statement.pays_on,
        correction_sentence(statement),
        statement.sha256,
    ]
