"""Many statements as PDFs at once; a broken one stops no other."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.statements import documents
from portal.statements.documents import many
from portal.statements.documents.many import Done, Page
from portal.statements.models import Statement
from tests.commissions.story import Story, a_version
from tests.statements.books import a_period, at, close

BASE = "https://partners.acme.test/"


@pytest.fixture
def statements(session: Session) -> list[Statement]:
    """Two partners' of one month."""
    version = a_version()
    for _ in range(2):
        story = Story(session, version)
        customer = story.credited(first_seen_at=at("2026-01-02"))
        story.sale(customer, at("2026-01-10"), 60_000)
        story.recompute()
    return close(session, a_period(session, version.program_id, "2026-01"))


@pytest.fixture
def pages(statements: list[Statement]) -> list[Page]:
    return [many.page_of(statement, BASE) for statement in statements]


def broken(page: Page) -> Page:
    """A page that lacks what it has to print."""
    data = {name: text for name, text in page.data.items() if name != "program"}
    return replace(page, name="broken.pdf", data=data)


def test_a_page_is_what_one_gets_alone(
    statements: list[Statement], pages: list[Page], tmp_path: Path
) -> None:
    assert many.write_page(pages[0], tmp_path) == Done(pages[0].name)

    alone = documents.render(statements[0], "pdf", BASE)
    assert (tmp_path / documents.filename(statements[0], "pdf")).read_bytes() == alone


def test_a_broken_page_is_reported_and_leaves_no_file(
    pages: list[Page], tmp_path: Path
) -> None:
    done = many.write_page(broken(pages[0]), tmp_path)

    assert done.name == "broken.pdf"
    assert "program" in done.problem
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_broken_stops_no_other(pages: list[Page], tmp_path: Path) -> None:
    def many_pages() -> Iterator[Page]:
        yield broken(pages[0])
        for number in range(6):  # more than wait at a time
            yield replace(pages[number % 2], name=f"{number}.pdf")

    found = list(many.write_pages(many_pages(), tmp_path, workers=1))

    assert [done.name for done in found if done.problem] == ["broken.pdf"]
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"{number}.pdf" for number in range(6)]
    assert all(len(PdfReader(file).pages) == 1 for file in files)


def test_a_disk_that_cannot_be_written_to_is_said(
    pages: list[Page], tmp_path: Path
) -> None:
    done = many.write_page(pages[0], tmp_path / "nowhere")

    assert "No such file" in done.problem


def test_a_month_is_exported_from_the_command_line(
    app: Flask, session: Session, statements: list[Statement], tmp_path: Path
) -> None:
    session.flush()
    key = session.scalar(
        text("SELECT key FROM programs WHERE id = :id"),
        {"id": statements[0].program_id},
    )
    args = ["statement", "export", str(key), "2026-01"]

    result = app.test_cli_runner().invoke(
        args=[*args, str(tmp_path / "pdfs"), "--workers", "1"]
    )

    assert result.exit_code == 0
    assert "2 PDFs are in" in result.output
    assert {file.stem for file in (tmp_path / "pdfs").iterdir()} == {
        statement.number for statement in statements
    }


def test_the_exit_code_tells_of_one_that_could_not_be_set(
    app: Flask, session: Session, statements: list[Statement], tmp_path: Path
) -> None:
    """Its number is a folder that is not there: the file cannot be written."""
    session.flush()
    key = session.scalar(
        text("SELECT key FROM programs WHERE id = :id"),
        {"id": statements[0].program_id},
    )
    blocked = tmp_path / f"{statements[0].number}.pdf"
    blocked.mkdir()  # a folder where the file should be

    result = app.test_cli_runner().invoke(
        args=[
            "statement", "export", str(key), "2026-01", str(tmp_path), "--workers", "1"
        ]
    )  # fmt: skip

    assert result.exit_code == 1
    assert blocked.name in result.stderr
    assert "1 PDFs are in" in result.output
