"""What of a payment was for what."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.sales.lines import AskedLine, LineFacts, Sums, paid_lines
from portal.sales.reading import Unreadable
from portal.sales.rules import read_invoice
from tests.sales import stripe_objects as so
from tests.sales.stripe_objects import Asked

Part = tuple[str | None, int, int, int, int]


def _lines(
    lines: list[Asked],
    sums: dict[str, Any],
    *,
    older: bool = False,
    has_more: bool = False,
) -> tuple[LineFacts, ...]:
    invoice = so.invoice(lines=lines, older=older, **sums)
    invoice["lines"]["has_more"] = has_more
    return read_invoice(invoice).lines


def _parts(lines: tuple[LineFacts, ...]) -> list[Part]:
    """Product, units, net, discount and tax of each."""
    return [
        (
            line.product,
            line.units,
            line.net_minor,
            line.discount_minor,
            line.tax_minor,
        )
        for line in lines
    ]


def _total(net: int, tax: int, **more: int) -> dict[str, int]:
    total = net + tax
    return {"total": total, "amount_paid": total, "total_excluding_tax": net} | more


CASES: dict[str, tuple[list[Asked], dict[str, int], list[Part]]] = {
    "one line without its own tax": (
        [Asked(10_000, "starter")],
        _total(10_000, 1_900),
        [("prod_starter", 1, 10_000, 0, 1_900)],
    ),
    "seats beside a plan": (
        [Asked(8_000, "pro"), Asked(6_000, "seat", quantity=12)],
        _total(14_000, 0),
        [("prod_pro", 1, 8_000, 0, 0), ("prod_seat", 12, 6_000, 0, 0)],
    ),
    "one product twice": (
        [Asked(1_000, "seat", quantity=5), Asked(700, "seat", quantity=7)],
        _total(1_700, 0),
        [("prod_seat", 5, 1_000, 0, 0), ("prod_seat", 7, 700, 0, 0)],
    ),
    "several discounts": (
        [Asked(10_000, "pro", discounts=(1_000, 500)), Asked(500, "seat")],
        _total(9_000, 0),
        [("prod_pro", 1, 8_500, 1_500, 0), ("prod_seat", 1, 500, 0, 0)],
    ),
    "several taxes of their own": (
        [Asked(10_000, "pro", taxes=(1_000, 900)), Asked(1_000, "book", taxes=(70,))],
        _total(11_000, 1_970),
        [("prod_pro", 1, 10_000, 0, 1_900), ("prod_book", 1, 1_000, 0, 70)],
    ),
    "a price that includes the tax": (
        [Asked(11_900, "pro", taxes=(1_900,), includes_tax=True)],
        _total(10_000, 1_900),
        [("prod_pro", 1, 10_000, 0, 1_900)],
    ),
    "a discount on a price that includes the tax": (
        [Asked(11_900, "pro", discounts=(1_190,), taxes=(1_710,), includes_tax=True)],
        _total(9_000, 1_710),
        [("prod_pro", 1, 9_000, 1_000, 1_710)],
    ),
    "a discount of everything on one line": (
        [Asked(10_000, "pro"), Asked(500, "seat", quantity=5, discounts=(500,))],
        _total(10_000, 1_900),
        [("prod_pro", 1, 10_000, 0, 1_900), ("prod_seat", 5, 0, 500, 0)],
    ),
    "a line over nothing": (
        [Asked(10_000, "pro"), Asked(0, "trial", quantity=3)],
        _total(10_000, 0),
        [("prod_pro", 1, 10_000, 0, 0)],
    ),
    "a quantity that is not said": (
        [Asked(10_000, "calls", quantity=None)],
        _total(10_000, 0),
        [("prod_calls", 1, 10_000, 0, 0)],
    ),
    "a quantity of none": (
        [Asked(10_000, "calls", quantity=0)],
        _total(10_000, 0),
        [("prod_calls", 0, 10_000, 0, 0)],
    ),
    "a line without a price": (
        [Asked(10_000, None, "Workshop"), Asked(5_000, "pro")],
        _total(15_000, 0),
        [(None, 1, 10_000, 0, 0), ("prod_pro", 1, 5_000, 0, 0)],
    ),
    "half of it paid from the balance": (
        [
            Asked(10_001, "pro", discounts=(1_000,), taxes=(1_900,)),
            Asked(999, "book", taxes=(70,)),
        ],
        _total(10_000, 1_970, amount_paid=5_985),
        [("prod_pro", 1, 4_501, 500, 950), ("prod_book", 1, 499, 0, 35)],
    ),
    "prepaid credit": (
        [Asked(10_000, "calls", prepaid=4_000), Asked(5_000, "pro", prepaid=5_000)],
        _total(6_000, 0),
        [("prod_calls", 1, 6_000, 0, 0)],
    ),
    "six seats instead of five": (
        [Asked(-500, "seat", quantity=5), Asked(600, "seat", quantity=6)],
        _total(100, 0),
        [("prod_seat", 1, 100, 0, 0)],
    ),
    "four seats instead of five, and the next month": (
        [
            Asked(4_000, "seat", "4 × Seat", quantity=4),
            Asked(-2_500, "seat", quantity=5),
            Asked(2_000, "seat", quantity=4),
            Asked(1_000, "pro"),
        ],
        _total(4_500, 0),
        [("prod_seat", 3, 3_500, 0, 0), ("prod_pro", 1, 1_000, 0, 0)],
    ),
    "fewer seats at a higher price": (
        [Asked(-500, "seat", quantity=50), Asked(600, "seat", quantity=6)],
        _total(100, 0),
        [("prod_seat", 0, 100, 0, 0)],
    ),
    "another plan in the middle of the month": (
        [Asked(-5_000, "starter"), Asked(9_000, "pro"), Asked(1_000, "seat")],
        _total(5_000, 950),
        [("prod_pro", 1, 4_500, 0, 855), ("prod_seat", 1, 500, 0, 95)],
    ),
    "goodwill": (
        [Asked(-1_000, None), Asked(9_000, "pro"), Asked(1_000, None, "Workshop")],
        _total(9_000, 0),
        [("prod_pro", 1, 8_100, 0, 0), (None, 1, 900, 0, 0)],
    ),
    "more than its lines, such as shipping": (
        [Asked(10_000, "pro", taxes=(1_900,))],
        _total(10_500, 1_995),
        [("prod_pro", 1, 10_000, 0, 1_900), (None, 0, 500, 0, 95)],
    ),
    "less than its lines": (
        [Asked(10_000, "pro"), Asked(10_000, "seat")],
        _total(10_000, 0),
        [("prod_pro", 1, 5_000, 0, 0), ("prod_seat", 1, 5_000, 0, 0)],
    ),
    "no lines": ([], _total(10_000, 1_900), [(None, 1, 10_000, 0, 1_900)]),
    "lines that cancel out": (
        [Asked(-500, "pro"), Asked(500, "pro")],
        _total(0, 0, amount_paid=7),
        [(None, 1, 7, 0, 0)],
    ),
}


@pytest.mark.parametrize("older", [True, False], ids=["older", "current"])
@pytest.mark.parametrize(("lines", "sums", "parts"), CASES.values(), ids=CASES)
def test_what_was_paid_is_split_over_the_lines(
    lines: list[Asked], sums: dict[str, int], parts: list[Part], *, older: bool
) -> None:
    found = _lines(lines, sums, older=older)

    assert _parts(found) == parts
    assert (
        sum(line.net_minor + line.tax_minor for line in found) == (sums["amount_paid"])
    )


def test_the_eleventh_line_is_not_known() -> None:
    found = _lines([Asked(100, "pro")] * 10, _total(1_300, 0), has_more=True)

    assert len(found) == 11
    assert _parts(found)[10] == (None, 0, 300, 0, 0)


def test_a_joined_line_has_the_words_of_what_is_paid_for() -> None:
    lines = [Asked(-500, "seat", "Unused time"), Asked(600, "seat", "Remaining time")]

    (found,) = _lines(lines, _total(100, 0))

    assert found.description == "Remaining time"


@pytest.mark.parametrize("older", [True, False])
def test_objects_written_out_are_read_like_their_ids(*, older: bool) -> None:
    invoice = so.invoice(older=older, lines=[Asked(10_000, "pro", discounts=(500,))])
    (line,) = invoice["lines"]["data"]
    price = line["price"] if older else line["pricing"]["price_details"]
    price["product"] = {"id": "prod_pro", "object": "product", "name": "Pro"}
    line["discounts"] = [{"id": "di_0", "object": "discount"}]
    line["discount_amounts"][0]["discount"] = {"id": "di_0", "object": "discount"}

    assert read_invoice(invoice).lines[0].product == "prod_pro"


@pytest.mark.parametrize("older", [True, False])
def test_lists_that_are_null_hold_nothing(*, older: bool) -> None:
    invoice = so.invoice(older=older)
    invoice["lines"]["data"][0] |= dict.fromkeys(
        ("discount_amounts", "discounts", "pretax_credit_amounts", "quantity")
    ) | {"tax_amounts" if older else "taxes": None}

    assert _parts(read_invoice(invoice).lines) == [
        ("prod_starter", 1, 10_000, 0, 1_900)
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": None},
        {"amount": "10"},
        {"quantity": -1},
        {"quantity": 1.5},
        {"quantity": True},
        {"discount_amounts": [{"discount": "di_1"}]},
        {"taxes": [{"amount": None}]},
    ],
)
def test_a_line_with_holes_is_refused(changes: dict[str, Any]) -> None:
    invoice = so.invoice()
    invoice["lines"]["data"][0] |= changes

    with pytest.raises(Unreadable):
        read_invoice(invoice)


ASKED = st.lists(
    st.builds(
        AskedLine,
        amount_minor=st.just(1),
        net_minor=st.integers(-(10**9), 10**9),
        tax_minor=st.integers(-(10**8), 10**8),
        discount_minor=st.integers(-(10**8), 10**8),
        product=st.sampled_from([None, "a", "b", "c"]),
        units=st.integers(0, 1_000),
    ),
    max_size=8,
)
SUMS = st.builds(
    Sums, net_minor=st.integers(-(10**9), 10**10), tax_minor=st.integers(0, 10**9)
)
PAID = st.builds(
    Sums, net_minor=st.integers(0, 10**10), tax_minor=st.integers(0, 10**9)
)


@given(lines=ASKED, asked=SUMS, paid=PAID)
def test_whatever_the_lines_say_the_parts_add_up(
    lines: list[AskedLine], asked: Sums, paid: Sums
) -> None:
    found = paid_lines(lines, asked=asked, paid=paid)

    assert sum(line.net_minor for line in found) == paid.net_minor
    assert sum(line.tax_minor for line in found) == paid.tax_minor
    for line in found:
        assert min(line.net_minor, line.tax_minor, line.discount_minor) >= 0
        assert line.units >= 0
    products = {line.product for line in lines}
    assert {line.product for line in found} <= products | {None}


def test_the_order_of_lines_makes_no_difference_to_what_a_product_brought() -> None:
    lines = [
        Asked(-700, "seat", quantity=7),
        Asked(1_000, "seat", quantity=10),
        Asked(4_000, "pro"),
        Asked(-300, "starter"),
    ]
    seen = {
        tuple(sorted(_parts(_lines(list(order), _total(4_000, 400)))))
        for order in permutations(lines)
    }

    assert len(seen) == 1
