import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.applications import rules
from portal.applications.rules import (
    Answer,
    Check,
    CheckKey,
    Earlier,
    Facts,
    Problem,
)
from portal.programs.definition import (
    Choice,
    FormStep,
    Join,
    Question,
    QuestionKind,
)
from portal.programs.documents import preset

K = QuestionKind
JOIN = preset("hubspot-solutions-partner").join
LIMITED = JOIN.model_copy(update={"countries": ("DE", "FR")})
CHOICES = (Choice(key="one", label="One"), Choice(key="two", label="Two or more"))


def question(kind: QuestionKind, **changes: object) -> Question:
    chosen = kind in {K.CHOICE, K.MULTIPLE_CHOICE}
    return Question.model_validate(
        {
            "key": "it",
            "label": "What is it?",
            "kind": kind,
            "choices": [c.model_dump() for c in CHOICES] if chosen else [],
            "max_length": 20,
        }
        | changes
    )


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (K.SHORT_TEXT, "=HYPERLINK(1)"),
        (K.LONG_TEXT, "Two\nlines"),
        (K.EMAIL, "mina@hanbit.example"),
        (K.URL, "https://a.example"),
        (K.COUNTRY, "KR"),
        (K.NUMBER, "007"),
        (K.CHOICE, "two"),
        (K.MULTIPLE_CHOICE, ["one", "two"]),
    ],
)
def test_good_answers_pass(kind: QuestionKind, answer: Answer) -> None:
    assert rules.problem_with(question(kind), answer, JOIN) is None


@pytest.mark.parametrize(
    ("kind", "answer", "problem"),
    [
        (K.SHORT_TEXT, "", Problem.MISSING),
        (K.MULTIPLE_CHOICE, [], Problem.MISSING),
        (K.LONG_TEXT, "x" * 21, Problem.TOO_LONG),
        (K.LONG_TEXT, "x" * 1_000_000, Problem.TOO_LONG),
        (K.CHOICE, "twenty", Problem.TOO_LONG),
        (K.SHORT_TEXT, "a\x00b", Problem.UNREADABLE),
        (K.SHORT_TEXT, "\ud800", Problem.UNREADABLE),
        (K.EMAIL, "mina", Problem.NOT_AN_EMAIL),
        (K.EMAIL, "mina@hanbit", Problem.NOT_AN_EMAIL),
        (K.URL, "hanbit", Problem.NOT_A_WEBSITE),
        (K.URL, "javascript:alert(1)", Problem.NOT_A_WEBSITE),
        (K.URL, "https://localhost", Problem.NOT_A_WEBSITE),
        (K.URL, "https://[::1", Problem.NOT_A_WEBSITE),
        (K.COUNTRY, "XX", Problem.NOT_A_COUNTRY),
        (K.COUNTRY, "EU", Problem.NOT_A_COUNTRY),
        (K.NUMBER, "-1", Problem.NOT_A_NUMBER),
        (K.NUMBER, "1.5", Problem.NOT_A_NUMBER),
        (K.CHOICE, "six", Problem.NOT_A_CHOICE),
        (K.MULTIPLE_CHOICE, ["one", "six"], Problem.NOT_A_CHOICE),
    ],
)
def test_wrong_answers_are_named(
    kind: QuestionKind, answer: Answer, problem: Problem
) -> None:
    assert rules.problem_with(question(kind), answer, JOIN) is problem


def test_a_country_can_be_outside_the_program() -> None:
    asked = question(K.COUNTRY)

    assert rules.problem_with(asked, "DE", LIMITED) is None
    assert rules.problem_with(asked, "KR", LIMITED) is Problem.COUNTRY_OUTSIDE


@pytest.mark.parametrize("kind", QuestionKind)
def test_an_optional_question_may_stay_open(kind: QuestionKind) -> None:
    asked = question(kind, required=False)

    assert rules.problem_with(asked, rules.tidy(asked, []), JOIN) is None


@given(st.sampled_from(QuestionKind), st.lists(st.text(max_size=30), max_size=3))
def test_what_is_tidy_stays_tidy_and_every_answer_is_judged(
    kind: QuestionKind, values: list[str]
) -> None:
    asked = question(kind)
    once = rules.tidy(asked, values)
    again = rules.tidy(asked, once if isinstance(once, list) else [once])

    assert once == again
    rules.problem_with(asked, once, JOIN)


def test_choices_come_in_the_order_of_the_question() -> None:
    asked = question(K.MULTIPLE_CHOICE)

    assert rules.tidy(asked, ["two", "six", "one", "two"]) == ["one", "two", "six"]
    assert rules.labels_of(asked, ["one", "two"]) == ["One", "Two or more"]


