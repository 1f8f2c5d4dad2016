from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.clock import day_start
from portal.kit.money import Money
from portal.programs.documents import preset
from portal.statements.rules import (
    LineKind,
    Payment,
    Totals,
    count_of,
    first_and_last_day,
    month_of,
    months_until,
    number_of,
    plan_payment,
    totals_of,
)

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_month_begins_and_ends_at_midnight_of_its_zone() -> None:
    month = month_of(datetime(2026, 3, 31, 22, 30, tzinfo=UTC), BERLIN)

    assert month.label == "2026-04"
    assert month.starts_at == datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
    assert month.ends_at == datetime(2026, 4, 30, 22, 0, tzinfo=UTC)
    assert first_and_last_day(month.starts_at, month.ends_at, BERLIN) == (
        date(2026, 4, 1),
        date(2026, 4, 30),
    )


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive by definition
    st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata"]),
)
def test_every_moment_lies_in_exactly_one_month(moment: datetime, zone: str) -> None:
    month = month_of(moment, ZoneInfo(zone))

    assert month.starts_at <= moment < month.ends_at
    assert month_of(month.ends_at, ZoneInfo(zone)).starts_at == month.ends_at


def test_months_run_across_the_year() -> None:
    first = datetime(2025, 11, 20, tzinfo=UTC)

    months = months_until(first, datetime(2026, 2, 1, tzinfo=UTC), ZoneInfo("UTC"))

    assert [month.label for month in months] == [
        "2025-11",
        "2025-12",
        "2026-01",
        "2026-02",
    ]


def test_a_day_begins_at_midnight_of_its_zone() -> None:
    assert day_start(date(2026, 7, 1), BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)


_amounts = st.integers(-(10**12), 10**12)


@given(_amounts, st.lists(st.tuples(st.sampled_from(LineKind), _amounts)))
def test_the_closing_is_the_opening_and_all_lines(
    opening: int, lines: list[tuple[LineKind, int]]
) -> None:
    totals = totals_of(opening, lines)

    assert totals.closing == opening + sum(amount for _, amount in lines)


@given(*[st.builds(Totals, opening=_amounts, earned=_amounts, fees=_amounts)] * 2)
def test_sums_of_totals_keep_the_identity(one: Totals, other: Totals) -> None:
    assert (one + other).closing == one.closing + other.closing


def test_numbers_carry_the_program_and_the_year() -> None:
    number = number_of("acme-partners", "2026-10", 42)

    assert number == "ACME-PARTNERS-2026-000042"
    assert count_of(number) == 42


@pytest.mark.parametrize(
    ("closing", "payment"),
    [
        (-1, Payment.CARRIED),
        (0, Payment.NOTHING),
        (1, Payment.BELOW_MINIMUM),
        (10_000_000, Payment.DUE),
    ],
)
def test_what_follows_from_a_closing_balance(closing: int, payment: Payment) -> None:
    definition = preset("monday-affiliate").model_copy(
        update={
            "payout": preset("monday-affiliate").payout.model_copy(
                update={"minimum_minor": 5_000}
            )
        }
    )

    plan = plan_payment(
        definition,
        closing=Money(closing, "USD"),
        last_day=date(2026, 1, 31),
        unmet=(),
    )

    assert plan.payment is payment
    assert (plan.pays_on is not None) == (payment is Payment.DUE)
