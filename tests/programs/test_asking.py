"""Questions that depend on others, in several languages, with weights and rules."""

from typing import Any

import pytest

from portal.programs.changes import changes
from portal.programs.definition import ProgramDefinition, Question, Verdict
from portal.programs.documents import (
    DefinitionError,
    dump_json,
    dump_yaml,
    load_json,
    load_yaml,
    preset,
)


def definition(**join: object) -> ProgramDefinition:
    document = dump_json(preset("hubspot-solutions-partner"))
    document["join"] |= join
    return load_json(document)


def with_question(**question: object) -> ProgramDefinition:
    """The preset with one more question at the end."""
    steps = dump_json(preset("hubspot-solutions-partner"))["join"]["steps"]
    more = {"key": "more", "label": "More?", "kind": "short_text", **question}
    steps[-1]["questions"].append(more)
    return definition(steps=steps)


def automatic(**rule: Any) -> dict[str, object]:  # noqa: ANN401 - JSON
    return {"rules": [{"key": "one", "then": "flag", **rule}]}


def scored() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = dump_json(preset("hubspot-solutions-partner"))[
        "join"
    ]["steps"]
    for step in steps:
        for question in step["questions"]:
            if question["key"] == "team-size":
                question["choices"][1]["score"] = 40
    return steps


def refusal(make: Any, **settings: Any) -> str:  # noqa: ANN401 - a maker
    with pytest.raises(DefinitionError) as caught:
        make(**settings)
    return str(caught.value)


class TestConditions:
    WHEN = {"question": "team-size", "is_any_of": ["two-to-ten"]}  # noqa: RUF012

    def test_a_question_is_asked_only_after_certain_answers(self) -> None:
        join = with_question(show_when=self.WHEN).join

        def asks(answer: object) -> bool:
            answers = {"team-size": answer}
            return "more" in {q.key for q in join.asked(answers)}  # type: ignore[arg-type]  # any answer

        assert asks("two-to-ten")
        assert asks(["two-to-ten"])
        assert not asks("one")
        assert not asks("")

    def test_what_hangs_on_a_question_that_is_not_asked_is_not_asked(self) -> None:
        steps = dump_json(with_question(show_when=self.WHEN))["join"]["steps"]
        chosen = {"key": "yes", "label": "Yes"}
        first = steps[-1]["questions"][-1] | {"kind": "choice", "choices": [chosen]}
        second = first | {
            "key": "even-more",
            "show_when": {"question": "more", "is_any_of": ["yes"]},
        }
        steps[-1]["questions"][-1:] = [first, second]
        join = definition(steps=steps).join

        kept_from_before = {"team-size": "one", "more": "yes"}

        assert "even-more" not in {q.key for q in join.asked(kept_from_before)}
        due = {"team-size": "two-to-ten", "more": "yes"}
        assert "even-more" in {q.key for q in join.asked(due)}

    @pytest.mark.parametrize(
        ("when", "remedy"),
        [
            ({"question": "nothing", "is_any_of": ["x"]}, "name an earlier question"),
            ({"question": "name", "is_any_of": ["x"]}, "name an earlier question"),
            ({"question": "more", "is_any_of": ["x"]}, "name an earlier question"),
            ({"question": "team-size", "is_any_of": ["x"]}, "which is no answer to"),
            ({"question": "team-size", "is_any_of": []}, "needs at least 1"),
        ],
    )
    def test_a_condition_that_never_holds_is_refused(
        self, when: dict[str, object], remedy: str
    ) -> None:
        assert remedy in refusal(with_question, show_when=when)

    def test_a_country_can_be_a_condition(self) -> None:
        when = {"question": "country", "is_any_of": ["KR"]}

        assert with_question(show_when=when).join.asked({"country": "KR"})[-1].key == (
            "more"
        )

    @pytest.mark.parametrize("change", [{"retired": True}, {"show_when": WHEN}])
    def test_what_the_portal_needs_is_asked_of_everybody(
        self, change: dict[str, object]
    ) -> None:
        steps = dump_json(preset("hubspot-solutions-partner"))["join"]["steps"]
        company = next(
            q for s in steps for q in s["questions"] if q["key"] == "company"
        )
        company |= change

        assert "company is asked of everybody" in refusal(definition, steps=steps)

    def test_a_retired_question_stays_but_is_not_asked(self) -> None:
        join = with_question(retired=True).join

        assert "more" in {q.key for q in join.questions}
        assert "more" not in {q.key for q in join.asked({})}