def test_a_draft_keeps_what_is_unfinished_but_nothing_impossible() -> None:
    step = FormStep(
        key="step",
        title="Step",
        questions=(
            question(K.URL, key="site"),
            question(K.LONG_TEXT, key="story"),
            question(K.CHOICE, key="size"),
            question(K.NUMBER, key="count"),
        ),
    )
    answers: dict[str, Answer] = {
        "site": "hanbit",
        "story": "x" * 21,
        "size": "six",
        "other": "not asked",
    }

    assert rules.keepable(step, answers, JOIN) == {"site"}


def test_unfinished_names_each_question_that_needs_a_look() -> None:
    answers: dict[str, Answer] = {"company": "Hanbit", "country": "XX"}
    business = JOIN.steps[1]

    assert rules.unfinished(business.questions, answers, JOIN) == {
        "website": Problem.MISSING,
        "country": Problem.NOT_A_COUNTRY,
        "team-size": Problem.MISSING,
    }


def test_references_and_codes_have_their_shape() -> None:
    assert re.fullmatch(r"APP-[0-9A-HJKMNP-TV-Z]{6}", rules.new_reference())
    assert re.fullmatch(r"\d{6}", rules.new_code())


def test_the_day_to_apply_again_is_counted_in_the_programs_time_zone() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    assert rules.reapply_on(late, 30, ZoneInfo("UTC")) == date(2026, 3, 31)
    assert rules.reapply_on(late, 30, ZoneInfo("Asia/Seoul")) == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("Dana@acme.example", "dana@acme.example", True),
        ("dana@acme.example", "mina@acme.example", True),
        ("dana@acme.example", "mina@hanbit.example", False),
        ("dana@gmail.com", "mina@gmail.com", False),
        ("dana@gmail.com", "dana@gmail.com", True),
    ],
)
def test_who_belongs_together(one: str, other: str, *, shared: bool) -> None:
    assert rules.shares_company(one, other) is shared


def facts(**changes: object) -> Facts:
    given: dict[str, object] = {
        "email": "mina@hanbit.example",
        "website": "https://www.hanbit.example/about",
        "country": "KR",
    }
    return Facts(**(given | changes))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Check(CheckKey.DOMAIN_MATCHES, "ok", "hanbit.example")),
        (
            {"email": "mina@mail.hanbit.example"},
            Check(CheckKey.DOMAIN_MATCHES, "ok", "mail.hanbit.example"),
        ),
        (
            {"website": "https://shop.hanbit.example"},
            Check(CheckKey.DOMAIN_MATCHES, "ok", "hanbit.example"),
        ),
        (
            {"website": "https://evilhanbit.example"},
            Check(
                CheckKey.DOMAIN_DIFFERS, "warn", "hanbit.example, evilhanbit.example"
            ),
        ),
        ({"website": ""}, Check(CheckKey.NO_WEBSITE, "warn", "hanbit.example")),
        ({"email": "mina@gmail.com"}, Check(CheckKey.FREE_MAIL, "warn", "gmail.com")),
    ],
)
def test_the_domain_is_compared_with_the_website(
    changes: dict[str, object], expected: Check
) -> None:
    assert rules.checks(facts(**changes))[0] == expected


def test_checks_bring_their_evidence() -> None:
    found = rules.checks(
        facts(
            allowed_countries=("DE",),
            partner_name="Hanbit Digital",
            earlier=(
                Earlier("APP-AAAAAA", "rejected", is_same_email=True),
                Earlier("APP-BBBBBB", "approved", is_same_email=False),
            ),
        )
    )

    assert found[1:] == [
        Check(CheckKey.COUNTRY_OUTSIDE, "bad", "KR"),
        Check(CheckKey.KNOWN_PARTNER, "info", "Hanbit Digital"),
        Check(CheckKey.SAME_EMAIL, "warn", "APP-AAAAAA"),
        Check(CheckKey.SAME_DOMAIN, "warn", "APP-BBBBBB"),
    ]


def test_nothing_to_see_is_said_too() -> None:
    assert [c.key for c in rules.checks(facts(allowed_countries=("KR",)))] == [
        CheckKey.DOMAIN_MATCHES,
        CheckKey.NOTHING_EARLIER,
    ]


def test_every_country_the_join_can_name_is_one_of_ours() -> None:
    assert isinstance(JOIN, Join)
    assert {"DE", "KR", "AE", "US"} <= rules.COUNTRIES
    assert not {"EU", "UN", "ZZ"} & rules.COUNTRIES
