from datetime import timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.attribution.records import as_data, from_data
from portal.attribution.rules import (
    Candidate,
    Decision,
    LossReason,
    decide,
    one_program_wins,
)
from portal.programs.definition import CreditModel
from tests.commissions.facts import at, key

CAME = at("2026-03-01 09:00:00")


def click(
    name: str,
    when: str = "2026-02-20",
    refused: LossReason | None = None,
    owner: str = "enrollment",
) -> Candidate:
    return Candidate(
        click_id=key(name),
        link_id=key(f"link of {owner}"),
        enrollment_id=key(owner),
        clicked_at=at(when),
        refused=refused,
    )


def path(owners: str) -> list[Candidate]:
    """One click a day, each on a link of the owner that the letter names."""
    return [
        click(f"{day}{owner}", f"2026-02-{day:02}", owner=owner)
        for day, owner in enumerate(owners, 1)
    ]


def by(model: CreditModel, owners: str) -> Decision:
    return decide(path(owners), window_days=90, converted_at=CAME, model=model)


def shares(decision: Decision, owners: str) -> dict[str, tuple[int, int]]:
    """The weight of each owner in the path, with what the weights add up to."""
    return {
        owner: (decision.weight_of(key(owner)), decision.of_weight)
        for owner in sorted(set(owners))
    }


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
    for model in CreditModel:
        assert from_data(as_data(by(model, "abcab"))) == by(model, "abcab")


def test_a_decision_says_in_a_sentence_what_it_rests_on() -> None:
    won = decide([click("a")], window_days=90, converted_at=CAME)
    lost = decide([], window_days=90, converted_at=CAME)

    assert won.sentence == (
        "The last click before the customer came on 2026-03-01 09:00:00 UTC was on "
        "2026-02-20 00:00:00 UTC, within the window of 90 days."
    )
    assert lost.sentence == (
        "No click counts for the customer who came on 2026-03-01 09:00:00 UTC: none "
        "was valid and within 90 days before."
    )


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
    assert settled[first].sentence == (
        "No click counts for the customer who came on 2026-03-01 09:00:00 UTC: a later "
        "one led to another program, and a customer earns in one."
    )


def test_without_any_winner_no_program_wins() -> None:
    decisions = {key("p"): decide([], window_days=90, converted_at=CAME)}

    assert one_program_wins(decisions) == decisions


@pytest.mark.parametrize(
    ("model", "owners", "expected"),
    [
        (CreditModel.LAST_CLICK, "abc", {"a": (0, 1), "b": (0, 1), "c": (1, 1)}),
        (CreditModel.FIRST_CLICK, "abc", {"a": (1, 1), "b": (0, 1), "c": (0, 1)}),
        (CreditModel.LINEAR, "abc", {"a": (1, 3), "b": (1, 3), "c": (1, 3)}),
        (CreditModel.LINEAR, "aab", {"a": (1, 2), "b": (1, 2)}),
        (CreditModel.LINEAR, "aaa", {"a": (1, 1)}),
        (CreditModel.POSITION, "a", {"a": (1, 1)}),
        (CreditModel.POSITION, "aa", {"a": (1, 1)}),
        (CreditModel.POSITION, "ab", {"a": (1, 2), "b": (1, 2)}),
        (CreditModel.POSITION, "abc", {"a": (2, 5), "b": (1, 5), "c": (2, 5)}),
        (
            CreditModel.POSITION,
            "abcd",
            {"a": (4, 10), "b": (1, 10), "c": (1, 10), "d": (4, 10)},
        ),
        (CreditModel.POSITION, "abbc", {"a": (2, 5), "b": (1, 5), "c": (2, 5)}),
        (CreditModel.POSITION, "aba", {"a": (4, 5), "b": (1, 5)}),
        (CreditModel.POSITION, "aab", {"a": (3, 5), "b": (2, 5)}),
        (CreditModel.POSITION, "aaa", {"a": (1, 1)}),
    ],
)
def test_a_model_says_who_gets_how_much(
    model: CreditModel, owners: str, expected: dict[str, tuple[int, int]]
) -> None:
    assert shares(by(model, owners), owners) == expected


def test_without_a_model_the_last_click_decides() -> None:
    decision = decide(path("ab"), window_days=90, converted_at=CAME)

    assert decision.model is CreditModel.LAST_CLICK
    assert shares(decision, "ab") == {"a": (0, 1), "b": (1, 1)}


