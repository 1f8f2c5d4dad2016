import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.money import CurrencyMismatch, Money, Rounding, divide, share, split

amounts = st.integers(-10_000_000, 10_000_000)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def test_sums_of_one_currency_add_subtract_and_compare() -> None:
    assert usd(5) + usd(7) == usd(12)
    assert usd(5) - usd(7) == usd(-2)
    assert -usd(5) == usd(-5)
    assert usd(5) < usd(7)
    assert usd(5) <= usd(5)
    assert bool(usd(1))
    assert not usd(0)


def test_sums_of_two_currencies_never_meet() -> None:
    with pytest.raises(CurrencyMismatch):
        usd(1) + Money(1, "EUR")


@pytest.mark.parametrize(
    ("minor", "bps", "rounding", "expected"),
    [
        (12_345, 800, Rounding.HALF_AWAY, 988),  # 987.6
        (12_345, 800, Rounding.DOWN, 987),
        (5, 1_000, Rounding.HALF_AWAY, 1),  # exactly half goes away from zero
        (-5, 1_000, Rounding.HALF_AWAY, -1),
        (-19, 1_000, Rounding.DOWN, -1),
        (80_000, 2_000, Rounding.HALF_AWAY, 16_000),
    ],
)
def test_a_share_is_rounded_once_and_as_told(
    minor: int, bps: int, rounding: Rounding, expected: int
) -> None:
    assert share(usd(minor), bps, rounding) == usd(expected)


@given(minor=amounts, bps=st.integers(0, 10_000), rounding=st.sampled_from(Rounding))
def test_a_share_of_a_debt_mirrors_the_share_of_a_credit(
    minor: int, bps: int, rounding: Rounding
) -> None:
    assert share(usd(-minor), bps, rounding) == -share(usd(minor), bps, rounding)


@given(numerator=amounts, denominator=st.integers(1, 10_001))
def test_division_is_never_off_by_more_than_half_a_unit(
    numerator: int, denominator: int
) -> None:
    quotient = divide(numerator, denominator, Rounding.HALF_AWAY)

    assert 2 * abs(quotient * denominator - numerator) <= denominator


def test_division_by_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="not positive"):
        divide(1, 0, Rounding.DOWN)


@given(
    minor=st.integers(0, 10_000_000),
    weights=st.lists(st.integers(0, 1_000), min_size=1).filter(any),
)
def test_a_split_loses_no_unit_and_is_fair(minor: int, weights: list[int]) -> None:
    parts = split(usd(minor), weights)

    assert sum(part.minor for part in parts) == minor
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.minor * sum(weights) - minor * weight) < sum(weights)


def test_the_unit_that_is_left_over_goes_to_the_largest_remainder() -> None:
    assert split(usd(100), [1, 1, 1]) == [usd(34), usd(33), usd(33)]
    assert split(usd(10), [1, 2, 3]) == [usd(2), usd(3), usd(5)]


@pytest.mark.parametrize(
    ("minor", "weights"), [(-1, [1]), (1, [0, 0]), (1, [2, -1]), (1, [])]
)
def test_an_impossible_split_is_refused(minor: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="split needs"):
        split(usd(minor), weights)
