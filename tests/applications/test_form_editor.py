from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.accounts.permissions import Role
from portal.applications import editing, queries, service
from portal.applications.models import FormDraft
from portal.programs.definition import ProgramDefinition, QuestionKind
from portal.programs.documents import dump_json, load_yaml, preset
from portal.programs.models import ProgramVersion
from tests.conftest import SignIn
from tests.factories.applications import ApplicationFactory, version_with_join
from tests.factories.people import UserFactory
from tests.factories.programs import ProgramVersionFactory

STEPS = dump_json(preset("hubspot-solutions-partner"))["join"]["steps"]
QUESTION = {
    "label": "What do you sell?", "hint": "In one sentence.", "page": "you",
    "new_page": "", "kind": "long_text", "choices": "", "max_length": "500",
    "max_files": "",
}  # fmt: skip


class Editor:
    """Staff at work on the form of one program."""

    def __init__(
        self, session: Session, client: FlaskClient, version: ProgramVersion
    ) -> None:
        self.session, self.client, self.version = session, client, version
        self.program, self.first = version.program, version.definition
        self.program_id, self.key = version.program_id, version.program.key
        self.path = f"/admin/forms/{self.key}"

    @property
    def number(self) -> int:
        self.session.expire_all()
        draft = self.session.get(FormDraft, self.program_id)
        return draft.number if draft else 0

    @property
    def definition(self) -> ProgramDefinition:
        self.session.expire_all()
        return service.edited_form(self.session, self.key).definition

    def post(self, path: str, **typed: object) -> str:
        data = {"number": self.number, **typed}
        response = self.client.post(f"{self.path}{path}", data=MultiDict(data))
        self.status = response.status_code
        return response.text

    def page(self, path: str = "") -> str:
        response = self.client.get(f"{self.path}{path}")
        assert response.status_code == 200
        return response.text


@pytest.fixture
def client(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(role=Role.ADMIN))


@pytest.fixture
def editor(session: Session, client: FlaskClient) -> Editor:
    return Editor(
        session,
        client,
        ProgramVersionFactory.create(program__key="hubspot-solutions-partner"),
    )


def scored() -> ProgramVersion:
    steps = dump_json(preset("hubspot-solutions-partner"))["join"]["steps"]
    editing.question_of(steps, "team-size")[1]["choices"][0]["score"] = 5
    rule = {"key": "small", "then": "flag", "when": {"score_below": 9}}
    return version_with_join(steps=steps, automatic={"rules": [rule]})


