from portal.programs.definition import Moment
from portal.rewards.calculation import Bill, bills_after, percent_off_at
from tests.rewards.facts import at, fact, facts, program, reward

LADDER = program(
    *(
        reward(
            key=f"at-{count}",
            follows="first_payment",
            kind="percent_off",
            value=value,
            months=months,
            at_count=count,
            adds_up=False,
        )
        for count, value, months in ((1, 5000, 1), (3, 5000, 4), (6, 8000, 12))
    )
)


def bill(when: str, amount: int = 10_000, months: int = 1) -> Bill:
    return Bill(id=when, at=at(when), amount_minor=amount, months=months)


def monthly(count: int, amount: int = 10_000) -> list[Bill]:
    return [
        bill(f"{2026 + month // 12}-{month % 12 + 1:02}-15", amount)
        for month in range(2, 2 + count)
    ]


def test_a_ladder_of_discounts_gives_the_largest_and_never_their_sum() -> None:
    paying = [
        fact(str(n), f"2026-03-{n:02}", moment=Moment.FIRST_PAYMENT)
        for n in range(1, 7)
    ]

    one = bills_after(LADDER, paying[:1], "ann", monthly(3))
    three = bills_after(LADDER, paying[:3], "ann", monthly(6))
    six = bills_after(LADDER, paying, "ann", monthly(14))

    assert [b.percent_bps for b in one] == [5000, 0, 0]
    assert [b.percent_bps for b in three] == [5000] * 4 + [0] * 2
    assert [b.percent_bps for b in six] == [8000] * 12 + [0] * 2


def test_a_discount_that_does_not_add_up_adds_to_those_that_do() -> None:
    mixed = program(
        reward(key="a", kind="percent_off", value=1000, months=6),
        reward(key="b", kind="percent_off", value=2000, months=6, adds_up=False),
    )

    assert percent_off_at(mixed, [fact("ben")], "ann", at("2026-03-15")) == 3000


def test_discounts_for_one_bill_beyond_all_of_it_wait_for_the_next() -> None:
    once = program(reward(kind="percent_off", value=4000))

    billed = bills_after(once, facts(4), "ann", monthly(3))

    assert [b.percent_bps for b in billed] == [10_000, 4000, 0]
    assert [b.to_pay_minor for b in billed] == [0, 6000, 10_000]


def test_a_discount_that_lasts_is_used_before_one_for_one_bill() -> None:
    mixed = program(
        reward(key="once", kind="percent_off", value=5000),
        reward(key="stays", kind="percent_off", value=10_000, months=1),
    )

    billed = bills_after(mixed, [fact("ben")], "ann", monthly(3))

    assert [b.percent_bps for b in billed] == [10_000, 5000, 0]


def test_only_the_largest_of_those_for_one_bill_is_used_up() -> None:
    once = program(
        reward(key="a", kind="percent_off", value=1000, adds_up=False),
        reward(key="b", kind="percent_off", value=2000, adds_up=False),
    )

    billed = bills_after(once, [fact("ben")], "ann", monthly(3))

    assert [b.percent_bps for b in billed] == [2000, 1000, 0]


def test_free_months_are_used_one_by_one_or_for_months_of_a_longer_bill() -> None:
    free = program(reward(value=3))
    bills = [*monthly(2), bill("2026-06-15", 120_000, months=12), *monthly(5)[4:]]

    billed = bills_after(free, [fact("ben")], "ann", bills)

    assert [b.free_months for b in billed] == [1, 1, 1, 0]
    assert [b.to_pay_minor for b in billed] == [0, 0, 110_000, 10_000]


def test_a_free_bill_uses_no_discount_and_no_credit() -> None:
    mixed = program(
        reward(key="a", value=1),
        reward(key="b", kind="percent_off", value=5000),
        reward(key="c", kind="credit", value=7000),
    )

    billed = bills_after(mixed, [fact("ben")], "ann", monthly(3))

    assert [(b.percent_minor, b.credits) for b in billed] == [
        (0, {}),
        (5000, {"c/ben": 5000}),
        (0, {"c/ben": 2000}),
    ]
    assert [b.to_pay_minor for b in billed] == [0, 0, 8000]


def test_a_bill_of_nothing_uses_nothing() -> None:
    free = program(reward(value=1))
    bills = [bill("2026-03-10", 0), bill("2026-03-11", -500), bill("2026-03-12")]

    billed = bills_after(free, [fact("ben")], "ann", bills)

    assert [b.free_months for b in billed] == [0, 0, 1]


def test_credit_is_carried_from_bill_to_bill_the_oldest_first() -> None:
    credit = program(reward(kind="credit", value=6000, most_of_bill_bps=5000))

    billed = bills_after(credit, facts(2), "ann", monthly(4))

    assert [b.credits for b in billed] == [
        {"gift/f000": 5000, "gift/f001": 5000},
        {"gift/f000": 1000, "gift/f001": 1000},
        {},
        {},
    ]


def test_what_an_annual_bill_cannot_use_is_gone_where_the_program_says_so() -> None:
    seats = program(
        reward(
            kind="credit",
            value=1000,
            per_seat=True,
            bills="annual",
            excess="forfeit",
        )
    )
    bills = [bill("2026-03-02", 9000), bill("2026-03-03", 120_000, months=12)]

    billed = bills_after(seats, [fact("ben", seats=130)], "ann", bills)

    assert billed[0].credits == {}
    assert billed[1].credits == {"gift/ben": 120_000}
    assert billed[1].forfeited == {"gift/ben": 10_000}


def test_a_bill_sees_only_what_was_due_when_it_was_written() -> None:
    credit = program(reward(kind="credit", value=6000, wait_days=14))
    told = [fact("ben", rejected_at=at("2026-04-01"))]
    bills = [bill("2026-03-14"), bill("2026-03-15", 1000), bill("2026-04-15")]

    billed = bills_after(credit, told, "ann", bills)

    assert [b.to_pay_minor for b in billed] == [10_000, 0, 10_000]


def test_bills_count_once_and_in_the_order_of_their_time() -> None:
    credit = program(reward(kind="credit", value=6000))
    bills = monthly(3)

    assert bills_after(credit, [fact("ben")], "ann", bills[::-1] * 2) == bills_after(
        credit, [fact("ben")], "ann", bills
    )


def test_nobody_uses_the_rewards_of_somebody_else() -> None:
    credit = program(reward(kind="credit", value=6000))

    (billed,) = bills_after(credit, [fact("ben")], "ben", monthly(1))

    assert billed.to_pay_minor == 10_000
