from itertools import permutations

import pytest

from portal.tiers.facts import ItemFact, first_sales, in_order
from tests.tiers.facts import key, refund, sale

SALE = sale("in_1", "2026-03-01", 10_000)


def test_a_refund_dated_before_its_sale_counts_right_after_it() -> None:
    early = refund("re_1", SALE, "2026-02-01", 4_000)

    events = in_order([SALE], [early])

    assert [(e.refund is None, e.moment, e.change_minor) for e in events] == [
        (True, SALE.occurred_at, 10_000),
        (False, SALE.occurred_at, -4_000),
    ]


def test_at_one_moment_sales_come_before_refunds_and_then_references_decide() -> None:
    other = sale("in_0", "2026-03-01", 500)
    first = refund("re_1", SALE, "2026-03-01", 1_000)
    second = refund("re_2", SALE, "2026-03-01", 1_000)

    orders = {
        tuple(
            (event.refund or event.sale).reference for event in in_order(sales, refunds)
        )
        for sales in permutations([SALE, other])
        for refunds in permutations([first, second])
    }

    assert orders == {("in_0", "in_1", "re_1", "re_2")}


def test_what_is_given_twice_counts_once() -> None:
    part = refund("re_1", SALE, "2026-03-02", 4_000)

    assert in_order([SALE, SALE], [part, part]) == in_order([SALE], [part])


def test_a_refund_of_an_unknown_sale_is_left_out() -> None:
    assert in_order([], [refund("re_1", SALE, "2026-03-02", 4_000)]) == []


def test_what_is_left_of_a_sale_is_never_negative_and_never_more_than_the_sale() -> (
    None
):
    events = in_order(
        [SALE],
        [
            refund("re_1", SALE, "2026-03-02", 9_000),
            refund("re_2", SALE, "2026-03-03", 9_000),
            refund("re_3", SALE, "2026-03-04", -30_000),
        ],
    )

    assert [event.left_after_minor for event in events] == [10_000, 1_000, 0, 10_000]


def test_a_won_dispute_told_before_the_dispute_comes_to_the_same_end() -> None:
    events = in_order(
        [SALE],
        [
            refund("won", SALE, "2026-03-02", -10_000),
            refund("lost", SALE, "2026-03-03", 10_000),
        ],
    )

    assert [event.left_after_minor for event in events] == [10_000, 10_000, 10_000]


def test_the_first_sale_of_a_customer_is_the_first_that_brought_money() -> None:
    trial = sale("in_0", "2026-02-01", 0)
    later = sale("in_2", "2026-04-01", 100)

    first = first_sales(in_order([later, SALE, trial], []))

    assert first == {key("c"): SALE}


def test_a_negative_sale_is_refused() -> None:
    with pytest.raises(ValueError, match="in_9"):
        sale("in_9", "2026-03-01", -1)


def test_lines_that_do_not_add_up_to_the_sale_are_refused() -> None:
    with pytest.raises(ValueError, match="in_9 do not add up"):
        sale("in_9", "2026-03-01", 100, items=(ItemFact(net_minor=99),))


def test_a_sale_without_lines_has_one_for_the_whole() -> None:
    item = ItemFact(net_minor=100, product="Seats", units=4)

    assert sale("in_9", "2026-03-01", 100).lines == (ItemFact(net_minor=100),)
    assert sale("in_9", "2026-03-01", 100, items=(item,)).lines == (item,)
