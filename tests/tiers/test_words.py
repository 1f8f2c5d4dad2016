from collections.abc import Iterator

import pytest
from flask import Flask

from portal.programs.definition import TierMetric, TierWindow
from portal.tiers import wording
from portal.tiers.progress import Need
from portal.tiers.rules import ChangeReason
from tests.tiers.facts import at, program, tiers
from tests.tiers.test_progress import by_levels

LOOKING_BACK = (
    "What was met at the end of any of the 6 months before still counts then."
)


@pytest.fixture(autouse=True)
def in_a_request(app: Flask) -> Iterator[None]:
    with app.test_request_context():
        yield


def need(**parts: object) -> Need:
    given: dict = {
        "metric": TierMetric.FACT,
        "fact": "answer-hours",
        "limit": 48,
        "is_below": True,
        "value": 50,
        "is_met": False,
        **parts,
    }
    return Need(**given)


def test_every_metric_window_and_reason_has_words() -> None:
    assert set(wording.METRICS) == set(TierMetric)
    assert set(wording.WINDOWS) == set(TierWindow)
    assert set(wording.REASONS) == set(ChangeReason)


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("new_customers", 1, "1 customer"),
        ("net_sales", 120_000, "$1,200.00"),
        ("points", 312_500, "312.5 points"),
        ("sourced_points", 5_000, "5 points"),
        ("fact", 1_234, "1,234"),
    ],
)
def test_values_are_said_in_their_own_unit(
    metric: str, value: int, expected: str
) -> None:
    assert wording.metric_text(program(), TierMetric(metric), value) == expected


def test_a_history_of_a_program_without_tiers_shows_amounts() -> None:
    assert wording.value_text(by_levels(None), 100) == "$1.00"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, "Answer hours: less than 48, now 50"),
        ({"value": None}, "Answer hours: less than 48, now not recorded yet"),
        (
            {"fact": "certifications", "is_below": False, "limit": 2, "value": 1},
            "Certificates held: 2 or more, now 1",
        ),
        (
            {
                "metric": TierMetric.SOURCED_POINTS,
                "fact": None,
                "is_below": False,
                "limit": 5_000,
                "value": 1_000,
            },
            "4 points from own customers",
        ),
    ],
)
def test_what_is_missing_is_said_with_its_limit(parts: dict, expected: str) -> None:
    assert wording.missing_text(program(), need(**parts)) == expected


def test_the_last_day_is_the_one_before_the_end() -> None:
    assert str(wording.last_day_of(by_levels(None), at("2026-03-01"))) == "2026-02-28"


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (
            {},
            [
                "Partners move up as soon as they meet everything for a tier.",
                "Partners move down as soon as they meet a tier no longer.",
            ],
        ),
        (
            {
                "promote": {"when": "dates", "dates": ["07-15", "01-15"]},
                "demote": {"when": "never"},
            },
            [
                "Partners move up on January 15 and July 15.",
                "A tier that was reached is kept.",
            ],
        ),
        (
            {"demote": {"when": "dates", "dates": ["03-01"], "look_back_months": 6}},
            [
                "Partners move up as soon as they meet everything for a tier.",
                "Partners move down only on March 1.",
                LOOKING_BACK,
            ],
        ),
    ],
)
def test_when_partners_move_is_said_in_sentences(
    policies: dict, expected: list[str]
) -> None:
    definition = by_levels(tiers("net_sales", "life", 0, 100, **policies))

    assert wording.moving(definition) == expected


def test_without_tiers_nobody_moves() -> None:
    assert wording.moving(by_levels(None)) == []
