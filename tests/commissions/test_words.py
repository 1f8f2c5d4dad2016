import pytest

from portal.commissions.calculation import (
    CustomerFact,
    Formats,
    RatedLine,
    rate,
    sentence_of,
    steps_of,
)
from portal.commissions.calculation.words import plain_rate
from portal.commissions.rules import mask_email, mask_name, masked_customer
from portal.enrollments.rules import Interval
from portal.programs.definition import Gate
from tests.commissions.facts import (
    at,
    bands,
    definition,
    refund,
    rule,
    sale,
    terms,
)

ENGLISH = Formats(
    money=lambda minor, currency: f"{minor / 100:,.2f} {currency}",
    date=lambda moment: f"{moment:%Y-%m-%d}",
)
STEPS = bands((0, 500), (10_000, 1_000), (30_000, 1_250))
SOLD = sale("a", "2026-03-01", 60_000)


def lines_of(*sales: object, refunds: object = (), **parts: object) -> list[RatedLine]:
    given = sales or (SOLD,)
    return rate(given, refunds, terms=terms(definition(**parts)))  # type: ignore[arg-type]  # short tests


def say(line: RatedLine) -> str:
    return sentence_of(line.trace, ENGLISH)


@pytest.mark.parametrize(
    ("bps", "text"), [(2_000, "20%"), (1_250, "12.5%"), (1_205, "12.05%"), (0, "0%")]
)
def test_a_rate_is_written_without_needless_digits(bps: int, text: str) -> None:
    assert plain_rate(bps) == text


def test_a_sale_says_rate_base_and_month() -> None:
    later = sale("b", "2026-06-01", 60_000)

    first, second = lines_of(SOLD, later, rules=[rule(duration_months=36)])

    assert say(first) == "20% of 600.00 USD, customer month 1 of 36."
    assert say(second) == "20% of 600.00 USD, customer month 4 of 36."


def test_a_refund_says_what_is_taken_back() -> None:
    back = refund("r", SOLD, "2026-03-05", 10_000)

    line = lines_of(refunds=[back], rules=[rule()])[1]

    assert say(line) == "Taken back: 20% of 100.00 USD refunded."


def test_money_that_came_back_is_given_back() -> None:
    lost = refund("r1", SOLD, "2026-03-05", 10_000)
    won = refund("r2", SOLD, "2026-03-06", -10_000)

    line = lines_of(refunds=[lost, won], rules=[rule()])[2]

    assert say(line) == (
        "Given back: 20% of 100.00 USD that the vendor received again."
    )


def test_a_month_says_how_its_total_moved_over_the_bands() -> None:
    line = lines_of(rules=[rule(window="month", bands=STEPS)])[0]

    assert say(line) == (
        "5% of 100.00 USD, 10% of 200.00 USD and 12.5% of 300.00 USD, your sales of "
        "2026-03 went from 0.00 USD to 600.00 USD."
    )


def test_a_whole_total_says_after_minus_before() -> None:
    line = lines_of(
        SOLD,
        sale("b", "2026-03-02", 100),
        rules=[rule(window="month", mode="whole", bands=STEPS)],
    )[1]

    assert say(line) == (
        "12.5% of the total of 2026-03, 601.00 USD, is 75.13 USD; 75.00 USD of it was "
        "counted before."
    )


def test_a_whole_rate_on_one_sale_says_so_when_a_refund_lowers_the_band() -> None:
    back = refund("r", SOLD, "2026-03-05", 50_000)

    line = lines_of(refunds=[back], rules=[rule(mode="whole", bands=STEPS)])[1]

    assert say(line) == (
        "10% of the total of this sale, 100.00 USD, is 10.00 USD; 75.00 USD of it was "
        "counted before."
    )


def test_a_level_is_named() -> None:
    line = rate([SOLD], [], terms=terms(definition(based_on="monday-affiliate")))[0]

    assert say(line) == "25% of 600.00 USD, Starter level, customer month 1 of 12."


def test_dropped_fractions_are_named() -> None:
    line = lines_of(rules=[rule(rounding="down")])[0]

    assert say(line).endswith("A fraction of the smallest coin is left out.")


def test_nothing_says_that_nothing_moved() -> None:
    line = lines_of(sale("a", "2026-03-01", 0), rules=[rule(rounding="down")])[0]

    assert say(line) == "Nothing changed, because no money moved."


def test_another_currency_is_said() -> None:
    line = lines_of(sale("a", "2026-03-01", 100, currency="EUR"))[0]

    assert say(line) == "Not rated: paid in EUR, the program pays in USD."


