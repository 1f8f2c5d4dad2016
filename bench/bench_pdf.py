"""How long the PDF of a statement with 80 lines takes, against the limit of 0.3 s.

.venv/bin/python bench/bench_pdf.py
"""

import sys
from datetime import UTC, date, datetime
from statistics import median
from time import perf_counter

from portal.kit.ids import new_id
from portal.statements import documents
from portal.statements.models import Statement, StatementLine
from portal.statements.rules import LineKind, Payment

LIMIT = 0.3
LINES = 80
ROUNDS = 20
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


def statement() -> Statement:
    amounts = dict.fromkeys(
        (
            "opening_minor",
            "reversals_minor",
            "adjustments_minor",
            "holdback_minor",
            "releases_minor",
            "withholding_minor",
            "fees_minor",
            "payouts_minor",
        ),
        0,
    )
    found = Statement(
        number="ACME-2026-000042",
        partner_id=new_id(),
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 31),
        time_zone="UTC",
        issuer_name="Acme Inc.",
        partner_name="Noor Consulting FZ-LLC",
        partner_country="AE",
        program_name="Solutions Partner Program",
        currency="USD",
        earned_minor=LINES * 12_000,
        closing_minor=LINES * 12_000,
        payment=Payment.DUE,
        payment_gate="",
        pays_on=date(2026, 11, 15),
        issued_at=MOMENT,
        sha256="4f0c" * 16,
        **amounts,
    )
    found.lines = [
        StatementLine(
            position=number,
            kind=LineKind.EARNED,
            commission_id=new_id(),
            occurred_at=MOMENT,
            customer="cus_NffrFeUfNV2Hib · N•••r Labs",
            what=f"Invoice in_1MtHbELkdIwHu7ixl4Ozz{number:03}",
            why="20% of $600.00, Gold level, customer month 4 of 36.",
            base_minor=60_000,
            rate="20%",
            amount_minor=12_000,
        )
        for number in range(1, LINES + 1)
    ]
    return found


def main() -> None:
    one = statement()
    started = perf_counter()
    documents.render(one, "pdf", "https://partners.acme.test")
    first = perf_counter() - started
    times = []
    for number in range(ROUNDS):
        one.number = f"ACME-2026-{number:06}"  # so that nothing is remembered
        started = perf_counter()
        documents.render(one, "pdf", "https://partners.acme.test")
        times.append(perf_counter() - started)
    typical = median(times)
    print(f"first PDF {first:.3f} s, then {typical:.3f} s, worst {max(times):.3f} s")
    print(f"limit {LIMIT} s for {LINES} lines: {typical / LIMIT:.0%} of it")
    sys.exit(typical > LIMIT)


if __name__ == "__main__":
    main()
