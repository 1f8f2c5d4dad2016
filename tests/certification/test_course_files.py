"""Courses from Markdown files."""

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.certification.courses import files, queries, service
from portal.certification.courses.reading import lesson_html
from portal.kit.errors import Invalid
from tests.factories.base_factory import NOW
from tests.factories.certification import EXAM, exam

TWO = """# The first call #
topic: Selling
minutes: 5
video: https://video.example/first

Ask for the need.

```
# no heading in here
~~~
```

# 두 번째
key: second
topic: Terms
minutes: 3

Read them.
"""


def test_a_file_holds_any_number_of_lessons() -> None:
    found = files.read_text(TWO)

    assert found.problems == ()
    first, second = found.lessons
    assert (first.key, first.content.title) == ("the-first-call", "The first call")
    assert first.content.video_url == "https://video.example/first"
    assert "# no heading in here" in first.content.text
    assert (second.key, second.content.minutes) == ("second", 3)


def test_a_folder_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    for name in ("2-b", "1-a"):
        lesson = f"# {name}\ntopic: A\nminutes: 1\n\nText."
        (tmp_path / f"{name}.md").write_text(lesson, encoding="utf-8-sig")
    (tmp_path / "notes.txt").write_text("not read")

    found = files.read_path(tmp_path)

    assert [one.key for one in found.lessons] == ["1-a", "2-b"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f.md:1: there is no lesson: begin with '# Title'"),
        ("\nText first.\n# A", "f.md:2: begin with a line '# Title'"),
        ("# A\nminutes: 1\n\nx", "f.md:1: topic: say something here"),
        ("# A\ntopic: T\nminutes: ten\n\nx", "f.md:1: minutes: give a whole number"),
        (
            "# A\ntopic: T\nminutes: 1\nvideo: http://a\n\nx",
            "f.md:1: video: give an address that begins https://",
        ),
        (
            "# 가\ntopic: T\nminutes: 1\n\nx",
            "f.md:1: add a line 'key: ...' of small letters, digits and hyphens",
        ),
        (
            "# A\ntopic: T\nminutes: 1\n\nx\n# A\ntopic: T\nminutes: 1\n\ny",
            "f.md:1: 2 lessons have the key a",
        ),
        (
            "# A\ntopic: T\nminutes: 1\n\nx\x07",
            "f.md:1: lesson: Value error, text contains a control character: remove it",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, problem: str) -> None:
    found = files.read_text(text, "f.md")

    assert [str(one) for one in found.problems] == [problem]


def test_an_empty_folder_and_a_foreign_encoding_are_refused(tmp_path: Path) -> None:
    assert "no file *.md" in str(files.read_path(tmp_path).problems[0])
    (tmp_path / "a.md").write_bytes("# Café".encode("latin-1"))
    assert "UTF-8" in str(files.read_path(tmp_path).problems[0])


def test_the_shipped_course_covers_the_topics_of_its_exam(session: Session) -> None:
    certification = exam(session)

    files.install_shipped(session, certification, now=NOW)
    files.install_shipped(session, certification, now=NOW)

    shown = queries.published(session, [certification.id])
    assert {one.version.topic for one in shown} == {
        "Finding the right customer",
        "Referring fairly",
        "Rolling the product out",
        "Knowing your terms",
    }


def test_a_second_import_changes_drafts_and_publishes_with_a_note(
    session: Session,
) -> None:
    certification = exam(session)
    found, changed = files.read_text(TWO), files.read_text(TWO.replace("need", "goal"))
    files.take_in(session, certification, found, publish=True, note="", now=NOW)

    drafted = files.take_in(
        session, certification, changed, publish=False, note="", now=NOW
    )
    with pytest.raises(Invalid), session.begin_nested():
        files.take_in(session, certification, changed, publish=True, note="", now=NOW)
    published = files.take_in(
        session, certification, changed, publish=True, note="Goals.", now=NOW
    )

    assert drafted == files.TakenIn(new=0, changed=1, known=1, published=0)
    assert published == files.TakenIn(new=0, changed=0, known=2, published=1)
    shown = queries.published(session, [certification.id])
    assert [one.version.number for one in shown] == [2, 1]


def test_files_with_problems_are_not_taken_in(session: Session) -> None:
    with pytest.raises(ValueError, match="problems"):
        files.take_in(
            session,
            exam(session),
            files.read_text(""),
            publish=False,
            note="",
            now=NOW,
        )


def test_the_command_imports_all_or_nothing(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    certification, file = exam(session), tmp_path / "course.md"
    session.commit()

    def run(text: str, *more: str) -> tuple[int, str]:
        file.write_text(text)
        result = app.test_cli_runner().invoke(
            args=["cert", "courses", "import", str(file), "--exam", EXAM, *more]
        )
        return result.exit_code, result.output

    assert run(TWO, "--dry-run") == (
        0,
        "2 new, 0 changed, 0 known already, 0 published; nothing was written.\n",
    )
    assert queries.lessons(session, certification.id) == []
    assert run(f"{TWO}\n# Bad\n\nNo topic.")[0] == 1
    assert queries.lessons(session, certification.id) == []
    code, told = run(TWO, "--publish")
    assert (code, told) == (
        0,
        "2 new, 0 changed, 0 known already, 2 published.\n",
    )
    code, told = run(TWO.replace("need", "goal"), "--publish")
    assert code == 1
    assert "Say what is new" in told
    session.expire_all()
    first = queries.lessons(session, certification.id)[0]
    assert "need" in first.text


def test_a_retired_lesson_is_not_published_from_a_file(session: Session) -> None:
    certification, found = exam(session), files.read_text(TWO)
    files.take_in(session, certification, found, publish=False, note="", now=NOW)
    session.flush()
    queries.lessons(session, certification.id)[0].retired_at = NOW
    session.flush()

    with pytest.raises(service.LessonRetired):
        files.take_in(session, certification, found, publish=True, note="", now=NOW)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("## a\n\n### b\n\n## c", "232"),
        ("# a\n\n#### b\n\n## c", "233"),
        ("###### a\n\n# b", "22"),
        ("no heading, and <h2>no tag</h2>", ""),
    ],
)
def test_headings_leave_no_level_out(text: str, levels: str) -> None:
    html = lesson_html(text)

    assert "".join(re.findall(r"<h(\d)>", html)) == levels
    assert "".join(re.findall(r"</h(\d)>", html)) == levels
