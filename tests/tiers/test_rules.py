from zoneinfo import ZoneInfo

import pytest

from portal.programs.definition import Tiers, Trigger
from portal.programs.documents import preset
from portal.tiers.facts import SaleFact
from portal.tiers.rules import ChangeReason
from tests.tiers.facts import (
    at,
    by_hand,
    key,
    line_of,
    moves,
    recorded,
    refund,
    sale,
    tiers,
)

BERLIN = ZoneInfo("Europe/Berlin")
POINTS = {
    "milli_per_100": {"sourced": 5_000, "assisted": 3_000, "managed": 1_000},
    "growth_countries": ["BR"],
    "growth_multiplier": 2,
    "minor_per_100": {"EUR": 8_800, "JPY": 14_400},
}


def test_the_sale_that_reaches_a_level_is_counted_in() -> None:
    levels = tiers("new_customers", "life", 0, 2)
    sales = [
        sale("a", "2026-01-01", 100, customer="a"),
        sale("a2", "2026-01-02", 100, customer="a"),
        sale("b", "2026-01-03", 100, customer="b"),
    ]

    line = line_of(levels, sales)

    assert [line.at_sale[key(n)].level.key for n in ("a", "a2", "b")] == [
        "l0",
        "l0",
        "l1",
    ]
    assert moves(line) == [("2026-01-03", "l1", ChangeReason.SALE)]
    assert line.final.value == 2


@pytest.mark.parametrize(
    ("window", "drops_on"),
    [("month", "2026-03-01"), ("quarter", "2026-04-01"), ("year", "2027-01-01")],
)
def test_a_calendar_window_starts_again_from_the_lowest_level(
    window: str, drops_on: str
) -> None:
    levels = tiers("net_sales", window, 0, 1_000)

    line = line_of(levels, [sale("a", "2026-02-10", 1_000)], until="2027-06-01")

    assert moves(line) == [
        ("2026-02-10", "l1", ChangeReason.SALE),
        (drops_on, "l0", ChangeReason.WINDOW),
    ]
    assert line.final.value == 0


def test_a_sale_drops_out_of_the_rolling_year_after_twelve_months() -> None:
    levels = tiers("net_sales", "rolling_12_months", 0, 1_000)
    sales = [sale("a", "2025-02-10", 600), sale("b", "2025-06-10", 600)]

    line = line_of(levels, sales, until="2026-12-01")

    assert moves(line) == [
        ("2025-06-10", "l1", ChangeReason.SALE),
        ("2026-02-10", "l0", ChangeReason.WINDOW),
    ]


def test_what_has_not_happened_yet_does_not_count() -> None:
    levels = tiers("net_sales", "rolling_12_months", 0, 1_000)

    line = line_of(levels, [sale("a", "2025-02-10", 1_000)], until="2026-02-09")

    assert line.final.level.key == "l1"


def test_a_refund_takes_a_level_away() -> None:
    levels = tiers("net_sales", "life", 0, 1_000)
    sold = sale("a", "2026-01-01", 1_000)

    line = line_of(levels, [sold], [refund("r", sold, "2026-01-05", 1)])

    assert moves(line) == [
        ("2026-01-01", "l1", ChangeReason.SALE),
        ("2026-01-05", "l0", ChangeReason.REFUND),
    ]


def test_a_refund_of_a_sale_that_dropped_out_changes_nothing() -> None:
    levels = tiers("net_sales", "month", 0, 1_000)
    old, new = sale("a", "2026-01-01", 500), sale("b", "2026-02-01", 1_000)

    back = refund("r", old, "2026-02-05", 500)
    line = line_of(levels, [old, new], [back], until="2026-02-10")

    assert line.final.value == 1_000


def test_a_refunded_customer_stays_a_customer() -> None:
    levels = tiers("new_customers", "life", 0, 1)
    sold = sale("a", "2026-01-01", 1_000)

    line = line_of(levels, [sold], [refund("r", sold, "2026-01-05", 1_000)])

    assert line.final.level.key == "l1"


def test_sales_in_another_currency_bring_no_amount() -> None:
    levels = tiers("net_sales", "life", 0, 1)

    line = line_of(levels, [sale("a", "2026-01-01", 1_000, currency="EUR")])

    assert line.final.value == 0


def test_points_come_from_net_sales_in_thousandths() -> None:
    levels = tiers(
        "points", "life", 0, 50_000, points={"milli_per_100": {"sourced": 5_000}}
    )

    line = line_of(levels, [sale("a", "2026-01-01", 100_000)])

    assert (line.final.value, line.final.level.key) == (50_000, "l1")


