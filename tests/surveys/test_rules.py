import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.surveys.rules import Attitude, attitude_of, promoter_score, shown_score


@pytest.mark.parametrize("answer", [-1, 11])
def test_only_answers_from_0_to_10_count(answer: int) -> None:
    with pytest.raises(ValueError, match="not an answer from 0 to 10"):
        attitude_of(answer)


def test_each_answer_makes_one_of_three() -> None:
    assert [attitude_of(answer) for answer in range(11)] == (
        [Attitude.DETRACTOR] * 7 + [Attitude.PASSIVE] * 2 + [Attitude.PROMOTER] * 2
    )


def test_few_answers_show_no_score() -> None:
    assert shown_score([10] * 4) is None
    assert shown_score([10] * 5) == 100
    assert shown_score([10], least_answers=1) == 100


def test_a_half_goes_up_below_zero_too() -> None:
    below = [10] * 97 + [0] * 98 + [8] * 5
    above = [10] * 98 + [0] * 97 + [8] * 5

    assert (shown_score(below), shown_score(above)) == (0, 1)


@given(st.lists(st.integers(0, 10), min_size=1))
def test_a_score_lies_between_all_against_and_all_for(answers: list[int]) -> None:
    score = promoter_score(answers)

    assert score is not None
    assert -100 <= score <= 100
