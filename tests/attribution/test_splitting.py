from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.attribution.splitting import (
    CreditShare,
    parts_of,
    parts_of_lines,
    refunded_parts,
    share_bps,
    share_of,
)

HUGE = 9 * 10**15
weights_of = st.lists(st.integers(1, 40), min_size=1, max_size=7)


def test_what_rounding_leaves_over_goes_to_the_largest_remainder() -> None:
    assert parts_of(101, (2, 2, 1)) == (41, 40, 20)
    assert parts_of(-101, (2, 2, 1)) == (-41, -40, -20)
    assert share_of(101, (2, 2, 1), 2) == 20
    assert parts_of(0, (1, 1)) == (0, 0)


@given(amount=st.integers(-HUGE, HUGE), weights=weights_of)
def test_splits_never_lose_a_unit(amount: int, weights: list[int]) -> None:
    """The parts add up, and each is within one unit of what is due."""
    parts = parts_of(amount, weights)

    assert sum(parts) == amount
    total = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * total - amount * weight) < total


@given(
    net=st.integers(0, HUGE),
    weights=weights_of,
    steps=st.lists(st.integers(0, 10_000), min_size=1, max_size=5),
)
def test_splits_of_refunds_never_lose_a_unit_and_take_back_what_was_had(
    net: int, weights: list[int], steps: list[int]
) -> None:
    """At every step the parts add up, and nobody gives back more than was had."""
    had = parts_of(net, weights)
    whole = sum(steps) or 1
    totals = [net * step // whole for step in accumulate(steps)]

    for total in totals:
        taken = refunded_parts(net, total, weights)
        assert sum(taken) == total
        assert all(0 <= back <= part for back, part in zip(taken, had, strict=True))
    assert refunded_parts(net, net, weights) == had
    assert refunded_parts(net, 0, weights) == (0,) * len(weights)


def test_a_unit_moves_between_shares_but_none_is_lost() -> None:
    """One more unit taken back can turn another unit: the totals stay exact."""
    weights = (4, 4, 1, 1)
    steps = [refunded_parts(4, total, weights) for total in range(5)]

    assert steps[-1] == (2, 2, 0, 0) == parts_of(4, weights)
    assert parts_of(3, weights) == (1, 1, 1, 0)  # More than the third ever had.
    assert [sum(step) for step in steps] == [0, 1, 2, 3, 4]
    assert all(step[2:] == (0, 0) for step in steps)


def test_of_nothing_nothing_is_taken_back() -> None:
    assert refunded_parts(0, 0, (1, 2)) == (0, 0)


@given(
    amounts=st.lists(st.integers(-1_000, 100_000), max_size=8).filter(
        lambda amounts: sum(amounts) >= 0
    ),
    weights=weights_of,
)
def test_splits_of_lines_never_lose_a_unit_in_either_direction(
    amounts: list[int], weights: list[int]
) -> None:
    lines = parts_of_lines(amounts, weights)

    assert [sum(parts) for parts in lines] == amounts
    each = tuple(sum(parts[i] for parts in lines) for i in range(len(weights)))
    assert each == parts_of(sum(amounts), weights)
    for parts, amount in zip(lines, amounts, strict=True):
        assert all(part * amount >= 0 for part in parts)
        assert amount or not any(parts)


@given(weights=weights_of, units=st.lists(st.integers(0, 50), max_size=8))
def test_seats_are_dealt_out_whole(weights: list[int], units: list[int]) -> None:
    lines = parts_of_lines(units, weights)

    assert [sum(parts) for parts in lines] == units
    assert all(part >= 0 for parts in lines for part in parts)


@pytest.mark.parametrize(
    ("weight", "of_weight", "bps"), [(2, 5, 4_000), (1, 3, 3_333), (2, 3, 6_667)]
)
def test_a_share_reads_as_basis_points(weight: int, of_weight: int, bps: int) -> None:
    assert share_bps(weight, of_weight) == bps


def test_a_share_knows_whether_it_is_the_whole() -> None:
    assert CreditShare().is_whole
    assert CreditShare().bps == 10_000
    second = CreditShare((2, 2, 1), 2)
    assert not second.is_whole
    assert second.bps == 2_000


@given(weights=weights_of, net=st.integers(0, 100_000))
def test_a_larger_weight_never_has_the_smaller_part(
    weights: list[int], net: int
) -> None:
    parts = parts_of(net, sorted(weights, reverse=True))

    assert all(more >= less for more, less in pairwise(parts))
