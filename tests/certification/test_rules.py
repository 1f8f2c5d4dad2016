import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.certification.rules import (
    ATTEMPT_WINDOW,
    CertificateState,
    Graded,
    QuestionKind,
    QuestionStatistics,
    RegradeOutcome,
    certificate_state,
    draw,
    earliest_start,
    grade,
    regrade_outcome,
    renewable_from,
    time_allowed,
    valid_until,
)
from tests.factories.base_factory import NOW

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def graded(given: str, right: str, topic: str = "t") -> Graded:
    return Graded(topic, QuestionKind.MULTIPLE, tuple(given), tuple(right))


@given(
    sizes=st.dictionaries(st.text(min_size=1), st.integers(0, 9), max_size=5),
    count=st.integers(1, 20),
    seed=st.integers(),
)
def test_a_draw_has_the_size_asked_no_repeats_and_spreads_over_the_topics(
    sizes: dict[str, int], count: int, seed: int
) -> None:
    bank = {
        topic: [(f"{topic}/{n}", ["a", "b", "c"]) for n in range(size)]
        for topic, size in sizes.items()
    }

    drawn = draw(bank, count, random.Random(seed))  # noqa: S311 - reproducible

    keys = [one.question_key for one in drawn]
    assert len(keys) == len(set(keys)) == min(count, sum(sizes.values()))
    assert all(sorted(one.option_order) == ["a", "b", "c"] for one in drawn)
    per_topic = {t: sum(k.startswith(f"{t}/") for k in keys) for t in sizes}
    for topic, number in per_topic.items():
        for other, size in sizes.items():
            # No topic gets two more than one that still had questions left.
            assert number <= per_topic[other] + 1 or per_topic[other] == size, topic


def test_a_question_is_right_only_with_exactly_the_right_options() -> None:
    answers = [
        graded("ab", "ab"),
        graded("a", "ab"),
        graded("abc", "ab"),
        graded("", "a"),
        graded("c", "c", topic="other"),
    ]

    score = grade(answers)

    assert (score.right, score.total) == (2, 5)
    assert score.by_topic == {"t": (1, 4), "other": (1, 1)}


@pytest.mark.parametrize(
    ("given", "is_right"),
    [
        ("abc", True),
        ("acb", False),
        ("ab", False),
        ("", False),
    ],
)
def test_an_order_is_right_as_a_whole_or_not(
    given: str,
    is_right: bool,  # noqa: FBT001 - a table's column
) -> None:
    answer = Graded("t", QuestionKind.ORDER, tuple(given), ("a", "b", "c"))

    assert answer.is_right is is_right


@pytest.mark.parametrize(
    ("typed", "is_right"),
    [
        ("Café au lait", True),
        ("  CAFE\u0301   AU\u00a0LAIT ", True),  # composed otherwise, other spaces
        ("ｃａｆé au lait", True),
        ("STRASSE", True),
        ("cafe au lait", False),  # an accent is a letter
        ("", False),
    ],
)
def test_a_typed_answer_counts_whatever_its_case_spaces_and_code_points(
    typed: str,
    is_right: bool,  # noqa: FBT001 - a table's column
) -> None:
    accepted = ("café au lait", "Straße")

    assert Graded("t", QuestionKind.TEXT, (typed,), accepted).is_right is is_right


def test_a_draw_by_topic_takes_so_many_of_each_and_no_other_topic() -> None:
    bank = {t: [(f"{t}{n}", ["a", "b"]) for n in range(5)] for t in ("x", "y", "z")}
    rng = random.Random(1)  # noqa: S311 - reproducible

    keys = [one.question_key[0] for one in draw(bank, 4, rng, {"x": 3, "y": 1})]

    assert sorted(keys) == ["x", "x", "x", "y"]


def test_the_seed_decides_questions_and_options() -> None:
    bank = {"t": [(f"q{n}", list("abcdef")) for n in range(30)]}
    first, again, other = (
        draw(bank, 10, random.Random(seed))  # noqa: S311 - reproducible
        for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (False, False, RegradeOutcome.UNCHANGED),
        (True, True, RegradeOutcome.UNCHANGED),
        (False, True, RegradeOutcome.PASSES_NOW),
        (True, False, RegradeOutcome.KEPT),
    ],
)
def test_a_correction_takes_nothing_away(
    before: bool,  # noqa: FBT001 - a table's column
    after: bool,  # noqa: FBT001 - a table's column
    outcome: RegradeOutcome,
) -> None:
    assert regrade_outcome(passed_before=before, passes_after=after) is outcome


def test_a_renewal_runs_from_where_the_other_ends() -> None:
    expires = NOW + 20 * DAY

    assert valid_until(NOW, months=12, renews=None) == NOW.replace(year=2027)
    assert valid_until(NOW, months=12, renews=expires) == expires.replace(year=2027)
    assert valid_until(NOW, months=12, renews=NOW - DAY) == NOW.replace(year=2027)
    assert renewable_from(expires, 60) == NOW - 40 * DAY


def test_extra_time_is_a_share_of_the_time() -> None:
    assert time_allowed(30, 0) == timedelta(minutes=30)
    assert time_allowed(30, 25) == timedelta(minutes=37, seconds=30)


def test_statistics_say_nothing_below_twenty_answers() -> None:
    few = QuestionStatistics(asked=19, right=19)
    many = QuestionStatistics(20, 13, upper=6, upper_right=6, lower=6, lower_right=2)

    assert (few.is_telling, many.is_telling) == (False, True)
    assert (many.right_percent, many.discrimination) == (65, 67)
    assert QuestionStatistics(20, 5, 6, 1, 6, 4).discrimination == -50


@pytest.mark.parametrize(
    ("right", "passes"), [(8, False), (9, True), (12, True), (0, False)]
)
def test_three_quarters_of_twelve_are_nine(right: int, passes: bool) -> None:  # noqa: FBT001 - a table's column
    answers = [graded("a", "a" if n < right else "b") for n in range(12)]

    assert grade(answers).passes(75) is passes


def test_an_attempt_without_questions_is_never_passed() -> None:
    assert not grade([]).passes(1)


@pytest.mark.parametrize(
    ("hours_ago", "starts_in"),
    [
        ([], 0),
        ([13], 0),
        ([12], 0),
        ([11], 1),
        ([40 * 24, 35 * 24, 31 * 24, 13], 0),  # old failures count no longer
        ([29 * 24, 10 * 24, 13], 24),  # the third must wait for the first to age
    ],
)
def test_the_next_attempt_waits_for_the_pause_and_the_limit(
    hours_ago: list[int], starts_in: int
) -> None:
    failed_at = [NOW - hours * HOUR for hours in hours_ago]

    start = earliest_start(failed_at, allowed=3, wait=12 * HOUR, now=NOW)

    assert start == NOW + starts_in * HOUR


def test_the_limit_counts_thirty_days() -> None:
    assert ATTEMPT_WINDOW == 30 * DAY


@pytest.mark.parametrize(
    ("expires_in", "revoked", "state"),
    [
        (DAY, False, CertificateState.VALID),
        (timedelta(microseconds=1), False, CertificateState.VALID),
        (timedelta(0), False, CertificateState.EXPIRED),
        (DAY, True, CertificateState.REVOKED),
        (-DAY, True, CertificateState.REVOKED),
    ],
)
def test_a_certificate_expires_to_the_second_and_revocation_goes_first(
    expires_in: timedelta,
    revoked: bool,  # noqa: FBT001 - a table's column
    state: CertificateState,
) -> None:
    found = certificate_state(
        expires_at=NOW + expires_in, revoked_at=NOW if revoked else None, now=NOW
    )

    assert found is state
