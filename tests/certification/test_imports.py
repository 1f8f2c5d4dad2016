"""Questions from CSV and GIFT: read whole, refused with the line, tried first."""

import io
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.certification import imports, queries
from portal.certification.imports import as_csv, as_gift
from portal.certification.imports.found import Found
from portal.certification.models import AnswerKey, Question
from portal.certification.rules import QuestionKind
from portal.kit.clock import utc_now
from tests.conftest import SignIn
from tests.factories.certification import EXAM, exam_of_every_kind
from tests.factories.people import UserFactory

HEADER = "key,topic,difficulty,kind,text,right,option_1,option_2,option_3,explanation"
TABLE = f"""{HEADER}
first-call,A,easy,single,What comes first?,2,The price,The need,,Ask.
facts,A,,multiple,Which two?,1|3,Team,Office,Budget,
path,B,hard,order,"Put in
order.",,Apply,Sign,Earn,
second,B,medium,text,What is it called?,,renewal,"follow-up, order",,
"""

GIFT = r"""// A comment
$CATEGORY: $course$/top/A

::First call:: What comes first\: need or price? {
  =The need#Right!
  ~The price
  ####Ask about the need.
}

[markdown]Which two? {~%50%Team ~%-100%Office ~%50%Budget \= money}

$CATEGORY: top/B
The word is {=renewal =%100%follow-up \{order\}} for us.

::Truth::A wrong sale is refunded.{T#yes}

::Only one with weights::Pick.{~%100%this ~%-50%that}
"""


def found(reader: object, text: str) -> Found:
    return reader.read(text)  # type: ignore[attr-defined,no-any-return]  # a module


def complaints(reader: object, text: str) -> list[str]:
    return [str(problem) for problem in found(reader, text).problems]