class TestQuestions:
    def test_a_question_is_added_reviewed_and_published(self, editor: Editor) -> None:
        assert "Nothing is changed." in editor.page()

        editor.post("/questions/new", **QUESTION, required="y")

        assert editor.status == 303
        question = editor.definition.join.steps[0].questions[-1]
        assert question.key == "what-do-you-sell"
        assert question.kind is QuestionKind.LONG_TEXT
        assert question.max_length == 500
        page = editor.page()
        assert "What do you sell?" in page
        text = unescape(page.split('<textarea name="text" hidden>')[1].split("</")[0])
        assert load_yaml(text) == editor.definition
        review = editor.client.post(
            f"/admin/programs/{editor.key}/edit",
            data={"text": text, "based_on": "1", "do": "review"},
        )
        assert review.status_code == 200
        assert 'name="confirmation"' in review.text

    def test_once_published_nothing_is_left_to_publish(
        self, editor: Editor, session: Session
    ) -> None:
        editor.post("/questions/new", **QUESTION)
        begun = ApplicationFactory.create(draft=True, version=editor.version)
        ProgramVersionFactory.create(
            program=editor.program,
            number=2,
            definition_json=dump_json(editor.definition),
        )

        assert "Nothing is changed." in editor.page()
        editor.post("/questions/role/down", number=0)
        assert editor.status == 303
        assert "What changes" in editor.page()
        session.expire_all()
        theirs = queries.get(session, begun.id)
        asked = {q.key for q in theirs.definition.join.questions}
        assert "what-do-you-sell" not in asked  # it keeps the form it was begun with

    def test_answers_weights_conditions_and_a_new_page(self, editor: Editor) -> None:
        editor.post(
            "/questions/new",
            **QUESTION | {
                "kind": "choice", "choices": "Shops = 10\nClinics\n\n", "page": "",
                "new_page": "Your trade",
            },
        )  # fmt: skip
        editor.post(
            "/questions/new",
            **QUESTION | {
                "label": "Which shops?", "page": "your-trade",
                "show_when": "what-do-you-sell:shops",
            },
        )  # fmt: skip

        step = editor.definition.join.steps[-1]
        assert step.title == "Your trade"
        first, second = step.questions
        assert [(c.key, c.label, c.score) for c in first.choices] == [
            ("shops", "Shops", 10),
            ("clinics", "Clinics", None),
        ]
        assert second.show_when is not None
        assert second.show_when.is_any_of == ("shops",)
        assert "Asked only after: Shops" in editor.page("/preview")
        assert "counts for the score" in editor.page()

    def test_words_in_another_language_are_shown_in_the_preview(
        self, session: Session, client: FlaskClient
    ) -> None:
        steps = dump_json(preset("hubspot-solutions-partner"))["join"]["steps"]
        steps[0]["in_languages"] = {"ko": "회사"}
        editor = Editor(session, client, version_with_join(steps=steps))
        size = dict(QUESTION, label="How many?", kind="choice", page="business",
                    choices="One\nMany", label_ko="몇 명?", hint_ko="",
                    choices_ko="하나\n")  # fmt: skip

        editor.post("/questions/team-size", **size)
        assert editor.status == 303
        editor.post("/pages/you", title="You", title_ko="")

        question = editor.definition.join.steps[1].questions[3]
        assert question.in_languages["ko"].label == "몇 명?"
        assert question.choices[0].in_languages == {"ko": "하나"}
        assert question.choices[1].in_languages == {}
        assert editor.definition.join.steps[0].in_languages == {}
        assert "몇 명?" in editor.page("/preview?language=ko")
        assert "How many?" in editor.page("/preview?language=xx")
        assert "몇 명?" in editor.page("/questions/team-size")
        editor.post("/questions/team-size", **size | {"label_ko": ""})
        assert editor.definition.join.languages == ("ko",)  # an answer still has words

    @pytest.mark.parametrize(
        ("typed", "message"),
        [
            ({"label": ""}, "Write the question."),
            ({"page": ""}, "Write the title of the new page."),
            ({"kind": "choice"}, "give choices for choice and multiple_choice"),
            ({"max_length": "0"}, "Enter 1 to 10000."),
            ({"show_when": ["team-size:just-me", "services:selling"]}, "one question"),
        ],
    )
    def test_what_is_no_question_comes_back_with_what_was_typed(
        self, editor: Editor, typed: dict[str, object], message: str
    ) -> None:
        size = STEPS[1]["questions"][3]["choices"][0]["key"]
        if isinstance(when := typed.get("show_when"), list):
            typed = {"show_when": [f"team-size:{size}", when[1]]}

        page = editor.post("/questions/new", **QUESTION | typed)

        assert editor.status == 422
        assert message in unescape(page)
        assert "In one sentence." in page
        assert editor.number == 0

    def test_what_the_portal_needs_can_be_worded_but_not_changed(
        self, editor: Editor
    ) -> None:
        typed = {"label": "Your firm?", "hint": "", "page": "business", "new_page": ""}

        editor.post("/questions/company", **typed, kind="file", retired="y")

        company = editor.definition.join.steps[1].questions[0]
        assert company.label == "Your firm?"
        assert company.kind is QuestionKind.SHORT_TEXT
        for verb in ("remove", "retire"):
            editor.post(f"/questions/company/{verb}")
            assert "The portal needs this question" in editor.page()

    def test_removed_retired_and_asked_again(self, editor: Editor) -> None:
        editor.post("/questions/phone/remove")
        editor.post("/questions/role/retire")
        assert "phone" not in {q.key for q in editor.definition.join.questions}
        assert "role" not in {q.key for q in editor.definition.join.asked({})}

        editor.post("/questions/role/ask")

        assert "role" in {q.key for q in editor.definition.join.asked({})}

    def test_what_a_score_needs_is_retired_not_removed(
        self, session: Session, client: FlaskClient
    ) -> None:
        editor = Editor(session, client, scored())

        editor.post("/questions/team-size/remove")
        assert "Something depends on this question" in editor.page()
        assert editor.number == 0

        page = editor.page()
        assert "Stop asking" in page

    def test_pages_and_questions_move_by_buttons(self, editor: Editor) -> None:
        editor.post("/questions/role/up")
        editor.post("/pages/business/up")

        steps = editor.definition.join.steps
        assert [step.key for step in steps][:2] == ["business", "you"]
        assert [q.key for q in steps[1].questions][:2] == ["role", "name"]

    @pytest.mark.parametrize(
        "path",
        ["/questions/none", "/pages/none"],
    )
    def test_what_is_not_there_is_not_found(self, editor: Editor, path: str) -> None:
        assert editor.client.get(editor.path + path).status_code == 404
        editor.post(f"{path}/up")
        assert editor.status == 404


