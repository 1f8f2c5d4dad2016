from zoneinfo import ZoneInfo

import pytest

from portal.programs.definition import Tiers
from portal.programs.documents import preset
from portal.tiers.facts import RefundFact, SaleFact, in_order
from portal.tiers.rules import ChangeReason, Timeline, progress, timeline
from tests.commissions.facts import at, definition, key, refund, rule, sale

UTC = ZoneInfo("UTC")


def tiers(metric: str, window: str, *bounds: int, **more: object) -> Tiers:
    levels = [
        {"key": f"l{number}", "name": f"Level {number}", "from_value": bound}
        for number, bound in enumerate(bounds)
    ]
    return Tiers.model_validate(
        {"metric": metric, "window": window, "levels": levels, **more}
    )


def line_of(
    levels: Tiers,
    sales: list[SaleFact],
    refunds: list[RefundFact] | None = None,
    until: str | None = None,
) -> Timeline:
    return timeline(
        levels,
        in_order(sales, refunds or []),
        currency="USD",
        zone=UTC,
        until=at(until) if until else None,
    )


def moves(line: Timeline) -> list[tuple[str, str, ChangeReason]]:
    return [
        (f"{change.from_at:%Y-%m-%d}", change.level.key, change.reason)
        for change in line.changes
    ]


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
    levels = tiers("points", "life", 0, 50_000, milli_points_per_100=5_000)

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


def test_progress_says_what_is_missing_and_what_the_next_level_is_worth() -> None:
    program = preset("monday-affiliate")

    at_five, at_top = progress(program, 5), progress(program, 40)

    assert at_five is not None
    assert at_five.next_level is not None
    assert (at_five.level.key, at_five.next_level.key) == ("starter", "growth")
    assert (at_five.target, at_five.missing) == (6, 1)
    assert [(w.rate_bps, w.next_rate_bps) for w in at_five.worth] == [(2_500, 5_000)]
    assert at_top is not None
    assert (at_top.next_level, at_top.missing, at_top.worth) == (None, 0, ())


def test_rules_without_a_rate_by_level_are_not_worth_more_on_the_next() -> None:
    found = progress(preset("hubspot-solutions-partner"), 0)

    assert found is not None
    assert found.worth == ()


def test_a_program_without_tiers_has_no_progress() -> None:
    assert progress(definition(tiers=None, rules=[rule()]), 5) is None