class TestTable:
    def test_every_kind_is_read_with_its_answer(self) -> None:
        table = found(as_csv, TABLE)

        assert table.problems == []
        assert [(line, q.key, q.kind, q.right) for line, q in table.questions] == [
            (2, "first-call", QuestionKind.SINGLE, ["b"]),
            (3, "facts", QuestionKind.MULTIPLE, ["a", "c"]),
            (4, "path", QuestionKind.ORDER, ["a", "b", "c"]),
            (6, "second", QuestionKind.TEXT, ["renewal", "follow-up, order"]),
        ]
        assert table.questions[0][1].explanation == "Ask."
        assert table.questions[2][1].difficulty == "hard"

    def test_semicolons_do_as_well(self) -> None:
        text = "key;topic;text;right;option_1;option_2\n\nq;A;Which, then?;1;a;b\n"

        [(line, question)] = found(as_csv, text).questions

        assert (line, question.text) == (3, "Which, then?")

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "Line 1: missing columns: key, topic, text, option_1."),
            (f"{HEADER},tpoic\n", "Line 1: unknown columns: tpoic."),
            (f"{HEADER}\nq,A,,,T?,4,a,b,c,\n", "Line 2: right: give the numbers"),
            (f"{HEADER}\nq,A,,,T?,x,a,b,c,\n", "Line 2: right: give the numbers"),
            (f"{HEADER}\nq,A,,,T?,,a,b,c,\n", "Line 2: question q: mark the right"),
            (f"{HEADER}\nq,A,,,T?,1|2,a,b,,\n", "Line 2: question q: mark the right"),
            (f"{HEADER}\nq,A,,,T?,1,a,A,,\n", "Line 2: question q: give two options"),
            (f"{HEADER}\nq,A,,order,T?,1,a,b,,\n", "Line 2: question q: give the opti"),
            (f"{HEADER}\nq,A,,text,T?,,,,,\n", "Line 2: question q: give the accepted"),
            (f"{HEADER}\nq,A,odd,,T?,1,a,b,,\n", "Line 2: difficulty: Input should"),
            (f"{HEADER}\nQ q,A,,,T?,1,a,b,,\n", "Line 2: key: String should match"),
            (f"{HEADER}\nq,A,,,T?,1,a,b,,,,x\n", "Line 2: more cells"),
            (f'{HEADER}\nq,A,,,"T?,1,a,b\n', "Line 2: this is no CSV"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_line(
        self, text: str, complaint: str
    ) -> None:
        assert any(one.startswith(complaint) for one in complaints(as_csv, text))


class TestGift:
    def test_what_an_exam_here_can_ask_is_read(self) -> None:
        gift = found(as_gift, GIFT)

        assert gift.problems == []
        read = {
            question.key: (
                line,
                question.topic,
                question.kind,
                [option.label for option in question.options],
                question.right,
            )
            for line, question in gift.questions
        }
        several, gap = (key for key in read if key.startswith("q-"))
        assert read == {
            "first-call": (4, "A", "single", ["The need", "The price"], ["a"]),
            several: (
                10,
                "A",
                "multiple",
                ["Team", "Office", "Budget = money"],
                ["a", "c"],
            ),
            gap: (13, "B", "text", [], ["renewal", "follow-up {order}"]),
            "truth": (15, "B", "single", ["True", "False"], ["a"]),
            "only-one-with-weights": (17, "B", "single", ["this", "that"], ["a"]),
        }
        questions = {q.key: q for _, q in gift.questions}
        assert questions["first-call"].explanation == "Ask about the need."
        assert questions["first-call"].text == "What comes first: need or price?"
        assert questions[gap].text == "The word is _____ for us."

    @pytest.mark.parametrize(
        ("block", "complaint"),
        [
            ("Just words.", "this is no question"),
            ("Open {=a ~b", "give one pair of { }"),
            ("Two {=a ~b} and {=c ~d}", "give one pair of { }"),
            ("Essay {}", "an essay cannot be graded"),
            ("Year {#1990:2}", "numbers with a range"),
            ("Match {=a -> b =c -> d}", "matching is not taken"),
            ("[html]<b>x</b> {=a ~b}", "HTML is not taken"),
            ("Half {=a =%50%b}", "partly right"),
            ("Half {=a ~%50%b ~c}", "partly right"),
            ("Nothing {right}", "begin each answer"),
            ("None right {~a ~b}", "mark the right options"),
            ("{=a ~b}", "text: String should have at least 1"),
        ],
    )
    def test_what_it_cannot_ask_is_refused_with_its_line(
        self, block: str, complaint: str
    ) -> None:
        [problem] = complaints(as_gift, f"// notes\n\n{block}\n")

        assert problem.startswith("Line 3: ")
        assert complaint in problem


def test_a_file_that_is_not_utf8_is_named_with_its_line() -> None:
    assert imports.decoded("\ufeffkey".encode()) == "key"
    with pytest.raises(ValueError, match="Line 2: save the file as UTF-8"):
        imports.decoded(b"key\ncaf\xe9\n")


class TestPlan:
    def test_known_questions_stay_and_changed_ones_need_a_new_key(
        self, session: Session
    ) -> None:
        exam = exam_of_every_kind(session)
        same = f"{HEADER}\none,A,,,Which one is right?,1,this one,that one,,\n"
        other = f"{HEADER}\none,A,,,Which one is right?,2,this one,that one,,\n"

        assert imports.plan(session, exam, same, "csv").known == 1
        [problem] = imports.plan(session, exam, other, "csv").problems
        assert "Give the changed question a new key" in str(problem)

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (HEADER, "Line 1: There is no question"),
            (f"{HEADER}\nq,C,,,T?,1,a,b,,\n", "Line 2: the exam asks nothing of"),
            (
                f"{HEADER}\nq,A,,,T?,1,a,b,,\nq,A,,,T?,1,a,b,,\n",
                "Line 3: the key q stands twice",
            ),
        ],
    )
    def test_what_does_not_fit_the_exam_is_said(
        self, session: Session, text: str, complaint: str
    ) -> None:
        planned = imports.plan(session, exam_of_every_kind(session), text, "csv")

        assert [str(one)[: len(complaint)] for one in planned.problems] == [complaint]

    def test_a_plan_with_problems_is_not_taken_in(self, session: Session) -> None:
        exam = exam_of_every_kind(session)
        planned = imports.plan(session, exam, HEADER, "csv")

        with pytest.raises(imports.NotImportable):
            imports.take_in(session, exam, planned, actor=None, now=utc_now())


