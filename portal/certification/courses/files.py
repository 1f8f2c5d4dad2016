"""Courses written as Markdown files.

A lesson begins with a heading of the first level and the lines that describe it,
without an empty line between:

    # The first call
    topic: Finding the right customer
    minutes: 5
    video: https://video.example/first-call

Everything up to the next such heading is its text. A file holds any number of lessons;
a folder is read in the order of its files' names.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.orm import Session

from portal.certification.courses import queries, service
from portal.certification.courses.content import KEY_PATTERN, LessonContent
from portal.certification.courses.models import Lesson, LessonState
from portal.certification.models import Certification

SHIPPED = Path(__file__).parent / "shipped"

_HEADING = re.compile(r"#[ \t]+(?P<title>.*?)[ \t#]*$")
_LINE = re.compile(r"(?P<name>key|topic|minutes|video):[ \t]*(?P<value>.*?)[ \t]*$")
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})")
_WORDS = {
    "int_parsing": "give a whole number",
    "string_pattern_mismatch": "give an address that begins https://",
    "string_too_short": "say something here",
}
_NAMES = {"minutes": "minutes", "topic": "topic", "video_url": "video"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a file, and where; lines count from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return it as compilers do, so that editors can jump there."""
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class FoundLesson:
    """One lesson of a file."""

    key: str
    content: LessonContent


@dataclass(frozen=True, slots=True)
class Found:
    """What files hold; with any problem, nothing of it comes in."""

    lessons: tuple[FoundLesson, ...]
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Part:
    """One lesson while it is read."""

    file: str
    line: int
    fields: dict[str, str]
    text: list[str]


def read_path(path: Path) -> Found:
    """Return the lessons of a file, or of the files `*.md` of a folder."""
    files = sorted(path.glob("*.md")) if path.is_dir() else [path]
    if not files:
        return Found((), (Problem(path.name, 1, "there is no file *.md in here"),))
    parts: list[_Part] = []
    problems: list[Problem] = []
    for file in files:
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError:
            problems.append(Problem(file.name, 1, "save the file as UTF-8 text"))
            continue
        _split(file.name, text, parts, problems)
    return _checked(parts, problems)


def read_text(text: str, name: str = "course.md") -> Found:
    """Return the lessons written in a text."""
    parts: list[_Part] = []
    problems: list[Problem] = []
    _split(name, text, parts, problems)
    return _checked(parts, problems)


def key_for(title: str) -> str:
    """Return a key made from a title; empty when nothing of it can stand in one."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:60].rstrip("-")


def _split(name: str, text: str, parts: list[_Part], problems: list[Problem]) -> None:
    fence, is_head, began = "", False, False
    for number, line in enumerate(text.splitlines(), start=1):
        heading = None if fence else _HEADING.match(line)
        if heading:
            parts.append(_Part(name, number, {"title": heading["title"]}, []))
            is_head = began = True
            continue
        if not began:
            if line.strip():
                problems.append(Problem(name, number, "begin with a line '# Title'"))
                return
            continue
        described = _LINE.match(line) if is_head else None
        if described:
            parts[-1].fields[described["name"]] = described["value"]
            continue
        is_head = False
        fence = _fence_after(line, fence)
        parts[-1].text.append(line)
    if not began:
        problems.append(Problem(name, 1, "there is no lesson: begin with '# Title'"))


def _fence_after(line: str, fence: str) -> str:
    """Return the mark of the code block that is open after a line, if one is."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if not fence:
        return mark["mark"]
    return "" if mark["mark"].startswith(fence) else fence


def _checked(parts: list[_Part], problems: list[Problem]) -> Found:
    lessons: list[FoundLesson] = []
    for part in parts:
        title = part.fields["title"]
        key = part.fields.get("key") or key_for(title)
        if not re.match(KEY_PATTERN, key):
            message = "add a line 'key: ...' of small letters, digits and hyphens"
            problems.append(Problem(part.file, part.line, message))
            continue
        content = _content(part, problems)
        if content is not None:
            lessons.append(FoundLesson(key, content))
    seen = Counter(lesson.key for lesson in lessons)
    problems.extend(
        Problem(parts[0].file, 1, f"{count} lessons have the key {key}")
        for key, count in seen.items()
        if count > 1
    )
    return Found(tuple(lessons), tuple(problems))


def _content(part: _Part, problems: list[Problem]) -> LessonContent | None:
    try:
        return LessonContent.model_validate(
            {
                "title": part.fields["title"],
                "topic": part.fields.get("topic", ""),
                "minutes": part.fields.get("minutes", ""),
                "video_url": part.fields.get("video", ""),
                "text": "\n".join(part.text),
            }
        )
    except ValidationError as error:
        for found in error.errors():
            name = str(found["loc"][0]) if found["loc"] else "lesson"
            told = (
                f"{_NAMES.get(name, name)}: {_WORDS.get(found['type'], found['msg'])}"
            )
            problems.append(Problem(part.file, part.line, told))
        return None


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What an import did, or would do, in numbers of lessons."""

    new: int
    changed: int
    known: int
    published: int


def take_in(
    session: Session,
    certification: Certification,
    found: Found,
    *,
    publish: bool,
    note: str,
    now: datetime,
) -> TakenIn:
    """Bring lessons into the course of an exam, by their keys.

    A lesson that is there already gets the text as its draft; lessons that the files do
    not name stay as they are.

    Args:
        session: The session that holds the open transaction.
        certification: The exam.
        found: What the files hold, without problems.
        publish: Whether readers see it at once.
        note: What is new, for the lessons that were published before.
        now: When.

    Raises:
        ValueError: There are problems.
        Invalid: A published lesson changes, and nothing is said about what is new.
        LessonRetired: A lesson to publish is retired.
    """
    if found.problems:
        raise ValueError("there are problems")
    there = {one.key: one for one in queries.lessons(session, certification.id)}
    new = changed = known = published = 0
    for one in found.lessons:
        lesson = there.get(one.key)
        if lesson is None:
            lesson = service.create(
                session, certification, one.key, one.content, actor=None, now=now
            )
            new += 1
        elif lesson.content == one.content:
            known += 1
        else:
            _edit(session, lesson, one.content, now=now)
            changed += 1
        if publish and _publish(session, lesson, note=note, now=now):
            published += 1
    return TakenIn(new, changed, known, published)


def _edit(
    session: Session, lesson: Lesson, content: LessonContent, *, now: datetime
) -> None:
    locked = queries.lesson(session, lesson.id, lock=True)
    service.edit(
        session, locked, content, revision=locked.revision, actor=None, now=now
    )


def _publish(session: Session, lesson: Lesson, *, note: str, now: datetime) -> bool:
    session.flush()  # It is read again below, locked.
    locked = queries.lesson(session, lesson.id, lock=True)
    try:
        service.publish(
            session, locked, note=note, read_again=False, actor=None, now=now
        )
    except service.NothingToPublish:
        return False
    return locked.state is LessonState.PUBLISHED


def install_shipped(
    session: Session, certification: Certification, *, now: datetime
) -> None:
    """Publish the course that comes with the portal, unless there are lessons."""
    file = SHIPPED / f"{certification.key}.md"
    if file.exists() and not queries.lessons(session, certification.id):
        found = read_path(file)
        take_in(session, certification, found, publish=True, note="", now=now)
