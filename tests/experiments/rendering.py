"""One statement in four files, each read back by a tool that is not ours."""

import csv
import json
import random
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

from openpyxl import load_workbook
from pypdf import PdfReader

from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.statements import documents
from portal.statements.models import Statement, StatementLine
from portal.statements.rules import LineKind, Payment, totals_of
from portal.web.formats import money_plain

BASE = "https://partners.acme.test"
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
KINDS = (LineKind.EARNED, LineKind.REVERSAL, LineKind.PAYOUT)
MOMENT = datetime(2026, 10, 31, 12, tzinfo=UTC)


def any_statement(rng: random.Random) -> Statement:
    """Return a statement with random lines, not stored."""
    lines = []
    for position in range(1, rng.randint(1, 40) + 1):
        kind = rng.choice(KINDS)
        size = rng.randint(1, 10 ** rng.randint(1, 9))
        amount = size if kind is LineKind.EARNED else -size
        lines.append(
            StatementLine(
                id=new_id(),
                position=position,
                kind=kind,
                commission_id=None if kind is LineKind.PAYOUT else new_id(),
                posting_id=new_id() if kind is LineKind.PAYOUT else None,
                occurred_at=MOMENT - timedelta(hours=rng.randint(1, 600)),
                customer=f"cus_{rng.randint(1, 10**9)}",
                what=f"Invoice in_{rng.randint(1, 10**9)}",
                why="20% of the sale.",
                trace={},
                base_minor=amount * 5,
                rate="20%",
                amount_minor=amount,
            )
        )
    opening = rng.randint(-(10**6), 10**6)
    totals = totals_of(opening, [(line.kind, line.amount_minor) for line in lines])
    statement = Statement(
        id=new_id(),
        number=f"ACME-2026-{rng.randint(1, 999_999):06}",
        partner_id=new_id(),
        period_label="2026-10",
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 31),
        time_zone="UTC",
        issuer_name="Acme Inc.",
        partner_name="Noor Consulting FZ-LLC",
        partner_country="AE",
        program_name="Solutions Partner Program",
        currency=rng.choice(CURRENCIES),
        opening_minor=totals.opening,
        earned_minor=totals.earned,
        reversals_minor=totals.reversals,
        adjustments_minor=totals.adjustments,
        holdback_minor=totals.holdback,
        releases_minor=totals.releases,
        withholding_minor=totals.withholding,
        fees_minor=totals.fees,
        payouts_minor=totals.payouts,
        closing_minor=totals.closing,
        line_count=len(lines),
        payment=Payment.DUE,
        payment_gate="",
        pays_on=date(2026, 11, 15),
        issued_at=MOMENT,
        sha256=f"{rng.getrandbits(256):064x}",
    )
    statement.lines = lines
    return statement


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says: the amount of each line, and the closing balance."""

    lines: tuple[Decimal, ...]
    closing: Decimal


def amounts_in_major(statement: Statement) -> Read:
    def major(minor: int) -> Decimal:
        return Decimal(money_plain(Money(minor, statement.currency)))

    return Read(
        tuple(major(line.amount_minor) for line in statement.lines),
        major(statement.closing_minor),
    )


def of_csv(content: bytes) -> Read:
    _opening, *rows, last = csv.DictReader(StringIO(content.decode("utf-8-sig")))
    return Read(tuple(Decimal(row["amount"]) for row in rows), Decimal(last["amount"]))


def of_xlsx(content: bytes) -> Read:
    book = load_workbook(BytesIO(content))
    header, *rows = book["Lines"].iter_rows(values_only=True)
    amount = header.index("Amount")
    closing = next(
        row[1]
        for row in book["Summary"].iter_rows(values_only=True)
        if row[0] == "Closing balance"
    )
    return Read(tuple(Decimal(str(row[amount])) for row in rows), Decimal(str(closing)))


def of_json(content: bytes) -> Read:
    said = json.loads(content)["statement"]

    def major(minor: int) -> Decimal:
        return Decimal(money_plain(Money(minor, said["currency"])))

    return Read(
        tuple(major(line["amount_minor"]) for line in said["lines"]),
        major(said["summary"]["closing_minor"]),
    )


def text_of_pdf(content: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(BytesIO(content)).pages]
    return " ".join(" ".join(pages).split())


_AMOUNT = re.compile(r"(−|-)?[^\d\s.,()−-]{1,3}\s?([\d,]+(?:\.\d+)?)")


def amounts_in(text: str) -> Counter[Decimal]:
    """Return every amount of money that a text holds, with its sign."""
    found = Counter[Decimal]()
    for sign, digits in _AMOUNT.findall(text):
        value = Decimal(digits.replace(",", "")) if digits.strip(",") else Decimal(0)
        found[-value if sign else value] += 1
    return found


def differences(statement: Statement) -> list[str]:
    """Return which files do not say what the statement says; none if all agree."""
    expected = amounts_in_major(statement)
    files = {fmt: documents.render(statement, fmt, BASE) for fmt in documents.FORMATS}
    readers = {"csv": of_csv, "xlsx": of_xlsx, "json": of_json}
    wrong = [fmt for fmt, read in readers.items() if read(files[fmt]) != expected]
    printed = amounts_in(text_of_pdf(files["pdf"]))
    needed = Counter(expected.lines) + Counter([expected.closing])
    if needed - printed:
        wrong.append(f"pdf lacks {sorted(needed - printed)[:3]}")
    return wrong
