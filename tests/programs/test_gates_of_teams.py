"""How many people of a partner a gate asks, and how that is told."""

from typing import Any

import pytest

from portal.programs.definition import Gate
from portal.programs.sentences.joining import team_phrase, team_sentences

EXAM: dict[str, Any] = {
    "key": "exam",
    "kind": "certification",
    "title": "Pass the exam",
    "blocks": ["earn"],
    "certification": "basics",
}
TWO_PEOPLE = {"who": "at_least", "number": 2, "counts": "people"}
TWO_PAPERS = {"who": "at_least", "number": 2, "counts": "certificates"}


def gate(**parts: Any) -> Gate:  # noqa: ANN401 - any part of it
    return Gate.model_validate(EXAM | parts)


@pytest.mark.parametrize(
    ("parts", "remedy"),
    [
        ({"team": {"who": "at_least"}}, "give number and counts for at_least"),
        ({"team": {"who": "everyone", "number": 2}}, "and only then"),
        ({"team": TWO_PEOPLE | {"newcomer_days": 9}}, "newcomer_days is for everyone"),
        ({"certification": None}, "name a certification"),
        (
            {"kind": "review", "certification": None, "team": TWO_PEOPLE},
            "are for gates of kind certification",
        ),
        ({"or_certifications": ["basics"]}, "names an exam twice"),
        (
            {"kind": "review", "certification": None, "course_open_early": True},
            "only the course of a certification",
        ),
        ({"shuts_at_deadline": True}, "say by which deadline"),
    ],
)
def test_parts_that_do_not_fit_are_named_with_a_remedy(
    parts: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(ValueError, match=remedy):
        gate(**parts)


@pytest.mark.parametrize(
    ("team", "phrase"),
    [
        (None, ""),
        ({"who": "everyone"}, "everybody on the team"),
        (TWO_PEOPLE, "2 people on the team"),
        (TWO_PAPERS, "2 certificates on the team, of one person or several"),
    ],
)
def test_whose_certificates_it_takes_is_told(
    team: dict[str, Any] | None, phrase: str
) -> None:
    asked = gate(team=team)

    assert team_phrase(asked) == phrase
    assert team_sentences(asked) == ([f"It takes {phrase}."] if phrase else [])


def test_the_days_of_a_newcomer_are_told() -> None:
    asked = gate(team={"who": "everyone", "newcomer_days": 60})

    assert team_sentences(asked)[-1] == "New colleagues have 60 days for it."