@pytest.mark.parametrize("model", list(CreditModel))
def test_a_click_that_does_not_count_has_no_part_in_any_model(
    model: CreditModel,
) -> None:
    clicks = [
        *path("a"),
        click("bot", "2026-02-10", LossReason.BOT, owner="b"),
        click("early", "2025-01-01", owner="b"),
        click("late", "2026-03-02", owner="b"),
    ]

    decision = decide(clicks, window_days=90, converted_at=CAME, model=model)

    assert shares(decision, "ab") == {"a": (1, 1), "b": (0, 1)}
    assert [lost.reason for lost in decision.losers] == [
        LossReason.AFTER_CONVERSION,
        LossReason.BOT,
        LossReason.OUTSIDE_WINDOW,
    ]


def test_a_later_click_loses_against_the_first_one_with_its_reason() -> None:
    decision = by(CreditModel.FIRST_CLICK, "abc")

    assert decision.winner == path("a")[0]
    assert {lost.reason for lost in decision.losers} == {LossReason.NEWER_CLICK}


def test_a_winner_has_its_own_clicks_latest_first() -> None:
    decision = by(CreditModel.LINEAR, "abab")

    clicks = path("abab")
    found = {winner.enrollment_id: winner.clicks for winner in decision.winners}
    assert found[key("a")] == (clicks[2], clicks[0])
    assert found[key("b")] == (clicks[3], clicks[1])
    assert decision.winner == clicks[3]
    assert decision.candidates == tuple(reversed(clicks))


@given(
    owners=st.text("abcde", max_size=9),
    model=st.sampled_from(CreditModel),
    order=st.randoms(use_true_random=False),
)
def test_weights_add_up_and_the_order_of_clicks_changes_nothing(
    owners: str, model: CreditModel, order: Random
) -> None:
    clicks = path(owners)
    order.shuffle(clicks)

    decision = decide(clicks, window_days=90, converted_at=CAME, model=model)

    assert decision == by(model, owners)
    assert sum(won.weight for won in decision.winners) == (
        decision.of_weight if owners else 0
    )
    assert all(won.weight > 0 for won in decision.winners)
    assert len(decision.winners) <= (len(set(owners)) if model.splits else 1)
    assert sorted(decision.candidates, key=lambda one: one.clicked_at) == path(owners)


@pytest.mark.parametrize(
    ("model", "owners", "sentence"),
    [
        (
            CreditModel.FIRST_CLICK,
            "ab",
            (
                "The first click in the 90 days before the customer came on 2026-03-01 "
                "09:00:00 UTC was on 2026-02-01 00:00:00 UTC."
            ),
        ),
        (
            CreditModel.LINEAR,
            "aa",
            (
                "Every click that counts in the 90 days before the customer came on "
                "2026-03-01 09:00:00 UTC led through the same partner."
            ),
        ),
        (
            CreditModel.LINEAR,
            "abc",
            (
                "3 partners led to the customer in the 90 days before it came on "
                "2026-03-01 09:00:00 UTC. They share it in equal parts."
            ),
        ),
        (
            CreditModel.POSITION,
            "abc",
            (
                "3 partners led to the customer in the 90 days before it came on "
                "2026-03-01 09:00:00 UTC. The first and the last click bring the same "
                "part; those between share the rest."
            ),
        ),
    ],
)
def test_the_sentence_follows_the_model(
    model: CreditModel, owners: str, sentence: str
) -> None:
    assert by(model, owners).sentence == sentence


def test_the_last_click_that_counts_chooses_the_program_in_every_model() -> None:
    """The first click wins its program, but a later one of the same program counts."""
    first, second = key("p1"), key("p2")
    decisions = {
        first: decide(
            [click("1", "2026-02-01", owner="a"), click("3", "2026-02-20", owner="b")],
            window_days=90,
            converted_at=CAME,
            model=CreditModel.FIRST_CLICK,
        ),
        second: decide(
            [click("2", "2026-02-10", owner="c"), click("0", "2026-01-20", owner="d")],
            window_days=90,
            converted_at=CAME,
            model=CreditModel.LINEAR,
        ),
    }

    settled = one_program_wins(decisions)

    assert settled[first] == decisions[first]
    assert (settled[second].winners, settled[second].of_weight) == ((), 1)
    assert [lost.reason for lost in settled[second].losers] == (
        [LossReason.OTHER_PROGRAM] * 2
    )