def number_of_questions(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Question)) or 0


def test_the_command_tries_refuses_and_brings_in(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    exam_of_every_kind(session)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.gift"
    good.write_text(TABLE, encoding="utf-8")
    bad.write_text(f"{GIFT}\n\nJust words.\n", encoding="utf-8")

    def run(*args: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["cert", "import", *args])
        return result.exit_code, result.output

    tried = run(str(good), "--exam", EXAM, "--dry-run")
    assert tried == (0, "4 new, 0 known already; nothing was written.\n")
    code, output = run(str(bad), "--exam", EXAM)
    assert code == 1
    assert "Line 20: this is no question" in output
    assert number_of_questions(session) == 4
    assert run(str(good), "--exam", EXAM) == (0, "4 new, 0 known already.\n")
    assert run(str(good), "--exam", EXAM) == (0, "0 new, 4 known already.\n")
    assert number_of_questions(session) == 8
    assert "no such certification" in run(str(good), "--exam", "nope")[1]


class TestPage:
    PATH = f"/admin/certifications/{EXAM}/import"

    def test_a_file_is_tried_and_then_brought_in(
        self, session: Session, sign_in: SignIn
    ) -> None:
        exam_of_every_kind(session)
        client = sign_in(UserFactory.create(admin=True))
        upload = (io.BytesIO(TABLE.encode()), "questions.csv")

        empty = client.get(self.PATH)
        tried = client.post(self.PATH, data={"fmt": "csv", "file": upload, "try": "1"})
        before = number_of_questions(session)
        done = client.post(self.PATH, data={"fmt": "csv", "text": TABLE, "import": "1"})
        page = client.get(done.headers["Location"])

        assert empty.status_code == tried.status_code == 200
        assert b"4 questions would come in" in tried.data
        assert b"Bring them in" in tried.data
        assert (before, number_of_questions(session)) == (4, 8)
        assert b"4 questions are new" in page.data

    @pytest.mark.parametrize(
        ("data", "complaint"),
        [
            ({"fmt": "csv"}, "Choose a file, or paste"),
            ({"fmt": "odd", "text": "x"}, "Not a valid choice"),
            ({"fmt": "gift", "text": "Just words."}, "this is no question"),
        ],
    )
    def test_what_is_wrong_is_shown_and_nothing_comes_in(
        self,
        session: Session,
        sign_in: SignIn,
        data: dict[str, str],
        complaint: str,
    ) -> None:
        exam_of_every_kind(session)
        client = sign_in(UserFactory.create(admin=True))

        page = client.post(self.PATH, data=data | {"import": "1"})

        assert page.status_code == 422
        assert complaint in page.get_data(as_text=True)
        assert number_of_questions(session) == 4

    def test_a_file_in_another_code_is_refused(
        self, session: Session, sign_in: SignIn
    ) -> None:
        exam_of_every_kind(session)
        upload = (io.BytesIO(b"caf\xe9"), "x.csv")

        page = sign_in(UserFactory.create(admin=True)).post(
            self.PATH, data={"fmt": "csv", "file": upload}
        )

        assert page.status_code == 422
        assert b"save the file as UTF-8" in page.data


def test_an_imported_question_has_its_answer(session: Session) -> None:
    exam = exam_of_every_kind(session)
    planned = imports.plan(session, exam, TABLE, "csv")

    imports.take_in(session, exam, planned, actor=None, now=utc_now())

    row = next(q for q in queries.questions(session, exam.id) if q.key == "path")
    assert session.get_one(AnswerKey, row.id).right == ["a", "b", "c"]
    assert [option["label"] for option in row.options] == ["Apply", "Sign", "Earn"]
