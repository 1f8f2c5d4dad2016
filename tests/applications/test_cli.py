import json

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy.orm import Session

from portal.applications.models import ApplicationStatus
from tests.factories.applications import ApplicationFactory
from tests.factories.people import UserFactory

DANA = "dana@vendor.example"


@pytest.fixture(autouse=True)
def dana(session: Session) -> None:
    del session
    UserFactory.create(reviewer=True, email=DANA, name="Dana")


def run(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["application", *arguments])


def test_list_names_what_waits(app: Flask) -> None:
    application = ApplicationFactory.create()

    plain = run(app, "list")
    as_json = run(app, "list", "--json")

    assert (
        plain.output
        == f"{application.reference}  2026-03-06  {application.email}  Hanbit Digital\n"
    )
    assert [row["reference"] for row in json.loads(as_json.output)] == [
        application.reference
    ]


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--status", "rejected"]])
def test_list_says_by_its_exit_code_that_there_is_nothing(
    app: Flask, arguments: list[str]
) -> None:
    assert run(app, "list", *arguments).exit_code == 3


def test_list_shows_closed_ones_too(app: Flask) -> None:
    application = ApplicationFactory.create(withdrawn=True, answer_by=None)

    result = run(app, "list", "--status", "withdrawn")

    assert result.output.startswith(f"{application.reference}  -  ")


def test_show_prints_the_answers(app: Flask) -> None:
    application = ApplicationFactory.create()

    plain = run(app, "show", application.reference.lower())
    as_json = run(app, "show", application.reference, "--json")

    assert "  services: selling, training\n" in plain.output
    assert "status: submitted\n" in plain.output
    assert "decided_at: -\n" in plain.output
    assert json.loads(as_json.output)["answers"]["company"] == "Hanbit Digital"


def test_show_fails_on_an_unknown_reference(app: Flask) -> None:
    result = run(app, "show", "APP-ZZZZZZ")

    assert (result.exit_code, result.output) == (
        1,
        "Error: There is no such application.\n",
    )


def test_approve_and_reject(app: Flask, session: Session) -> None:
    one, two = ApplicationFactory.create_batch(2)

    approved = run(app, "approve", one.reference, "--as", DANA)
    rejected = run(
        app, "reject", two.reference, "--as", DANA, "--reason", "full", "--json"
    )

    assert approved.output == f"{one.reference} is approved.\n"
    assert json.loads(rejected.output)["status"] == "rejected"
    session.expire_all()
    assert one.status is ApplicationStatus.APPROVED
    assert two.status is ApplicationStatus.REJECTED


def test_a_dry_run_changes_nothing(app: Flask, session: Session) -> None:
    application = ApplicationFactory.create()

    result = run(app, "approve", application.reference, "--as", DANA, "--dry-run")

    assert result.output == f"{application.reference} would be approved.\n"
    session.expire_all()
    assert application.status is ApplicationStatus.SUBMITTED


@pytest.mark.parametrize("email", ["nobody@vendor.example", "fred@vendor.example"])
def test_only_reviewers_decide(app: Flask, email: str) -> None:
    UserFactory.create(finance=True, email="fred@vendor.example")
    application = ApplicationFactory.create()

    result = run(app, "approve", application.reference, "--as", email)

    assert result.exit_code == 1
    assert "is no reviewer" in result.output


def test_a_refusal_is_an_exit_code(app: Flask) -> None:
    application = ApplicationFactory.create(withdrawn=True)

    result = run(app, "approve", application.reference, "--as", DANA)

    assert result.exit_code == 1
    assert "cannot become approved" in result.output


def test_a_reason_is_needed(app: Flask) -> None:
    assert run(app, "reject", "APP-ZZZZZZ", "--as", DANA).exit_code == 2