def test_the_end_of_the_duration_is_said() -> None:
    line = lines_of(
        SOLD, sale("b", "2027-03-01", 100), rules=[rule(duration_months=12)]
    )[1]

    assert say(line) == (
        "Nothing earned: this customer's sales earned for 12 months, until 2027-03-01."
    )


def gated(consequence: str, *intervals: Interval) -> RatedLine:
    gate = Gate.model_validate(
        {
            "key": "fee",
            "kind": "fee",
            "title": "Pay the fee",
            "blocks": ["earn"],
            "sales_while_unmet": consequence,
        }
    )
    return rate(
        [SOLD],
        [],
        terms=terms(definition(rules=[rule()])),
        gates=[gate],
        gate_history={"fee": intervals},
    )[0]


def test_an_unmet_requirement_is_named() -> None:
    assert say(gated("forfeited")) == (
        "Nothing earned: on 2026-03-01 a requirement was not met: Pay the fee."
    )
    assert say(gated("held")) == (
        "20% of 600.00 USD. It is held until this is done: Pay the fee."
    )
    assert say(gated("held", Interval(at("2026-04-02")))) == (
        "20% of 600.00 USD. It was held until Pay the fee was done on 2026-04-02."
    )


def corrected(*, is_gone: bool) -> dict[str, object]:
    return lines_of(rules=[rule()])[0].trace | {
        "amount_minor": -2_000,
        "adjustment": {
            "settled_minor": 14_000,
            "rated_minor": 12_000,
            "is_gone": is_gone,
        },
    }


def test_a_correction_says_what_the_line_comes_to_and_why() -> None:
    start = (
        "Correction of a line on an earlier statement: it comes to 120.00 USD now, not "
        "140.00 USD. "
    )

    assert (
        sentence_of(corrected(is_gone=False), ENGLISH) == start + "20% of 600.00 USD."
    )
    assert sentence_of(corrected(is_gone=True), ENGLISH) == (
        start + "The sale is not credited to you any more."
    )


def test_the_figures_lead_from_the_base_to_the_amount() -> None:
    line = lines_of(rules=[rule(window="month", bands=STEPS)])[0]

    assert [(step.label, step.figure) for step in steps_of(line.trace, ENGLISH)] == [
        ("Net sale, without tax", "600.00 USD"),
        ("Counted in 2026-03 before", "0.00 USD"),
        ("Counted in 2026-03 after", "600.00 USD"),
        ("At 5%: the part from 0.00 USD up to 100.00 USD", "100.00 USD"),
        ("At 10%: the part from 100.00 USD up to 300.00 USD", "200.00 USD"),
        ("At 12.5%: the part from 300.00 USD on", "300.00 USD"),
        ("Commission on the total before", "0.00 USD"),
        ("Commission on the total after", "62.50 USD"),
        ("Your commission: the difference", "62.50 USD"),
    ]


def test_the_figures_of_a_refund_begin_with_the_change() -> None:
    back = refund("r", SOLD, "2026-03-05", 10_000)

    steps = steps_of(lines_of(refunds=[back], rules=[rule()])[1].trace, ENGLISH)

    assert [(step.label, step.figure) for step in steps][1:5] == [
        ("Change of the net sale", "-100.00 USD"),
        ("Counted in this sale before", "600.00 USD"),
        ("Counted in this sale after", "500.00 USD"),
        ("At 20%", "-100.00 USD"),
    ]


def test_the_figures_of_what_is_not_rated_end_at_nothing() -> None:
    steps = steps_of(gated("forfeited").trace, ENGLISH)

    assert [(step.label, step.figure) for step in steps] == [
        ("Net sale, without tax", "600.00 USD"),
        ("Your commission", "0.00 USD"),
    ]