def test_moves_of_one_moment_are_one_move() -> None:
    levels = tiers("net_sales", "month", 0, 500, 1_000)
    sales = [sale("a", "2026-01-05", 500), sale("b", "2026-01-06", 500)]

    line = line_of(levels, sales, until="2026-03-01")

    assert moves(line) == [
        ("2026-01-05", "l1", ChangeReason.SALE),
        ("2026-01-06", "l2", ChangeReason.SALE),
        ("2026-02-01", "l0", ChangeReason.WINDOW),
    ]


def test_leaving_and_reaching_a_level_at_one_moment_is_no_move() -> None:
    levels = tiers("net_sales", "month", 0, 500)
    sales = [sale("a", "2026-01-05", 500), sale("b", "2026-02-01", 500)]

    line = line_of(levels, sales, until="2026-02-10")

    assert moves(line) == [("2026-01-05", "l1", ChangeReason.SALE)]


def points_of(*sales: SaleFact) -> int:
    return line_of(tiers("points", "life", 0, points=POINTS), [*sales]).final.value


@pytest.mark.parametrize(
    ("source", "home", "growth"),
    [
        ("sourced", 50_000, 100_000),
        ("assisted", 30_000, 60_000),
        ("managed", 10_000, 20_000),
    ],
)
def test_points_depend_on_what_the_partner_did_and_on_the_market(
    source: str, home: int, growth: int
) -> None:
    def of(country: str | None) -> int:
        return points_of(
            sale("a", "2026-01-01", 100_000, source=source, country=country)
        )

    assert (of(None), of("US"), of("BR")) == (home, home, growth)


def test_points_of_all_sources_add_up() -> None:
    sales = [
        sale("a", "2026-01-01", 65_000),
        sale("b", "2026-01-02", 125_000, source="assisted"),
        sale("c", "2026-01-03", 900_000, source="managed"),
    ]

    assert points_of(*sales) == 160_000


def test_points_in_another_currency_follow_its_own_hundred() -> None:
    assert points_of(sale("a", "2026-01-01", 8_800, currency="EUR")) == 5_000
    assert points_of(sale("a", "2026-01-01", 14_400, currency="JPY")) == 5_000
    assert points_of(sale("a", "2026-01-01", 99_999, currency="GBP")) == 0


def test_fractions_of_points_add_up_before_they_are_cut() -> None:
    cents = [
        sale(f"s{n}", f"2026-01-{n:02}", 1, currency=currency)
        for n, currency in enumerate(["USD", "EUR", "USD", "EUR"], start=1)
    ]

    # 2 x 0.5 + 2 x 5000/8800 thousandths are 2.13; cut one by one they are 0.
    assert points_of(*cents) == 2


def test_a_source_without_points_brings_none() -> None:
    levels = tiers("points", "life", 0, points={"milli_per_100": {"sourced": 5_000}})

    line = line_of(levels, [sale("a", "2026-01-01", 100_000, source="managed")])

    assert line.final.value == 0


def test_a_level_may_need_points_from_own_customers_besides_all_points() -> None:
    need = {"metric": "sourced_points", "at_least": 20_000}
    levels = tiers("points", "life", 0, 50_000, points=POINTS, l1={"requires": [need]})
    managed = sale("a", "2026-01-01", 1_000_000, source="managed")
    own = sale("b", "2026-01-02", 40_000)

    line = line_of(levels, [managed, own])

    assert [line.at_sale[key(n)].level.key for n in "ab"] == ["l0", "l1"]


def marketplace() -> Tiers:
    """The app marketplace of section 3: revenue, rating (tenths), hours to answer."""
    return tiers(
        "net_sales",
        "rolling_12_months",
        0,
        7_500_000,
        30_000_000,
        100_000_000,
        l1={"requires": [_rating(40), _hours(48)]},
        l2={"requires": [_rating(40), _hours(24)]},
        l3={"requires": [_rating(45), _hours(24)]},
    )


def _rating(at_least: int) -> dict[str, object]:
    return {"metric": "fact", "fact": "rating", "at_least": at_least}


def _hours(below: int) -> dict[str, object]:
    return {"metric": "fact", "fact": "answer-hours", "below": below}


