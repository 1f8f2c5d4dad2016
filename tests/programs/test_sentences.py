"""What partners read: a sentence for each part of a definition."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, preset
from portal.programs.labels import FIELDS
from portal.programs.sentences import rule_sentence
from portal.programs.words import questions_and_answers, terms_in_words
from tests.programs.definitions import HUBSPOT, MONDAY, PLAN_2, changed, with_rule
from tests.programs.strategies import definitions

FOR_LIFE = "for as long as they stay a customer."
SHARE = f"You earn 10% of what your customer pays, without tax, {FOR_LIFE}"


def bands(*pay: dict[str, Any], step: int = 100_00) -> list[dict[str, Any]]:
    return [{"from_value": n * step} | band for n, band in enumerate(pay)]


FIVE_SEVEN = bands({"rate_bps": 500}, {"rate_bps": 700})
EACH = bands({"each_minor": 5_00}, {"each_minor": 6_00}, step=10)
FLAT = bands({"flat_minor": 50_00}, {"flat_minor": 100_00})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, SHARE),
        (
            {"duration_months": 1, "bands": bands({"rate_bps": 1250})},
            "You earn 12.5% of what your customer pays, without tax, for 1 month.",
        ),
        (
            {"base": {"tax": "with"}, "duration_months": 12},
            "You earn 10% of what your customer pays, with tax, for 12 months.",
        ),
        (
            {"base": {"discount": "before"}},
            f"You earn 10% of the price before discounts, without tax, {FOR_LIFE}",
        ),
        (
            {"base": {"discount": "before", "tax": "with"}},
            f"You earn 10% of the price before discounts, with tax, {FOR_LIFE}",
        ),
        (
            {"measure": "margin"},
            (
                "You earn 10% of our margin (what your customer pays, without tax, "
                f"less our cost), {FOR_LIFE}"
            ),
        ),
        (
            {"pays_for": "lead"},
            "You earn 10% of the price of each lead that we accept.",
        ),
        (
            {"pays_for": "click"},
            "You earn 10% of the price of each visit that counts.",
        ),
        (
            {"pays_for": "subscriber"},
            "You earn 10% of the price of each subscriber who is confirmed.",
        ),
        (
            {"measure": "items", "bands": EACH[:1], "duration_months": 12},
            "You earn $5.00 for each sale. Each customer counts for 12 months.",
        ),
        (
            {"measure": "units", "bands": EACH[:1], "when": {"sale": "first"}},
            (
                "You earn $5.00 for each seat or piece. Only the first one of each "
                "customer counts."
            ),
        ),
        (
            {"measure": "items", "pays_for": "subscriber", "bands": EACH[:1]},
            "You earn $5.00 for each subscriber who is confirmed.",
        ),
        (
            {"bands": FLAT[:1], "when": {"sale": "renewal"}},
            (
                "You earn $50.00 for each sale, whatever its size. The first one of "
                "each customer does not count."
            ),
        ),
        (
            {"bands": FLAT[:1], "window": "month"},
            "You earn $50.00 once when there is a sale in a month.",
        ),
        (
            {"bands": FLAT[:1], "window": "life", "per": "customer"},
            (
                "You earn $50.00 once for each customer who brings a sale over all "
                "the time."
            ),
        ),
        (
            {"bands": PLAN_2, "window": "month"},
            (
                "You earn a share of what your customer pays, without tax, "
                f"{FOR_LIFE} It depends on what they pay in a month: 5% from the "
                "start, 7% from $50,000.00, and 10% from $100,000.00. All your "
                "customers count together. Each rate counts for the part above its "
                "amount."
            ),
        ),
        (
            {"bands": FIVE_SEVEN, "mode": "whole", "limit": "more_than"},
            (
                "You earn a share of what your customer pays, without tax, "
                f"{FOR_LIFE} It depends on what they pay in one payment: 5% from the "
                "start and 7% above $100.00. The highest rate that is reached counts "
                "for all of it."
            ),
        ),
        (
            {
                "window": "quarter",
                "per": "customer",
                "bands": [
                    *FIVE_SEVEN,
                    {"from_value": 200_00, "rate_bps": 900, "mode": "whole"},
                ],
            },
            (
                "You earn a share of what your customer pays, without tax, "
                f"{FOR_LIFE} It depends on what they pay in a quarter: 5% from the "
                "start, 7% from $100.00 (for the part above), and 9% from $200.00 "
                "(for all of it). Each customer is counted alone."
            ),
        ),
        (
            {"bands": EACH, "measure": "items", "pays_for": "lead", "window": "year"},
            (
                "You earn an amount for each lead that we accept. It depends on the "
                "number of leads in a year: $5.00 each from the start and $6.00 each "
                "from 10 leads. All your customers count together. Each amount "
                "counts for those above its number."
            ),
        ),
        (
            {
                "bands": EACH,
                "measure": "items",
                "pays_for": "click",
                "window": "life",
                "mode": "whole",
            },
            (
                "You earn an amount for each visit that counts. It depends on the "
                "number of visits over all the time: $5.00 each from the start and "
                "$6.00 each from 10 visits. All your customers count together. The "
                "highest step that is reached counts for all of them."
            ),
        ),
        (
            {"bands": FLAT, "window": "month"},
            (
                f"You earn a fixed sum, {FOR_LIFE} It depends on what they pay in a "
                "month: $50.00 once from the start and $100.00 once from $100.00. "
                "All your customers count together. You get each amount that is "
                "reached."
            ),
        ),
        (
            {
                "bands": FLAT,
                "mode": "whole",
                "window": "program_year",
                "program_year_from": "03-01",
                "pays_for": "subscriber",
            },
            (
                "You earn a fixed sum. It depends on the sum of their prices in a "
                "year from 1 March on: $50.00 once from the start and $100.00 once "
                "from $100.00. All your customers count together. You get only the "
                "highest amount that is reached."
            ),
        ),
        (
            {
                "bands": bands({"rate_bps": 500}, {"rate_bps": 700}, step=10),
                "mode": "whole",
                "window": "rolling",
                "rolling_months": 3,
                "banded_by": "units",
            },
            (
                "You earn a share of what your customer pays, without tax, "
                f"{FOR_LIFE} It depends on the number of seats or pieces in the 3 "
                "months before and with the sale: 5% from the start and 7% from 10 "
                "seats or pieces. All your customers count together. The highest "
                "rate that is reached counts for all of it."
            ),
        ),
        (
            {"bands": FIVE_SEVEN, "mode": "whole", "banded_by": "margin"},
            (
                "You earn a share of what your customer pays, without tax, "
                f"{FOR_LIFE} It depends on our margin in one payment: 5% from the "
                "start and 7% from $100.00. The highest rate that is reached counts "
                "for all of it."
            ),
        ),
        (
            {
                "window": "quarter",
                "accelerator": {
                    "above_minor": 500_00,
                    "multiplier_bps": 12_500,
                    "needs_year_to_date_minor": 900_00,
                },
            },
            (
                f"{SHARE} For what lies above $500.00 in a quarter you earn 1.25 "
                "times as much. That holds only once the sales of the calendar year "
                "reach $900.00."
            ),
        ),
        (
            {
                "window": "month",
                "accelerator": {"above_minor": 500_00, "multiplier_bps": 20_000},
            },
            f"{SHARE} For what lies above $500.00 in a month you earn 2 times as much.",
        ),
        (
            {"when": {"sale": "first"}},
            (
                "You earn 10% of what your customer pays, without tax, on their "
                "first payment only."
            ),
        ),
        (
            {"when": {"sale": "renewal"}},
            (
                "You earn 10% of what your customer pays, without tax, on every "
                "payment after the first."
            ),
        ),
        (
            {"when": {"sale": "renewal"}, "duration_months": 12},
            (
                "You earn 10% of what your customer pays, without tax, on every "
                "payment after the first, for 12 months."
            ),
        ),
        (
            {"all_or_nothing_months": 12},
            (
                f"{SHARE} You earn only if the customer stays for 12 months, and it "
                "is paid after that."
            ),
        ),
        (
            {
                "caps": [
                    {"per": per, "most_minor": 1_00}
                    for per in ("sale", "customer", "month", "quarter", "year", "life")
                ]
            },
            (
                f"{SHARE} It pays at most $1.00 for one sale. It pays at most $1.00 "
                "for one customer. It pays at most $1.00 in a month. It pays at most "
                "$1.00 in a quarter. It pays at most $1.00 in a year. It pays at "
                "most $1.00 in all. What goes over that is written down and not paid."
            ),
        ),
        (
            {"hold": {"days": 60, "to_month_end": True, "while_customer": True}},
            (
                f"{SHARE} This commission waits 60 days after the sale, and then "
                "until that month is over, so that refunds can come first. If the "
                "customer leaves before that, it is not paid."
            ),
        ),
        (
            {"hold": {"to_month_end": True}},
            f"{SHARE} This commission waits until the month of the sale is over.",
        ),
    ],
)
def test_a_rule_in_words(rule: dict[str, object], said: str) -> None:
    definition = with_rule(**rule)

    assert rule_sentence(definition.rules[0], definition) == said


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"products": ["A", "B"]}, "Only these products count: A and B."),
        ({"except_products": ["A"]}, "These products do not count: A."),
        ({"countries": ["DE", "FR"]}, "Only customers in Germany or France count."),
        (
            {"sources": ["sourced", "assisted", "managed"]},
            "Only customers that you brought, helped to win, or look after count.",
        ),
        ({"tiers": ["gold", "elite"]}, "It counts while your tier is Gold or Elite."),
        (
            {"customer_months": {"from_month": 13}},
            (
                "It counts from month 13 of a customer on; the first payment begins "
                "month 1."
            ),
        ),
        (
            {"customer_months": {"from_month": 1, "to_month": 1}},
            "It counts in month 1 of a customer; the first payment begins month 1.",
        ),
        (
            {"customer_months": {"from_month": 7, "to_month": 12}},
            (
                "It counts in months 7 to 12 of a customer; the first payment begins "
                "month 1."
            ),
        ),
        (
            {"customer_from": "2023-04-01"},
            "Only customers whose first payment was on 1 April 2023 or later count.",
        ),
        (
            {"customer_before": "2023-04-01"},
            "Only customers whose first payment was before 1 April 2023 count.",
        ),
        (
            {"customer_from": "2023-04-01", "customer_before": "2024-01-01"},
            (
                "Only customers whose first payment was on 1 April 2023 or later, "
                "and before 1 January 2024, count."
            ),
        ),
        (
            {"managed_from": "2025-04-01"},
            "From 1 April 2025 on, it counts only while you look after the customer.",
        ),
    ],
)
def test_a_condition_in_words(when: dict[str, object], said: str) -> None:
    definition = with_rule(when=when)

    assert rule_sentence(definition.rules[0], definition) == f"{SHARE} {said}"


def test_a_tier_of_the_first_payment_is_kept() -> None:
    definition = with_rule(when={"tiers": ["gold"]}, tier_at="first_sale")

    assert rule_sentence(definition.rules[0], definition).endswith(
        "It counts for customers who first bought while your tier was Gold."
    )


def reward(**more: object) -> str:
    given = {"key": "r", "title": "Mug", "follows": "signup", "kind": "item"}
    value = {} if "rate_bps" in more else {"value": 1}
    definition = changed(MONDAY, rules=[], rewards=[given | value | more])
    return terms_in_words(definition).reward


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "You get “Mug” for each friend who signs up and is confirmed."),
        (
            {"value": 3, "to": "company", "follows": "first_payment"},
            "Your company gets 3 × “Mug” for each friend who pays for the first time.",
        ),
        (
            {"kind": "free_months", "follows": "payment"},
            "You get 1 free month for every payment of a friend.",
        ),
        (
            {"kind": "gift_card", "value": 20_00, "follows": "review"},
            (
                "You get a gift card of $20.00 for each review that is published. "
                "How many stars the review gives never matters. “Incentivized "
                "review” stands beside the review."
            ),
        ),
        (
            {"follows": "review", "asks": "promoters", "disclosure": "Paid"},
            (
                "You get “Mug” for each review that is published. How many stars the "
                "review gives never matters. Only customers who would recommend us "
                "are asked. “Paid” stands beside the review."
            ),
        ),
        (
            {"kind": "places", "value": 5, "to": "friend"},
            (
                "Your friend gets 5 places forward in the waiting list for signing "
                "up, once it is confirmed."
            ),
        ),
        (
            {"to": "friend", "follows": "first_payment", "kind": "percent_off"},
            "Your friend gets 0.01% off for the first payment. It counts for one bill.",
        ),
        (
            {"kind": "percent_off", "value": 1000, "months": 12, "adds_up": False},
            (
                "You get 10% off for each friend who signs up and is confirmed. It "
                "lasts 12 months. It does not add to other discounts; only the "
                "largest counts."
            ),
        ),
        (
            {
                "kind": "percent_off",
                "value": 1000,
                "while_active": True,
                "cap": {"total": 10_000, "overflow": "replace_oldest"},
            },
            (
                "You get 10% off for each friend who signs up and is confirmed. It "
                "ends when the friend leaves. The most in all is 100% off. One more "
                "takes the place of the oldest."
            ),
        ),
        (
            {
                "kind": "credit",
                "rate_bps": 800,
                "follows": "payment",
                "rounding": "down",
                "bills": "annual",
                "most_of_bill_bps": 5000,
                "excess": "forfeit",
            },
            (
                "You get 8% of the payment, without tax, as credit for every payment "
                "of a friend. It pays the next bill that is for a year. It pays at "
                "most 50% of one bill. What one bill does not use is lost. It is "
                "rounded down to the smallest unit of the currency."
            ),
        ),
        (
            {
                "kind": "credit",
                "value": 500,
                "follows": "first_payment",
                "per_seat": True,
                "true_up_days": 90,
                "cap": {"total": 50_00, "per": "calendar_year"},
            },
            (
                "You get a credit of $5.00 for each seat for each friend who pays "
                "for the first time. Seats that are given up within 90 days take "
                "their part back. The most in a calendar year is $50.00. What goes "
                "over that is written down and not given."
            ),
        ),
        (
            {"at_count": 5, "cap": {"count": 1}},
            (
                "You get “Mug” once 5 friends have signed up and are confirmed. The "
                "most in all is 1 of them. What goes over that is written down and "
                "not given."
            ),
        ),
        (
            {"every": 3},
            "You get “Mug” for every 3 friends who sign up and are confirmed.",
        ),
        (
            {
                "only_by_link": True,
                "once_per_product": True,
                "once_per_company": True,
                "wait_days": 30,
                "needs_approval": True,
                "needs_consent": True,
                "opt_out": True,
                "one_a_month": True,
            },
            (
                "You get “Mug” for each friend who signs up and is confirmed. It "
                "counts only for what came through the link that promised it. Each "
                "person gets it once for each product. It is given once for each "
                "company, however many of its people come. It is due 30 days later, "
                "if the friend is still there then. We look at each one before it is "
                "due. Your employer must agree before you get it. You may do without "
                "it, if rules on gifts ask for that. Several that were earned are "
                "given one a month."
            ),
        ),
        (
            {
                "blocks": ["same_person", "existing_customer"],
                "risk_check": {"signals": ["same_ip", "same_device"]},
            },
            (
                "You get “Mug” for each friend who signs up and is confirmed. A "
                "referral to your own mailbox does not count. A friend who was a "
                "customer before does not count. We look at referrals before the "
                "reward is due if we see 5 or more friends from one internet address "
                "or two friends on one device."
            ),
        ),
        (
            {"risk_check": {"signals": ["velocity"], "holds_from": "high"}},
            (
                "You get “Mug” for each friend who signs up and is confirmed. We "
                "look at referrals before the reward is due if several signs are "
                "against them: 5 or more friends within an hour."
            ),
        ),
    ],
)
def test_a_reward_in_words(parts: dict[str, object], said: str) -> None:
    assert reward(**parts) == said


def rows(base: str = HUBSPOT, /, **more: object) -> dict[str, str]:
    terms = terms_in_words(changed(base, **more))
    return {label: term.text for label, term in terms.rows()}


@pytest.mark.parametrize(
    ("parts", "label", "said"),
    [
        (
            {"attribution": {"model": "first_click", "window_days": 1}},
            "Your customers",
            (
                "A customer counts as yours when your link was the first one they "
                "clicked in the 1 day before they first paid."
            ),
        ),
        (
            {
                "attribution": {
                    "window_days": 30,
                    "registration": {"days": 90, "max_open": 25},
                }
            },
            "Your customers",
            (
                "A customer whom you registered counts as yours when they come within "
                "90 days, whatever they clicked. Of several partners the first to "
                "register a customer keeps it. You may have 25 registrations open at a "
                "time. A customer counts as yours when your link was the last one they "
                "clicked in the 30 days before they first paid."
            ),
        ),
        (
            {"attribution": {"window_days": 30, "registration": {"days": 1}}},
            "Your customers",
            (
                "A customer whom you registered counts as yours when they come within "
                "1 day, whatever they clicked. Of several partners the first to "
                "register a customer keeps it. A customer counts as yours when your "
                "link was the last one they clicked in the 30 days before they first "
                "paid."
            ),
        ),
        (
            {"attribution": {"model": "linear", "window_days": 30}},
            "Your customers",
            (
                "A customer counts as yours in part when they clicked your link in "
                "the 30 days before they first paid. All partners whose links they "
                "clicked share equally."
            ),
        ),
        (
            {"attribution": {"model": "position", "window_days": 30}},
            "Your customers",
            (
                "A customer counts as yours in part when they clicked your link in "
                "the 30 days before they first paid. The partner of the first click "
                "and the one of the last click get 40% each; those between share the "
                "rest."
            ),
        ),
        (
            {"budget": {"per": "month", "most_minor": 5_00}},
            "The most",
            (
                "We pay you at most $5.00 in a month. A commission that would go "
                "over that is not paid, not even in part."
            ),
        ),
        (
            {
                "budget": {
                    "per": "life",
                    "most_minor": 5_00,
                }
            },
            "The most",
            (
                "We pay you at most $5.00 in all. A commission that would go over "
                "that is not paid, not even in part."
            ),
        ),
        (
            {"friend_discount": {"percent_bps": 1000, "invoices": 3}},
            "For your customers",
            "Customers who come through your link get 10% off their first 3 invoices.",
        ),
        (
            {"clawback": {"refunds": "none"}},
            "Refunds",
            "When a customer gets money back, you keep your commission.",
        ),
        (
            {"clawback": {"refund_days": 90, "prepaid_months": 12}},
            "Refunds",
            (
                "When a customer gets money back, the matching part of your "
                "commission is taken back on a later line; the first line stays as "
                "it is. A refund more than 90 days after the sale takes nothing "
                "back. A sale pays for 12 months. If the customer leaves before they "
                "are over, the commission for the whole months that were not used is "
                "taken back. A balance below zero is carried to the next statement."
            ),
        ),
        (
            {
                "payout": {
                    "minimum_minor": 50_00,
                    "only_on_days": [15, 1],
                    "business_day": "next",
                    "holdback": {"bps": 1000, "months": 6, "release_day": 15},
                }
            },
            "Payment",
            (
                "You get a statement for each month. It is paid 15 days after the "
                "month ends: the one for June on 15 July. Money is sent only on "
                "these days of a month: 1 and 15. What falls on a weekend is sent on "
                "Monday. Less than $50.00 is carried to the next payment. We keep "
                "back 10% of what you earn in a month and pay it 6 months later, on "
                "day 15 of the month."
            ),
        ),
        (
            {"terms_from": "sale"},
            "Changes",
            (
                "If we change these terms, the new ones count for all sales from "
                "that day on, of earlier customers too."
            ),
        ),
        (
            {"audience": "people"},
            "Who can apply",
            (
                "The program is for people; you need no company. You can apply from "
                "every country."
            ),
        ),
        (
            {"audience": "customers"},
            "Who can apply",
            "The program is for our customers. You can apply from every country.",
        ),
    ],
)
def test_a_policy_in_words(parts: dict[str, object], label: str, said: str) -> None:
    assert rows(**parts)[label] == said


@pytest.mark.parametrize(
    ("recoverable", "said"),
    [
        (True, "What that adds comes out of what you earn above it later."),
        (False, "What that adds is yours to keep."),
    ],
)
def test_a_draw_in_words(*, recoverable: bool, said: str) -> None:
    payout = {"draw": {"minor": 5_00, "recoverable": recoverable}}

    assert rows(payout=payout)["Payment"].endswith(
        f"You are paid at least $5.00 for each month. {said}"
    )


def with_tiers(**parts: object) -> ProgramDefinition:
    return changed(HUBSPOT, tiers=dump_json(preset(HUBSPOT))["tiers"] | parts)


def test_tiers_in_words() -> None:
    definition = with_tiers(
        metric="sourced_points",
        points={
            "milli_per_100": {"sourced": 5000, "assisted": 3000, "managed": 1000},
            "growth_countries": ["BR"],
            "growth_multiplier": 2,
            "minor_per_100": {"EUR": 88_00},
        },
        promote={"when": "dates", "dates": ["03-01"]},
        demote={"when": "dates", "dates": ["01-15", "07-15"], "look_back_months": 6},
        duty={"level": "gold", "within_months": 24, "move_to": "partner"},
    )

    tiering = terms_in_words(definition).tiering

    assert tiering
    assert tiering.sentences == (
        (
            "Your tier depends on the points you collect in the last 12 months with "
            "customers that you brought."
        ),
        (
            "You get 5 points for each $100.00, without tax, from customers that you "
            "brought."
        ),
        (
            "You get 3 points for each $100.00, without tax, from customers that you "
            "helped to win."
        ),
        (
            "You get 1 point for each $100.00, without tax, from customers that you "
            "look after."
        ),
        "Points count 2 times for customers in Brazil.",
        "Where customers pay in EUR, €88.00 count like $100.00.",
        "You move up on these days: 1 March.",
        "You move down only on these days: 15 January and 15 July.",
        (
            "On such a day you keep the best tier that you reached at the end of any "
            "of the 6 months before."
        ),
        "You must reach Gold within 24 months of joining.",
        "If not, you move to Partner.",
    )


def test_points_for_some_deals_only_in_words() -> None:
    points = {"milli_per_100": {"sourced": 5000}}

    tiering = terms_in_words(with_tiers(metric="points", points=points)).tiering

    assert tiering
    assert [said for said in tiering.sentences if "points for each" in said] == [
        (
            "You get 5 points for each $100.00, without tax, from customers that you "
            "brought."
        )
    ]
    assert not [said for said in tiering.sentences if "Points count" in said]


def test_staying_up_and_ending_in_words() -> None:
    never = terms_in_words(
        with_tiers(demote={"when": "never"}, duty={"level": "gold", "within_months": 1})
    )
    dates = terms_in_words(
        with_tiers(demote={"when": "dates", "dates": ["01-15"]}, duty=None)
    )

    assert "You never move down." in str(never.tiering)
    assert str(never.tiering).endswith("If not, your membership ends.")
    assert str(dates.tiering).endswith("You move down only on these days: 15 January.")


def test_what_a_tier_needs_besides() -> None:
    levels = dump_json(preset(HUBSPOT))["tiers"]["levels"]
    levels[1]["requires"] = [
        {"metric": "sourced_points", "at_least": 50_000},
        {"metric": "points", "at_least": 60_000},
        {"metric": "new_customers", "at_least": 2},
        {"metric": "net_sales", "at_least": 5_00},
        {"metric": "fact", "fact": "answer-hours", "below": 24},
    ]

    terms = terms_in_words(with_tiers(levels=levels, limit="more_than"))

    assert terms.tiers[1].begins == "above 123 points"
    assert terms.tiers[1].needs == (
        "at least 50 points from customers that you brought",
        "at least 60 points",
        "at least 2 new customers",
        "at least $5.00 of sales",
        "less than 24 for answer hours",
    )


def test_several_rates_by_tier_stand_in_one_table() -> None:
    one = dump_json(preset(MONDAY))["rules"][0]

    terms = terms_in_words(changed(rules=[one, one | {"key": "b", "title": "B"}]))

    assert terms.tiers[0].rate == "Share of the first year: 25%, B: 25%"


@pytest.mark.parametrize(
    ("combine", "said"),
    [
        ("sum", "Each of them that fits a sale pays."),
        ("first_match", "Only one pays for a sale: the first in this list that fits."),
        (
            "highest",
            (
                "Only one pays for a sale: the one that pays most; of equals, the "
                "first in this list."
            ),
        ),
    ],
)
def test_several_rules_say_which_of_them_pays(combine: str, said: str) -> None:
    rule = dump_json(with_rule())["rules"][0]
    other = rule | {"key": "b", "title": "B", "rounding": "down"}

    found = rows(rules=[rule, other], combine=combine)

    assert found["Together"] == said
    assert found["B"] == SHARE
    assert found["Rounding"] == (
        "Share: To the nearest smallest unit of the currency; a half is rounded up. "
        "B: Down to the smallest unit of the currency."
    )


@pytest.mark.parametrize(
    ("rule", "label", "said"),
    [
        ({}, "Exactly on a limit", "No rate depends on an amount here."),
        (
            {"bands": PLAN_2},
            "Exactly on a limit",
            "A total of exactly a limit has reached it.",
        ),
        (
            {"bands": PLAN_2, "limit": "more_than"},
            "Exactly on a limit",
            "A total of exactly a limit still counts below it.",
        ),
        ({"window": "sale"}, "What is rounded", "Each payment is rounded by itself."),
        (
            {"window": "month"},
            "What is rounded",
            (
                "The commission on the whole total is rounded; a line is the "
                "difference of two such totals, so fractions are never lost."
            ),
        ),
        (
            {"window": "month", "rounding_per": "sale"},
            "What is rounded",
            "What each payment adds is rounded by itself.",
        ),
        (
            {"measure": "items", "bands": EACH[:1]},
            "Discounts and tax",
            "The amount of a payment does not matter.",
        ),
        (
            {"measure": "margin"},
            "Discounts and tax",
            "The margin is what was paid after discounts, without tax, less our cost.",
        ),
        (
            {"base": {"discount": "before", "tax": "with"}},
            "Discounts and tax",
            "The price before discounts counts, with tax.",
        ),
        ({}, "Exactly on a tier", "Exactly the number of a tier is enough."),
        (
            {},
            "Days and months",
            "Days, months and years begin at midnight in the time zone UTC.",
        ),
    ],
)
def test_the_declared_policies_always_show(
    rule: dict[str, object], label: str, said: str
) -> None:
    terms = terms_in_words(with_rule(**rule))

    assert str(dict(terms.exactly)[label]) == said
    assert label not in dict(terms.main_rows())
    assert "Months of a customer" not in dict(terms.exactly)


def test_the_other_side_of_the_tiers_policies() -> None:
    terms = terms_in_words(with_tiers(limit="more_than", counts_from="next_sale"))

    said = {label: str(term) for label, term in terms.exactly}
    assert said["Exactly on a tier"].endswith("is not enough; it takes more.")
    assert said["The sale that reaches a tier"].startswith("It is still paid at the")


def test_gates_in_words() -> None:
    gates = dump_json(preset(HUBSPOT))["gates"]
    gates[4]["how"] = "Pay it here."
    gates.append(
        {
            "key": "tax-form",
            "kind": "confirmation",
            "title": "Send the tax form",
            "blocks": ["payout"],
            "deadline_days": 60,
            "shuts_at_deadline": True,
            "forfeits_after_months": 6,
        }
    )

    *_others, fee, last = terms_in_words(changed(HUBSPOT, gates=gates)).gates

    assert fee.consequence.startswith("Pay it here. Until then, you cannot earn.")
    assert last.consequence == (
        "We confirm it. Until then, you cannot be paid. If it is not done within 6 "
        "months of a customer's first payment, that customer's sales earn nothing."
    )
    assert last.deadline == (
        "Do it within 60 days of joining. After that it can no longer be done."
    )


@pytest.mark.parametrize(
    ("follows", "last"),
    [
        ("review", "Write a review and get your reward."),
        ("signup", "Share your link and get your reward."),
    ],
)
def test_an_open_program_of_rewards_says_nothing_of_commissions(
    follows: str, last: str
) -> None:
    old = dump_json(preset(MONDAY))
    given = {"key": "r", "title": "Mug", "follows": follows, "kind": "item", "value": 1}
    definition = changed(
        MONDAY,
        rules=[],
        rewards=[given],
        join=old["join"] | {"mode": "open"},
        gates=[gate for gate in old["gates"] if gate["key"] != "review"],
    )

    terms = terms_in_words(definition)

    assert terms.steps[0] == "Answer a few questions; you are in at once."
    assert terms.steps[-1] == last
    assert {"Waiting time", "Payment", "Refunds", "Rounding"}.isdisjoint(
        label for label, _term in terms.rows()
    )
    assert questions_and_answers(definition, terms)[0] == (
        "How soon do I get an answer?",
        "You are in as soon as you have sent your answers.",
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(definition=definitions())
def test_every_program_can_be_told(definition: ProgramDefinition) -> None:
    terms = terms_in_words(definition)

    said = [term.text for _label, term in terms.rows()]
    said += [gate.consequence for gate in terms.gates]
    said += [answer for _asked, answer in questions_and_answers(definition, terms)]
    assert all(text.strip() for text in said)


def test_every_field_has_a_name_for_people() -> None:
    schema = ProgramDefinition.model_json_schema()
    described = [schema, *schema["$defs"].values()]
    fields = {name for part in described for name in part.get("properties", ())}

    assert fields <= set(FIELDS)