def test_the_figures_of_a_correction_end_with_it() -> None:
    steps = steps_of(corrected(is_gone=False), ENGLISH)

    assert [(step.label, step.figure) for step in steps][-2:] == [
        ("On earlier statements", "140.00 USD"),
        ("This correction", "-20.00 USD"),
    ]


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("Braun Labs", "B•••n Labs"),
        ("Q Systems", "••• Systems"),
        ("Acme", "A•••e"),
        ("  ", "•••"),
    ],
)
def test_the_first_word_of_a_name_is_hidden(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_an_address_keeps_its_ends_only() -> None:
    assert mask_email("amira@gmail.com") == "a•••@g•••.com"
    assert mask_email("nonsense") == "n•••@•••."


@pytest.mark.parametrize(
    ("name", "email", "shown"),
    [
        ("Braun Labs", "a@b.com", "B•••n Labs"),
        (" ", "amira@gmail.com", "a•••@g•••.com"),
        (None, None, "•••wxyz"),
    ],
)
def test_a_customer_is_shown_by_the_best_that_is_known(
    name: str | None, email: str | None, shown: str
) -> None:
    assert masked_customer(name, email, "cus_abcwxyz") == shown


SEATS = [{"from_value": 0, "each_minor": 1_000}, {"from_value": 2, "each_minor": 1_500}]
BONUS = [{"from_value": 0, "rate_bps": 0}, {"from_value": 50_000, "flat_minor": 5_000}]
QUOTA = {"above_minor": 50_000, "multiplier_bps": 12_500}


@pytest.mark.parametrize(
    ("rules", "sentence", "figures"),
    [
        (
            [rule(measure="items", bands=SEATS)],
            "10.00 USD for each of 1.",
            {"At 10.00 USD each: the part from 0 up to 2": "1"},
        ),
        (
            [rule(measure="items", window="life", mode="whole", bands=SEATS)],
            "10.00 USD for each of 1.",
            {},
        ),
        (
            [rule(measure="items", window="month", mode="whole", bands=SEATS)],
            (
                "10.00 USD for each of 1, the total of 2026-03, is 10.00 USD; "
                "0.00 USD of it was counted before."
            ),
            {},
        ),
        (
            [rule(bands=BONUS)],
            "0% of 500.00 USD and 50.00 USD once, from 500.00 USD on.",
            {"At 50.00 USD once: the part from 500.00 USD on": "100.00 USD"},
        ),
        (
            [
                rule(
                    banded_by="items",
                    mode="whole",
                    bands=[
                        {"from_value": 0, "rate_bps": 500},
                        {"from_value": 1, "rate_bps": 1_000},
                    ],
                )
            ],
            "10% of 600.00 USD, the rate follows from a total of 1.",
            {"The total that picks the rate": "1"},
        ),
        (
            [rule(bands=bands((0, 1_000)), accelerator=QUOTA)],
            "10% of 600.00 USD. What lies above the quota counts 125%.",
            {"What lies above the quota counts": "125%"},
        ),
        (
            [rule(caps=[{"per": "sale", "most_minor": 10_000}])],
            "20% of 600.00 USD. A cap cut off 20.00 USD.",
            {"Over a cap, not paid": "-20.00 USD"},
        ),
        (
            [rule(when={"sale": "renewal"})],
            "Nothing earned: no rule of the program is about such a sale.",
            {"Your commission": "0.00 USD"},
        ),
    ],
)
def test_each_kind_of_rule_says_how_it_came_about(
    rules: list[dict[str, object]], sentence: str, figures: dict[str, str]
) -> None:
    (line,) = lines_of(rules=rules)

    assert say(line) == sentence
    steps = {step.label: step.figure for step in steps_of(line.trace, ENGLISH)}
    assert figures.items() <= steps.items()


def test_a_departure_says_what_it_takes_back() -> None:
    program = definition(rules=[rule()], clawback={"prepaid_months": 12})

    line = rate(
        [SOLD],
        [],
        terms=terms(program),
        customers={SOLD.customer_id: CustomerFact(left_at=at("2026-09-01"))},
    )[1]

    assert say(line) == (
        "Taken back, because the customer left in the middle of what was paid: 20% of "
        "300.00 USD."
    )


def test_a_customer_who_left_early_is_named_with_the_day() -> None:
    program = definition(rules=[rule(all_or_nothing_months=12)])

    (line,) = rate(
        [SOLD],
        [],
        terms=terms(program),
        customers={SOLD.customer_id: CustomerFact(left_at=at("2026-09-01"))},
    )

    assert say(line) == (
        "Nothing earned: the customer left on 2026-09-01, before this was due."
    )


def test_a_used_up_budget_is_named() -> None:
    (line,) = lines_of(rules=[rule()], budget={"per": "month", "most_minor": 1})

    assert say(line) == "Nothing earned: the budget of the program was used up."


def test_papers_that_came_too_late_are_named() -> None:
    forms = Gate.model_validate(
        {
            "key": "tax-form",
            "kind": "confirmation",
            "title": "Send your tax form",
            "blocks": ["payout"],
            "forfeits_after_months": 6,
        }
    )

    (line,) = rate(
        [SOLD],
        [],
        terms=terms(definition(rules=[rule()])),
        gates=(forms,),
        as_of=at("2027-01-01"),
    )

    assert say(line) == (
        "Nothing earned: this was not done in time after the customer's first "
        "payment: Send your tax form."
    )