@pytest.mark.parametrize(
    ("rating", "hours", "level"),
    [(44, 12, "l2"), (45, 23, "l3"), (45, 24, "l1"), (45, 48, "l0"), (39, 12, "l0")],
)
def test_all_requirements_must_hold_whatever_the_sales(
    rating: int, hours: int, level: str
) -> None:
    facts = (
        recorded("rating", "2026-01-01", rating),
        recorded("answer-hours", "2026-01-01", hours),
    )

    line = line_of(marketplace(), [sale("a", "2026-02-01", 120_000_000)], facts=facts)

    assert line.at_sale[key("a")].level.key == level


def test_a_fact_that_nobody_recorded_is_not_met_either_way() -> None:
    line = line_of(marketplace(), [sale("a", "2026-02-01", 120_000_000)])

    assert line.final.level.key == "l0"


def test_a_recorded_fact_moves_from_its_moment_on_and_the_highest_counts() -> None:
    levels = tiers("net_sales", "life", 0, 0, l1={"requires": [_rating(40)]})
    facts = (
        recorded("rating", "2026-03-01", 40),
        recorded("rating", "2026-05-01", 45),
        recorded("rating", "2026-05-01", 10),
        recorded("rating", "2026-06-01", 39),
    )

    line = line_of(levels, [], facts=facts)

    assert moves(line) == [
        ("2026-03-01", "l1", ChangeReason.FACT),
        ("2026-06-01", "l0", ChangeReason.FACT),
    ]
    assert line.reading.facts == {"rating": 39}


def test_the_highest_level_is_earned_even_if_one_below_it_is_not() -> None:
    levels = tiers("net_sales", "life", 0, 100, 200, l1={"requires": [_rating(40)]})

    line = line_of(levels, [sale("a", "2026-01-01", 200)])

    assert line.final.level.key == "l2"


def test_a_level_can_ask_for_a_second_count() -> None:
    need = {"metric": "new_customers", "at_least": 2}
    levels = tiers("net_sales", "life", 0, 100, l1={"requires": [need]})
    sales = [
        sale("a", "2026-01-01", 500, customer="a"),
        sale("b", "2026-01-02", 1, customer="b"),
    ]

    line = line_of(levels, sales)

    assert [line.at_sale[key(n)].level.key for n in "ab"] == ["l0", "l1"]


def test_only_sales_count_not_leads_or_clicks() -> None:
    levels = tiers("new_customers", "month", 0, 1)
    lead = sale("lead", "2026-01-01", 5_000, trigger=Trigger.LEAD)
    bought = sale("sale", "2026-01-02", 5_000)

    line = line_of(levels, [lead, bought])

    assert [line.at_sale[key(n)].level.key for n in ("lead", "sale")] == ["l0", "l1"]


@pytest.mark.parametrize(
    ("limit", "expected"), [("at_least", "l1"), ("more_than", "l0")]
)
def test_whether_exactly_the_limit_is_enough_the_program_says(
    limit: str, expected: str
) -> None:
    levels = tiers("net_sales", "life", 0, 1_000, limit=limit)
    sales = [sale("a", "2026-01-01", 1_000), sale("b", "2026-01-02", 1)]

    line = line_of(levels, sales)

    assert line.at_sale[key("a")].level.key == expected
    assert line.at_sale[key("b")].level.key == "l1"


def test_where_the_tier_counts_from_the_next_sale_this_one_is_rated_before_it() -> None:
    levels = tiers("net_sales", "life", 0, 1_000, counts_from="next_sale")
    sales = [sale("a", "2026-01-01", 1_000), sale("b", "2026-01-01", 1)]

    line = line_of(levels, sales)

    assert [(line.at_sale[key(n)].level.key) for n in "ab"] == ["l0", "l1"]
    assert line.at_sale[key("b")].value == 1_000
    assert moves(line) == [("2026-01-01", "l1", ChangeReason.SALE)]


# Dates


def ladder(**more: object) -> Tiers:
    """Partner, Gold, Platinum, Diamond by sales of the month."""
    return tiers("net_sales", "month", 0, 100, 200, 300, **more)


HALF_YEARLY = {"when": "dates", "dates": ["01-15", "07-15"], "look_back_months": 6}


def test_row_1_15_a_date_keeps_the_best_level_met_in_any_month_before() -> None:
    met = [100, 200, 100, 100, 100, 100]  # January to June: Gold, Platinum, Gold ...
    sales = [sale("credited", "2025-12-10", 300)] + [
        sale(f"m{month}", f"2026-{month:02}-10", net)
        for month, net in enumerate(met, start=1)
    ]
    # What was credited before is looked at on 15 January and kept then.
    line = line_of(ladder(demote=HALF_YEARLY), sales, until="2026-07-20")

    assert moves(line) == [
        ("2025-12-10", "l3", ChangeReason.SALE),
        ("2026-07-15", "l2", ChangeReason.DATE),
    ]


