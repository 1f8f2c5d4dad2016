import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.commissions.story import Story
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.output


def test_a_line_is_explained(app: Flask, session: Session) -> None:
    story = Story(session)
    story.sale(story.credited(), NOW - 9 * DAY)
    story.recompute()
    session.flush()

    code, output = run(app, "explain", story.lines()[0].public_id)

    assert code == 0
    assert "20% of $600.00, customer month 1 of 36." in output
    assert "Your commission: the difference           $120.00" in output
    assert "Rule: Share of net revenue (partner-share), version 1" in output


def test_programs_can_read_the_explanation_with_its_trace(
    app: Flask, session: Session
) -> None:
    story = Story(session)
    story.sale(story.credited(), NOW - 9 * DAY)
    story.recompute()
    session.flush()
    (line,) = story.lines()

    code, output = run(app, "explain", line.public_id, "--json")

    answer = json.loads(output)
    assert code == 0
    assert (answer["line"], answer["amount_minor"]) == (line.public_id, 12_000)
    assert answer["sentence"] == "20% of $600.00, customer month 1 of 36."
    assert answer["trace"] == line.trace
    assert ["Your commission: the difference", "$120.00"] in answer["figures"]


@pytest.mark.parametrize("line", ["nonsense", "com_" + "0" * 26])
def test_a_line_that_is_not_there_is_refused_with_a_hint(
    app: Flask, session: Session, line: str
) -> None:
    del session

    code, output = run(app, "explain", line)

    assert code == 1
    assert f"There is no line {line}. Take the id from the page" in output


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    app: Flask, session: Session
) -> None:
    story = Story(session)
    story.sale(story.credited(), NOW - 9 * DAY)
    session.flush()

    code, output = run(app, "commission", "recompute", "--dry-run")

    assert code == 0
    assert f"{story.enrollment.public_id}: 1 added, 0 changed, 0 removed" in output
    assert "1 enrollments looked at, 1 would change." in output
    assert story.lines() == []


def test_everything_is_worked_out_anew(app: Flask, session: Session) -> None:
    story, quiet = Story(session), Story(session)
    story.sale(story.credited(), NOW - 9 * DAY)
    session.flush()

    code, output = run(app, "commission", "recompute")
    again = run(
        app, "commission", "recompute", "--enrollment", story.enrollment.public_id
    )

    assert code == 0
    assert "2 enrollments looked at, 1 changed." in output
    assert again == (0, "1 enrollments looked at, 0 changed.\n")
    assert story.amounts() == [12_000]
    assert quiet.lines() == []


def test_an_enrollment_that_is_none_is_refused(app: Flask, session: Session) -> None:
    del session

    code, output = run(app, "commission", "recompute", "--enrollment", "com_x")

    assert code == 1
    assert "com_x is no enrollment" in output