class TestTwoPeople:
    def test_the_slower_one_is_told_and_nothing_is_overwritten(
        self, editor: Editor
    ) -> None:
        editor.post("/questions/role/up", number=0)

        page = editor.post("/questions/phone/up", number=0)

        assert editor.status == 409
        assert "Somebody else changed this form meanwhile." in page
        assert editor.number == 1

    @pytest.mark.parametrize("choice", ["keep", "discard"])
    def test_a_form_published_meanwhile_is_not_overwritten_unasked(
        self, editor: Editor, choice: str
    ) -> None:
        editor.post("/questions/role/up")
        document = dump_json(editor.first)
        document["join"]["steps"][0]["title"] = "Who are you?"
        ProgramVersionFactory.create(
            program=editor.program, number=2, definition_json=document
        )
        page = editor.page()
        assert "Version 2 changed the form since you began" in page
        assert "Review and publish" not in page

        editor.post(f"/{choice}")

        assert "changed the form since you began" not in editor.page()
        title = editor.definition.join.steps[0].title
        assert title == ("About you" if choice == "keep" else "Who are you?")

    def test_another_part_of_the_program_is_no_conflict(self, editor: Editor) -> None:
        editor.post("/questions/role/up")
        document = dump_json(editor.first) | {"summary": "Another one."}
        ProgramVersionFactory.create(
            program=editor.program, number=2, definition_json=document
        )

        assert "changed the form since you began" not in editor.page()
        assert editor.definition.summary == "Another one."

    def test_with_nothing_to_discard_or_keep_nothing_happens(
        self, editor: Editor
    ) -> None:
        for choice in ("keep", "discard"):
            editor.post(f"/{choice}")
            assert editor.status == 303


class TestEditing:
    def test_a_question_goes_on_over_the_edge_of_its_page(self) -> None:
        last = STEPS[0]["questions"][-1]["key"]
        first = STEPS[0]["questions"][0]["key"]

        down = editing.moved_question(STEPS, last, 1)
        assert down[1]["questions"][0]["key"] == last
        assert editing.moved_question(down, last, -1) == STEPS
        assert editing.moved_question(STEPS, first, -1) == STEPS
        assert editing.moved_step(STEPS, STEPS[0]["key"], -1) == STEPS

    def test_a_page_without_questions_is_gone(self) -> None:
        alone = [{"key": "p", "title": "P", "questions": [{"key": "q"}]}, *STEPS]

        assert editing.without_question(alone, "q") == STEPS

    def test_keys_are_made_of_words_and_never_twice(self) -> None:
        assert editing.key_for("Wie groß? 12", [], "question") == "wie-gro"
        assert editing.key_for("회사", [], "question") == "question"
        assert editing.key_for("Role", ["role", "role-2"], "question") == "role-3"

    def test_a_reworded_answer_keeps_its_key(self) -> None:
        before = editing.choices_from("One = 5\nTwo\nThree", ())

        after = editing.choices_from("One person = 6\nTwo\nThree", before)

        assert [c["key"] for c in after] == ["one", "two", "three"]
        assert after[0]["score"] == 6
        fewer = editing.choices_from("Three\nFour", before)
        assert [c["key"] for c in fewer] == ["three", "four"]
        assert editing.lines_from(after) == "One person = 6\nTwo\nThree"