def test_the_month_of_the_date_itself_counts_as_it_stands() -> None:
    sales = [sale("a", "2026-01-20", 300), sale("b", "2026-07-10", 200)]

    line = line_of(
        ladder(demote=HALF_YEARLY | {"look_back_months": 1}),
        sales,
        until="2026-07-20",
    )

    assert moves(line)[-1] == ("2026-07-15", "l2", ChangeReason.DATE)


def test_a_date_never_moves_down_further_than_what_is_earned_nor_up() -> None:
    levels = ladder(
        promote={"when": "dates", "dates": ["12-01"]},
        demote=HALF_YEARLY,
    )

    line = line_of(levels, [sale("a", "2026-07-10", 300)], until="2026-07-31")

    assert moves(line) == []
    assert line.earned.key == "l3"


@pytest.mark.parametrize(("rating", "level"), [(4_400, "gold"), (4_500, "platinum")])
def test_row_3_5_a_rating_of_4_4_is_gold_whatever_the_sales(
    rating: int, level: str
) -> None:
    levels = preset("monday-partner").tiers
    assert levels is not None
    facts = (
        recorded("rating-thousandths", "2025-01-10", rating),
        recorded("answer-hours", "2025-01-10", 12),
        recorded("security-questionnaire", "2025-01-10", 1),
        recorded("success-story", "2025-01-10", 1),
    )

    line = line_of(
        levels,
        [sale("a", "2025-02-10", 120_000_000)],
        facts=facts,
        until="2025-04-01",
    )

    assert line.final.level.key == level


def test_row_5_5_a_score_that_falls_keeps_its_level_until_the_yearly_date() -> None:
    levels = preset("salesforce-consulting").tiers
    assert levels is not None
    facts = (recorded("score", "2025-02-10", 760), recorded("score", "2025-06-10", 480))

    line = line_of(levels, [], facts=facts, until="2026-12-31")

    assert moves(line) == [
        ("2025-03-01", "summit", ChangeReason.DATE),
        ("2026-03-01", "ridge", ChangeReason.DATE),
    ]


def test_dates_begin_at_midnight_in_the_programs_zone() -> None:
    levels = tiers(
        "net_sales", "life", 0, 100, promote={"when": "dates", "dates": ["07-15"]}
    )
    sales = [
        sale("a", "2026-07-14 21:59:59", 100),
        sale("b", "2026-07-14 22:00:00", 1),
    ]

    line = line_of(levels, sales, zone=BERLIN, until="2026-08-01")

    assert line.changes[0].from_at == at("2026-07-14 22:00")
    assert [line.at_sale[key(n)].level.key for n in "ab"] == ["l0", "l1"]


def test_who_never_falls_keeps_the_level() -> None:
    line = line_of(
        ladder(demote={"when": "never"}),
        [sale("a", "2026-01-01", 200)],
        until="2030-01-01",
    )

    assert moves(line) == [("2026-01-01", "l2", ChangeReason.SALE)]
    assert line.earned.key == "l0"


def test_a_story_without_an_end_takes_in_the_dates_after_the_last_event() -> None:
    line = line_of(ladder(demote=HALF_YEARLY), [sale("a", "2026-01-20", 300)])

    assert moves(line)[-1] == ("2027-01-15", "l0", ChangeReason.DATE)


def test_without_anything_that_happened_there_are_no_dates() -> None:
    line = line_of(ladder(demote=HALF_YEARLY), [])

    assert (line.changes, line.final.level.key) == ((), "l0")


# Duty


def with_duty(move_to: str | None, **more: object) -> Tiers:
    duty = {"level": "l2", "within_months": 24, "move_to": move_to}
    return tiers("net_sales", "life", 0, 100, 200, 300, duty=duty, **more)


def test_who_misses_the_duty_is_moved_when_the_time_is_over() -> None:
    sales = [sale("a", "2026-01-01", 150), sale("b", "2028-05-01", 10)]

    line = line_of(with_duty("l0"), sales, joined="2026-01-31")

    assert moves(line) == [
        ("2026-01-01", "l1", ChangeReason.SALE),
        ("2028-01-31", "l0", ChangeReason.DUTY),
    ]
    assert not line.is_duty_done


