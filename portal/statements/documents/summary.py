"""The summary of a statement in English, for the files."""

from collections.abc import Iterator
from dataclasses import dataclass

from portal.kit.money import Money
from portal.statements.models import Statement
from portal.statements.rules import LineKind, Payment
from portal.web.formats import format_money

_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One row of the bridge from the opening to the closing balance."""

    label: str
    amount: Money


def money_text(money: Money) -> str:
    """Return an amount in English."""
    return format_money(money, _LANGUAGE)


def summary_rows(statement: Statement) -> list[SummaryRow]:
    """Return the rows of the summary; parts of zero without a line are left out."""
    return list(_rows(statement))


def _rows(statement: Statement) -> Iterator[SummaryRow]:
    totals = statement.totals
    counts = statement.counts
    yield SummaryRow("Opening balance", statement.money(totals.opening))
    adjusted = counts[LineKind.ADJUSTMENT] + counts[LineKind.DRAW]
    parts = (
        ("Commissions earned", counts[LineKind.EARNED], totals.earned),
        ("Reversals", counts[LineKind.REVERSAL], totals.reversals),
        ("Adjustments", adjusted, totals.adjustments),
        ("Kept back", counts[LineKind.HOLDBACK], totals.holdback),
        ("Released", counts[LineKind.RELEASE], totals.releases),
        ("Tax withheld", counts[LineKind.WITHHOLDING], -totals.withholding),
        ("Payments made to you", counts[LineKind.PAYOUT], -totals.payouts),
    )
    for label, count, minor in parts:
        if count:
            yield SummaryRow(f"{label} ({count})", statement.money(minor))
    yield SummaryRow("Closing balance", statement.closing)


def payment_sentence(statement: Statement) -> str:
    """Say when the closing balance is paid, or why it is not."""
    if statement.pays_on is not None:
        return f"{money_text(statement.closing)} is to be paid on {statement.pays_on}."
    return {
        Payment.NOTHING: "Nothing is to be paid.",
        Payment.CARRIED: (
            "The balance is below zero and is carried to the next statement."
        ),
        Payment.BELOW_MINIMUM: (
            "The balance is below the program's minimum payment and is carried to the "
            "next statement."
        ),
    }.get(
        statement.payment,
        f"Payment waits until this is done: {statement.payment_gate}.",
    )


def correction_sentence(statement: Statement) -> str:
    """Say which statement it takes back or replaces; empty where it does neither."""
    if not statement.refers_to:
        return ""
    if statement.reverses_id:
        return f"It takes back statement {statement.refers_to}."
    return f"It replaces statement {statement.refers_to}."
