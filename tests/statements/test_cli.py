import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy.orm import Session

from portal import jobs
from portal.programs.models import Program
from portal.statements import queries, tasks
from portal.statements.models import PeriodStatus
from tests.commissions.story import Story
from tests.statements.books import a_month, a_period, begin, close
from tests.statements.test_close import below_zero

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, session: Session) -> Run:
    runner = app.test_cli_runner()

    def run(*args: str) -> Result:
        session.flush()
        result = runner.invoke(args=args)
        session.expire_all()
        return result

    return run


def key(story: Story) -> str:
    program = story.session.get_one(Program, story.version.program_id)
    return program.key


def test_months_are_listed(run: Run, session: Session) -> None:
    story = Story(session)
    close(session, a_month(story))

    listed = run("period", "list", key(story))
    data = json.loads(run("period", "list", "--json").output)

    assert f"{key(story)}  2026-01  closed  1 statements" in listed.output
    assert {row["closing_minor"] for row in data} == {0, 12_000}


def test_an_unknown_program_or_month_is_named(run: Run, session: Session) -> None:
    story = Story(session)

    assert run("period", "list", "nothing").exit_code == 1
    assert run("period", "check", key(story), "1999-01").exit_code == 1


def test_checks_are_said_and_counted(run: Run, session: Session) -> None:
    story = Story(session)
    a_month(story)

    sound = run("period", "check", key(story), "2026-01")
    a_period(session, story.version.program_id, "2025-12")
    stopped = run("period", "check", key(story), "2026-01", "--json")

    assert sound.exit_code == 0
    assert "The month is over." in sound.output
    assert stopped.exit_code == 1
    assert "earlier_months" in {row["key"] for row in json.loads(stopped.output)}


def test_a_month_is_closed_once(run: Run, session: Session) -> None:
    story = Story(session)
    period = a_month(story)
    args = ("period", "close", key(story), "2026-01")

    dry = run(*args, "--dry-run")
    first = run(*args, "--json")
    again = run(*args)

    assert "2026-01 is open: 1 statements" in dry.output
    assert json.loads(first.output)["status"] == "closed"
    assert again.exit_code == 3
    assert period.status is PeriodStatus.CLOSED


def test_a_close_that_was_interrupted_is_finished(run: Run, session: Session) -> None:
    story = Story(session)
    period = a_month(story)
    begin(session, period)

    result = run("period", "close", key(story), "2026-01")

    assert result.exit_code == 0
    assert "2026-01 is closed: 1 statements" in result.output


def test_a_warning_is_answered_on_the_command_line(run: Run, session: Session) -> None:
    story = Story(session)
    below_zero(story)
    args = ("period", "close", key(story), "2026-02")

    assert run(*args).exit_code == 1
    assert run(*args, "--know", "nonsense").exit_code == 2
    assert run(*args, "--know", "negative_balances=seen").exit_code == 0


def test_a_statement_is_written_as_files(
    run: Run,
    session: Session,
    tmp_path: Path,
) -> None:
    [statement] = close(session, a_month(Story(session)))
    pdf, table = tmp_path / "s.pdf", tmp_path / "s.csv"

    printed = run("statement", "render", statement.public_id)
    run(
        "statement",
        "render",
        statement.public_id,
        "--pdf",
        str(pdf),
        "--csv",
        str(table),
    )

    assert json.loads(printed.output)["sha256"] == statement.sha256
    assert pdf.read_bytes().startswith(b"%PDF")
    assert statement.number in table.read_text()


def test_an_unknown_statement_is_named(run: Run, session: Session) -> None:
    story = Story(session)

    assert run("statement", "render", "nonsense").exit_code == 2
    other = story.enrollment.public_id.replace("enr_", "stm_")
    assert run("statement", "render", other).exit_code == 1


def test_the_jobs_close_a_month(app: Flask, session: Session) -> None:
    story = Story(session)
    period = a_month(story)
    begin(session, period)
    session.flush()

    with app.app_context():
        tasks.ensure_periods()
        jobs.TASKS["statements.close_chunk"](period_id=str(period.id), number=1)
        jobs.TASKS["statements.finish_close"](period_id=str(period.id))

    session.expire_all()
    assert period.status is PeriodStatus.CLOSED
    assert len(queries.of_period(session, period.id)) == 1