def test_who_reaches_the_level_of_the_duty_later_is_free_of_it() -> None:
    sales = [sale("a", "2028-05-01", 200)]
    back = [refund("r", sales[0], "2028-06-01", 80)]

    line = line_of(with_duty("l0"), sales, back, joined="2026-01-31")

    assert moves(line) == [
        ("2028-05-01", "l2", ChangeReason.SALE),
        ("2028-06-01", "l1", ChangeReason.REFUND),
    ]


def test_who_reached_the_level_once_has_done_the_duty() -> None:
    sold = sale("a", "2026-03-01", 200)

    line = line_of(
        with_duty("l0"),
        [sold],
        [refund("r", sold, "2026-04-01", 80)],
        joined="2026-01-31",
    )

    assert line.is_duty_done
    assert moves(line)[-1] == ("2026-04-01", "l1", ChangeReason.REFUND)


def test_the_membership_ends_where_the_duty_says_so_and_nothing_moves_after() -> None:
    sales = [sale("a", "2026-01-01", 150), sale("b", "2028-05-01", 900)]
    overrides = (by_hand("l3", "2028-06-01"),)

    line = line_of(
        with_duty(None, demote=HALF_YEARLY),
        sales,
        joined="2026-01-31",
        overrides=overrides,
    )

    assert line.ends_at == at("2028-01-31")
    assert moves(line) == [("2026-01-01", "l1", ChangeReason.SALE)]
    assert line.at_sale[key("b")].level.key == "l1"
    assert line.override is None


def test_a_duty_without_a_day_of_joining_is_not_due() -> None:
    line = line_of(with_duty(None), [sale("a", "2026-01-01", 150)], until="2090-01-01")

    assert line.ends_at is None


def test_a_duty_to_hold_the_lowest_level_is_done_from_the_start() -> None:
    duty = {"level": "l0", "within_months": 1}

    line = line_of(tiers("net_sales", "life", 0, duty=duty), [], joined="2026-01-01")

    assert (line.is_duty_done, line.ends_at) == (True, None)


def test_a_level_set_by_hand_does_the_duty_too() -> None:
    line = line_of(
        with_duty(None),
        [],
        joined="2026-01-01",
        overrides=(by_hand("l2", "2027-01-01", "2027-02-01"),),
    )

    assert (line.is_duty_done, line.ends_at) == (True, None)


# By hand


def test_a_level_set_by_hand_wins_while_it_holds() -> None:
    levels = tiers("net_sales", "life", 0, 100, 200, 300)
    sales = [sale("a", "2026-02-10", 250), sale("b", "2026-03-10", 1)]

    line = line_of(
        levels, sales, overrides=(by_hand("l3", "2026-02-01", "2026-03-01"),)
    )

    assert moves(line) == [
        ("2026-02-01", "l3", ChangeReason.OVERRIDE),
        ("2026-03-01", "l2", ChangeReason.OVERRIDE),
    ]
    assert [line.at_sale[key(n)].level.key for n in "ab"] == ["l3", "l2"]


def test_of_several_set_by_hand_the_latest_holds_and_unknown_levels_never() -> None:
    levels = tiers("net_sales", "life", 0, 100, 200, 300)
    overrides = (
        by_hand("l1", "2026-01-01"),
        by_hand("l2", "2026-02-01", "2026-03-01"),
        by_hand("bygone", "2026-04-01"),
    )

    line = line_of(levels, [], overrides=overrides)

    assert [(day, level) for day, level, _ in moves(line)] == [
        ("2026-01-01", "l1"),
        ("2026-02-01", "l2"),
        ("2026-03-01", "l1"),
    ]
    assert line.override == overrides[0]


def test_what_is_met_from_the_first_day_on_is_held_from_joining_on() -> None:
    need = {"metric": "net_sales", "below": 100}
    levels = tiers("new_customers", "life", 0, 0, l1={"requires": [need]})

    line = line_of(levels, [], joined="2026-01-01")

    assert moves(line) == [("2026-01-01", "l1", ChangeReason.START)]


def test_the_presets_level_of_a_known_partner_is_as_before() -> None:
    tiers = preset("hubspot-solutions-partner").tiers
    assert tiers is not None

    line = line_of(tiers, [sale("a", "2026-01-01", 246_000)])

    standing = line.at_sale[key("a")]
    assert (standing.value, standing.level.key) == (123_000, "gold")
