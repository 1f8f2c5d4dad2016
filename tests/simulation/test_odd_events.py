"""Events that nobody hopes for are accepted or refused by rule, never rounded away.

tests/webhooks/test_odd_events.py asks the same of the way through the database.
"""

from itertools import permutations
from typing import Any

import pytest

from portal.simulation.reading import EventsError
from tests.simulation.programs import (
    join,
    only,
    program,
    reading,
    refund,
    result,
    sale,
    share,
)

SOLD = sale("s1", "2025-02-01", 10_000)
HUGE = 9 * 10**15
MOST = 10**18


def earned(*events: dict[str, Any], rate_bps: int = 2_000) -> list[int]:
    run = only([join(), *events], program(rules=[share(rate_bps)]))
    return [line.amount_minor for line in run.lines]


def refused(*events: dict[str, Any]) -> str:
    with pytest.raises(EventsError) as refusal:
        reading([join(), *events])
    return "\n".join(refusal.value.problems)


def test_events_out_of_order_come_to_the_same() -> None:
    events = [
        join(),
        SOLD,
        sale("s2", "2025-01-15", 333),
        refund("s1", "2025-01-02", 9),
    ]

    orders = [only(order).lines for order in permutations(events)]

    assert all(order == orders[0] for order in orders)
    assert [line.amount_minor for line in orders[0]] == [67, 2_000, -2]


def test_duplicated_events_count_once_and_are_counted() -> None:
    read = reading([join(), SOLD, SOLD, join()])

    assert (len(read.events), read.repeated) == (2, 2)
    assert earned(SOLD, SOLD) == [2_000]


def test_the_same_sale_with_another_amount_is_refused() -> None:
    assert "id: s1 stands on line 2 with other content" in refused(
        SOLD, SOLD | {"net": 1}
    )


def test_an_unknown_customer_is_refused_with_a_remedy() -> None:
    stranger = sale("s1", "2025-02-01", 10_000, partner=None)

    assert refused(stranger) == (
        "line 2: customer: nobody knows customer of s1: add its signup or a click, or "
        "name the partner of the sale"
    )


def test_a_customer_whom_nobody_brought_earns_nobody_anything_and_is_listed() -> None:
    came = {"event": "signup", "customer": "c", "at": "2025-01-15"}
    bought = sale("s1", "2025-02-01", 10_000, partner=None, customer="c")

    found = result([join(), came, bought])

    assert [credit.partners for credit in found.credits] == [()]
    assert [run.lines for run in found.partners] == [()]


def test_another_currency_is_there_and_earns_nothing() -> None:
    run = only([join(), SOLD | {"currency": "EUR"}])

    (line,) = run.lines
    assert (line.amount_minor, line.trace["outcome"]) == (0, "other_currency")
    assert line.trace["sale_net_minor"] == 10_000


def test_a_product_that_is_not_listed_is_counted_by_rules_about_any_alone() -> None:
    about = share(1_000, key="pro", title="Pro", when={"products": ["pro"]})
    definition = program(products=["pro"], rules=[about, share(2_000)])
    other = {"product": "training", "net": 10_000}

    run = only([join(), SOLD | {"net": None, "items": [other]}], definition)

    assert [(line.rule_key, line.amount_minor) for line in run.lines] == [
        ("share", 2_000)
    ]


def test_a_sale_of_zero_is_there_and_earns_nothing() -> None:
    assert earned(SOLD | {"net": 0}) == [0]


@pytest.mark.parametrize("net", [-1, -HUGE])
def test_a_negative_sale_is_refused(net: int) -> None:
    assert refused(SOLD | {"net": net}) == "line 2: net: must be at least 0"


@pytest.mark.parametrize("net", [0, -1])
def test_a_refund_of_nothing_or_less_is_refused(net: int) -> None:
    assert refused(SOLD, refund("s1", "2025-02-02", net)) == (
        "line 3: net: must be more than 0"
    )


@pytest.mark.parametrize("net", [HUGE, HUGE + 1, MOST - 1, MOST])
def test_very_large_amounts_earn_to_the_unit_and_go_back_to_the_unit(net: int) -> None:
    sold = SOLD | {"net": net}

    assert earned(sold, rate_bps=10_000) == [net]
    assert earned(sold, refund("s1", "2025-03-01", net - 1), rate_bps=10_000) == [
        net,
        1 - net,
    ]


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (MOST + 1, f"must be at most {MOST}"),
        (10**400, f"must be at most {MOST}"),
        (99.5, "must be a whole number in minor units"),
        (9e15, "must be a whole number in minor units"),
        ("100", "must be a whole number in minor units, without quotes"),
    ],
    ids=["one too many", "endless", "half a cent", "with an exponent", "as text"],
)
def test_what_would_have_to_be_rounded_is_refused(net: Any, says: str) -> None:  # noqa: ANN401 - any JSON value
    assert says in refused(SOLD | {"net": net})


def test_all_problems_of_a_file_are_named_at_once() -> None:
    problems = refused(
        SOLD | {"net": -1}, refund("s9", "2025-02-02", 1), {"event": "sail"}
    ).splitlines()

    assert [problem.split(":")[0] for problem in problems] == [
        "line 2",
        "line 3",
        "line 4",
    ]
    assert "there is no s9" in problems[1]
    assert "did you mean sale?" in problems[2]