class TestLanguages:
    def test_labels_hints_answers_and_titles_are_worded(self) -> None:
        steps = dump_json(preset("hubspot-solutions-partner"))["join"]["steps"]
        steps[0]["in_languages"] = {"ko": "회사 소개"}
        question = steps[1]["questions"][3]
        question["in_languages"] = {"ko": {"label": "몇 명입니까?", "hint": ""}}
        question["choices"][0]["in_languages"] = {"ko": "한 명", "pt_BR": "Um"}
        join = definition(steps=steps).join

        worded = join.worded("ko_KR")

        assert join.languages == ("ko", "pt_BR")
        assert worded.steps[0].title == "회사 소개"
        size = worded.steps[1].questions[3]
        assert size.label == "몇 명입니까?"
        assert size.hint == join.steps[1].questions[3].hint
        assert size.choices[0].label == "한 명"
        assert size.choices[1] == join.steps[1].questions[3].choices[1]
        assert worded.steps[1].title == join.steps[1].title
        assert join.worded("de") == join

    def test_a_language_is_a_code(self) -> None:
        words = {"Korean": {"label": "x"}}

        assert "in_languages" in refusal(with_question, in_languages=words)


class TestFiles:
    def test_three_files_unless_the_question_says_else(self) -> None:
        def most(**settings: object) -> int:
            document = {"key": "q", "label": "Q", "kind": "file", **settings}
            return Question.model_validate(document).most_files

        assert most() == 3
        assert most(max_files=1) == 1

    def test_only_files_have_a_number(self) -> None:
        assert "give max_files where files" in refusal(with_question, max_files=2)


class TestRules:
    def test_a_rule_is_written_and_read_as_it_was(self) -> None:
        rules = automatic(
            then="reject",
            when={"countries": ["KR"], "email_domains": ["*.edu", "acme.test"]},
            says="We do not work with schools yet.",
        )
        there = definition(automatic=rules)

        assert load_yaml(dump_yaml(there)) == there
        assert there.join.automatic is not None
        assert there.join.automatic.hold_minutes == 60
        assert there.join.automatic.rules[0].then is Verdict.REJECT
        assert not there.join.automatic.uses_scores

    def test_what_changes_is_told_in_words(self) -> None:
        before = definition()
        after = definition(automatic=automatic(when={"disposable_email": True}))

        told = " ".join(change.sentence for change in changes(before, after))

        assert "decisions by rule" in told.lower()

    @pytest.mark.parametrize(
        ("rule", "remedy"),
        [
            ({"when": {}}, "say what must be true"),
            ({"when": {"countries": ["KR"]}, "then": "reject"}, "tells the applicant"),
            ({"when": {"countries": ["KR"]}, "says": "No."}, "tells the applicant"),
            ({"when": {"email_domains": ["ACME"]}}, "use a domain in lower case"),
            ({"when": {"email_domains": ["a.*.test"]}}, "use a domain in lower case"),
            ({"when": {"score_below": 5}}, "give some answers a score"),
        ],
    )
    def test_a_rule_that_cannot_be_meant_is_refused(
        self, rule: dict[str, object], remedy: str
    ) -> None:
        assert remedy in refusal(definition, automatic=automatic(**rule))

    def test_scores_can_be_used_where_there_are_some(self) -> None:
        rules = automatic(when={"score_at_least": 40})

        join = definition(steps=scored(), automatic=rules).join

        assert join.automatic is not None
        assert join.automatic.uses_scores

    def test_two_rules_have_two_keys(self) -> None:
        rules = automatic(when={"countries": ["KR"]})
        rules["rules"] = [*rules["rules"], *rules["rules"]]  # type: ignore[misc]  # a list

        assert "occurs more than once" in refusal(definition, automatic=rules)

    def test_only_applications_are_decided(self) -> None:
        rules = automatic(when={"countries": ["KR"]})

        assert "rules decide on applications" in refusal(
            definition, automatic=rules, mode="invite"
        )
