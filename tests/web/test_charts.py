import pytest

from portal.web.charts import (
    Column,
    StackedColumns,
    Step,
    bridge,
    nice_ceiling,
    stacked_columns,
)


def chart_of(*values: tuple[int, ...], rtl: bool = False) -> StackedColumns:
    columns = [Column(f"M{index}", value) for index, value in enumerate(values)]
    return stacked_columns(
        columns,
        series=[f"S{index}" for index in range(len(values[0]) if values else 1)],
        first_column="Month",
        show=str,
        right_to_left=rtl,
    )


def number(text: str) -> float:
    return float(text.rstrip("%"))


def test_parts_of_a_column_stand_on_each_other() -> None:
    first, second = chart_of((60, 40)).bars

    assert number(second.y) + number(second.height) == pytest.approx(number(first.y))
    assert first.height == "100.8"  # 60 of 100 on 168 pixels
    assert (first.series, second.series) == (1, 2)
    assert first.title == "M0, S0: 60"


def test_what_was_taken_back_hangs_below_zero() -> None:
    chart = chart_of((100, -50))
    zero = next(tick for tick in chart.ticks if tick.is_zero)

    assert number(chart.bars[0].y) < number(zero.y)
    assert chart.bars[1].y == zero.y
    assert [tick.label for tick in chart.ticks] == ["100", "50", "0", "-50"]


def test_numbers_that_would_touch_are_left_out() -> None:
    assert [tick.label for tick in chart_of((1000, -10)).ticks][-1] == ""


def test_columns_are_mirrored_where_text_runs_from_the_right() -> None:
    left, right = chart_of((1,), (2,)), chart_of((1,), (2,), rtl=True)

    assert number(left.bars[0].x) < number(left.bars[1].x)
    assert number(right.bars[0].x) > number(right.bars[1].x)
    assert left.plot_start == "13.00%"
    assert right.plot_end == "87.00%"


def test_empty_parts_are_not_drawn_and_the_table_says_everything() -> None:
    chart = chart_of((0, 5), (3, 0))

    assert len(chart.bars) == 2
    assert chart.rows == (("M0", "0", "5"), ("M1", "3", "0"))
    assert chart.first_column == "Month"


def test_every_other_label_of_many_makes_room_on_a_phone() -> None:
    labels = chart_of(*[(n,) for n in range(12)]).labels

    assert [label.is_spare for label in labels[-3:]] == [False, True, False]
    assert not any(label.is_spare for label in chart_of((1,), (2,)).labels)


def test_nothing_at_all_still_makes_a_chart() -> None:
    assert chart_of().bars == ()
    assert chart_of((0,)).bars == ()
    assert chart_of((-4,)).ticks[0].is_zero


def test_more_than_three_series_are_refused() -> None:
    with pytest.raises(ValueError, match="4 series"):
        chart_of((1, 2, 3, 4))
    with pytest.raises(ValueError, match="one value per series"):
        stacked_columns(
            [Column("M", (1,))], series=["A", "B"], first_column="", show=str
        )


@pytest.mark.parametrize(
    ("value", "ceiling"),
    [(0, 2), (1, 2), (3, 4), (10, 10), (11, 12), (99, 100), (133_040, 160_000)],
)
def test_axis_ends_at_a_number_people_read_easily(value: int, ceiling: int) -> None:
    assert nice_ceiling(value) == ceiling


def test_every_axis_covers_its_value_and_has_a_middle() -> None:
    for value in [*range(500), 10**12 + 1]:
        assert value <= nice_ceiling(value) <= max(2 * value, 2)
        assert nice_ceiling(value) % 2 == 0


def test_bridge_leads_from_opening_to_closing() -> None:
    chart = bridge(
        [
            Step("Opening", 100, is_total=True),
            Step("Earned", 50),
            Step("Paid", -120),
            Step("Closing", 30, is_total=True),
        ],
        header=("Step", "Amount"),
        show=str,
    )
    opening, earned, paid, closing = chart.bars

    assert [bar.kind for bar in chart.bars] == ["total", "up", "down", "total"]
    assert number(earned.y) + number(earned.height) == pytest.approx(number(opening.y))
    assert paid.y == earned.y
    assert number(paid.y) + number(paid.height) == pytest.approx(number(closing.y))
    assert len(chart.links) == 3
    assert all(number(link.x1) < number(link.x2) for link in chart.links)
    assert chart.rows[2] == ("Paid", "-120")


def test_bridge_refuses_a_closing_that_does_not_follow() -> None:
    with pytest.raises(ValueError, match="Closing is 31, the steps make 30"):
        bridge(
            [Step("Opening", 30, is_total=True), Step("Closing", 31, is_total=True)],
            header=("Step", "Amount"),
            show=str,
        )
