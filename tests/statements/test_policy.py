"""What the payout policy and tax rules add to a statement: pure figures."""

from datetime import date
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.programs.definition import ProgramDefinition
from portal.statements.policy import (
    NO_TAX,
    Applied,
    Carried,
    PolicyLine,
    Tax,
    apply_policy,
)
from portal.statements.rules import LineKind, Totals
from tests.simulation.programs import program

LAST_DAY = date(2025, 1, 31)
NONRESIDENT = Tax(3_000, "Work that is done in the US.")
TENTH: dict[str, object] = {"holdback": {"bps": 1_000, "months": 6, "release_day": 15}}


def applied(
    stated: Totals,
    carried: Carried | None = None,
    *,
    tax: Tax | None = NO_TAX,
    payout: dict[str, object] | None = None,
) -> Applied:
    definition: ProgramDefinition = program(payout=payout or {})
    return apply_policy(
        definition, stated, carried or Carried(), last_day=LAST_DAY, tax=tax
    )


ROW_14 = Totals(
    opening=-180_00, earned=1_240_00, reversals=-96_00, adjustments=25_00, releases=8800
)
"""Rows 14.1 and 14.3 of the published tables: a statement with every part."""
OWING = Carried(opening=-180_00, untaxed=-180_00)


def test_row_14_1_a_tenth_is_held_back_and_the_rest_is_payable() -> None:
    result = applied(ROW_14, OWING, payout=TENTH)

    assert result.totals.holdback == -114_40
    assert result.totals.closing == 962_60
    [line] = result.lines
    assert (line.base_minor, line.bps) == (1_144_00, 1_000)
    assert line.release_on == date(2025, 7, 15)


def test_row_14_3_thirty_percent_of_what_is_payable_is_withheld() -> None:
    result = applied(ROW_14, OWING, tax=NONRESIDENT, payout=TENTH)

    assert result.totals.withholding == 288_78
    assert result.totals.closing == 673_82
    assert result.untaxed == 0
    tax = result.lines[-1]
    assert (tax.kind, tax.base_minor, tax.why) == (
        LineKind.WITHHOLDING,
        962_60,
        NONRESIDENT.why,
    )


def test_what_nobody_paid_yet_is_not_taxed_again() -> None:
    first = applied(Totals(earned=100_00), tax=NONRESIDENT)
    second = applied(
        Totals(opening=first.totals.closing, earned=50_00),
        Carried(opening=first.totals.closing, untaxed=first.untaxed),
        tax=NONRESIDENT,
    )

    assert first.totals.closing == 70_00
    assert second.totals.withholding == 15_00


def test_what_was_taken_back_after_its_tax_is_earned_again_free_of_tax() -> None:
    taken = applied(
        Totals(opening=70_00, reversals=-100_00),
        Carried(opening=70_00),
        tax=NONRESIDENT,
    )
    again = applied(
        Totals(opening=-30_00, earned=150_00),
        Carried(opening=-30_00, untaxed=taken.untaxed),
        tax=NONRESIDENT,
    )

    assert (taken.totals.withholding, taken.untaxed) == (0, -100_00)
    assert again.totals.withholding == 15_00
    # All in all 150.00 was earned, and 45.00 of it withheld.
    assert again.totals.closing == 105_00


def test_while_nobody_can_say_the_tax_it_waits_for_the_month_in_which_they_can() -> (
    None
):
    waiting = applied(Totals(earned=100_00), tax=None)
    known = applied(
        Totals(opening=100_00, earned=50_00),
        Carried(opening=100_00, untaxed=waiting.untaxed),
        tax=NONRESIDENT,
    )

    assert (waiting.lines, waiting.untaxed) == ((), 100_00)
    assert known.lines[0].base_minor == 150_00
    assert known.totals.closing == 105_00


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(-10_000, 0), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_no_amount_is_ever_taxed_twice(parts: list[tuple[int, int, bool]]) -> None:
    carried, taxed, gained, most = Carried(), 0, 0, 0
    for earned, reversals, is_known in [*parts, (0, 0, True)]:
        stated = Totals(opening=carried.opening, earned=earned, reversals=reversals)
        result = applied(stated, carried, tax=NONRESIDENT if is_known else None)
        gained += earned + reversals
        taxed += sum(line.base_minor for line in result.lines)
        if is_known:
            most = max(most, gained)
        carried = Carried(opening=result.totals.closing, untaxed=result.untaxed)

    # A base too small to come to a cent makes no line, so it may be missing.
    assert most - len(parts) - 1 <= taxed <= most


class TestDraw:
    POLICY: ClassVar[dict[str, object]] = {"draw": {"minor": 500_00}}

    def test_a_low_month_is_lifted_and_later_months_pay_it_back(self) -> None:
        low = applied(Totals(earned=200_00), payout=self.POLICY)
        high = applied(
            Totals(opening=500_00, earned=650_00, payouts=500_00),
            Carried(opening=500_00, advance=low.advance),
            payout=self.POLICY,
        )

        assert low.lines == (
            PolicyLine(
                kind=LineKind.DRAW,
                minor=300_00,
                base_minor=500_00,
                is_recoverable=True,
            ),
        )
        assert (low.totals.closing, low.advance) == (500_00, 300_00)
        assert high.lines[0].minor == -150_00
        assert (high.totals.closing, high.advance) == (500_00, 150_00)

    def test_what_may_be_kept_is_not_paid_back(self) -> None:
        kept = applied(
            Totals(earned=200_00),
            payout={"draw": {"minor": 500_00, "recoverable": False}},
        )
        later = applied(Totals(earned=900_00), Carried(advance=0), payout=self.POLICY)

        assert (kept.totals.closing, kept.advance) == (500_00, 0)
        assert later.lines == ()

    def test_a_balance_below_zero_is_lifted_too(self) -> None:
        result = applied(
            Totals(opening=-50_00, earned=100_00),
            Carried(opening=-50_00),
            payout=self.POLICY,
        )

        assert result.lines[0].minor == 450_00
        assert result.totals.closing == 500_00


@pytest.mark.parametrize("reversals", [-1_000, -1_500])
def test_nothing_is_held_back_of_a_month_that_took_back(reversals: int) -> None:
    assert applied(Totals(earned=1_000, reversals=reversals), payout=TENTH).lines == ()
