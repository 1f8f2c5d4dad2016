from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.attribution.rules import (
    Candidate,
    LossReason,
    as_data,
    decide,
    from_data,
    one_program_wins,
)
from tests.commissions.facts import at, key

CAME = at("2026-03-01 09:00:00")


def click(
    name: str, when: str = "2026-02-20", refused: LossReason | None = None
) -> Candidate:
    return Candidate(
        click_id=key(name),
        link_id=key("link"),
        enrollment_id=key("enrollment"),
        clicked_at=at(when),
        refused=refused,
    )


def test_the_last_click_wins_and_the_older_one_loses_for_being_older() -> None:
    older, later = click("older", "2026-02-01"), click("later", "2026-02-20")

    decision = decide([older, later], window_days=90, converted_at=CAME)

    assert decision.winner == later
    assert [(lost.candidate, lost.reason) for lost in decision.losers] == [
        (older, LossReason.OLDER_CLICK)
    ]


def test_the_order_in_which_clicks_are_given_changes_nothing() -> None:
    clicks = [
        click("a", "2026-02-01"),
        click("b"),
        click("c"),
        click("d", "2025-01-01"),
    ]

    decisions = {
        repr(decide(order, window_days=30, converted_at=CAME))
        for order in permutations(clicks)
    }

    assert len(decisions) == 1


@given(seconds=st.integers(-3, 3))
def test_the_window_is_exact_to_the_second(seconds: int) -> None:
    candidate = click("a", "2026-01-01 09:00:00")
    converted_at = candidate.clicked_at + timedelta(days=30, seconds=seconds)

    decision = decide([candidate], window_days=30, converted_at=converted_at)

    assert (decision.winner is not None) == (seconds <= 0)


def test_a_click_outside_the_window_loses_for_that() -> None:
    decision = decide([click("a", "2025-01-01")], window_days=30, converted_at=CAME)

    assert decision.winner is None
    assert decision.losers[0].reason is LossReason.OUTSIDE_WINDOW


def test_a_click_in_the_second_of_the_sign_up_counts_and_a_later_one_does_not() -> None:
    same = click("a", "2026-03-01 09:00:00.700")
    later = click("b", "2026-03-01 09:00:01")

    decision = decide([same, later], window_days=30, converted_at=CAME)

    assert decision.winner == same
    assert decision.losers[0].reason is LossReason.AFTER_CONVERSION


@pytest.mark.parametrize("reason", list(LossReason))
def test_a_refused_click_loses_with_its_reason_and_an_older_one_wins(
    reason: LossReason,
) -> None:
    good = click("good", "2026-02-01")

    decision = decide(
        [click("bad", refused=reason), good], window_days=90, converted_at=CAME
    )

    assert decision.winner == good
    assert decision.losers[0].reason is reason


def test_a_decision_survives_being_written_down() -> None:
    decision = decide(
        [click("a"), click("b", "2026-02-01")], window_days=90, converted_at=CAME
    )
    nothing = decide([], window_days=90, converted_at=CAME)

    assert from_data(as_data(decision)) == decision
    assert from_data(as_data(nothing)) == nothing


def test_a_decision_says_in_a_sentence_what_it_rests_on() -> None:
    won = decide([click("a")], window_days=90, converted_at=CAME)
    lost = decide([], window_days=90, converted_at=CAME)

    assert won.sentence == (
        "The last click before the customer came on 2026-03-01 09:00:00 UTC was on "
        "2026-02-20 00:00:00 UTC, within the window of 90 days."
    )
    assert lost.sentence.startswith("No click counts for the customer who came on")


def test_a_customer_earns_in_the_program_that_was_clicked_last() -> None:
    first, second, third = key("p1"), key("p2"), key("p3")
    decisions = {
        first: decide(
            [click("old", "2026-01-01"), click("older", "2025-12-30")],
            window_days=90,
            converted_at=CAME,
        ),
        second: decide([click("new", "2026-02-01")], window_days=90, converted_at=CAME),
        third: decide([], window_days=90, converted_at=CAME),
    }

    settled = one_program_wins(decisions)

    assert settled[second] == decisions[second]
    assert settled[first].winner is None
    assert [lost.reason for lost in settled[first].losers] == [
        LossReason.OTHER_PROGRAM,
        LossReason.OLDER_CLICK,
    ]
    assert settled[third] == decisions[third]


def test_without_any_winner_no_program_wins() -> None:
    decisions = {key("p"): decide([], window_days=90, converted_at=CAME)}

    assert one_program_wins(decisions) == decisions
