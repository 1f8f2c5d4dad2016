import json
from datetime import timedelta

from flask import Flask
from sqlalchemy.orm import Session

from portal.enrollments import service
from portal.kit.ids import new_id, public_id
from tests.enrollments.gates import EXAM, enrolled
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerFactory

DAY = timedelta(days=1)


def run(app: Flask, *arguments: str, fails: bool = False) -> str:
    result = app.test_cli_runner().invoke(args=["gates", *arguments])
    assert result.exit_code == (1 if fails else 0), result.output
    return result.output


def test_it_says_what_was_in_the_way_on_a_day(app: Flask, session: Session) -> None:
    enrollment = enrolled(EXAM | {"sales_while_unmet": "held"})
    for key in ("email", "review"):
        service.meet_gate(session, enrollment, key, now=NOW)
    service.meet_gate(
        session, enrollment, "certification", now=NOW + 5 * DAY, until=NOW + 9 * DAY
    )
    session.flush()
    key = enrollment.public_id

    # NOW is 1 March, 9 o'clock; a day means its end.
    before = run(app, key, "--at", "2026-03-05")
    assert "  be in the program  yes\n" in before
    assert "  earn               no: Pass the exam (certification)\n" in before
    assert "A sale then is held" in before
    assert "at 2026-03-05 23:59:59 UTC" in before
    assert "A sale then earns." in run(app, key, "--at", "2026-03-06")
    assert "A sale then is held" in run(app, key, "--at", "2026-03-06T08:59")
    assert "not in the program yet" in run(app, key, "--at", "2026-02-01")
    assert "A sale then is held" in run(app, key)


def test_programs_read_it_as_json(app: Flask, session: Session) -> None:
    enrollment = enrolled(EXAM)
    session.flush()

    [answer] = json.loads(
        run(app, enrollment.partner.public_id, "--json", "--at", "2026-03-02")
    )

    assert answer["enrollment"] == enrollment.public_id
    assert answer["at"] == "2026-03-02T23:59:59.999999+00:00"
    assert answer["may"] == {
        "join": False,
        "link": True,
        "earn": False,
        "payout": True,
    }
    assert answer["sale"] == "forfeited"
    assert [one["gate"] for one in answer["in_the_way"]["earn"]] == ["certification"]


def test_what_cannot_be_asked_says_why(app: Flask, session: Session) -> None:
    enrollment, alone = enrolled(EXAM), PartnerFactory.create()
    session.flush()

    assert "in no program" in run(app, alone.public_id)
    assert "such as 2026-11-20" in run(
        app, enrollment.public_id, "--at", "once", fails=True
    )
    assert "in the past" in run(
        app, enrollment.public_id, "--at", "2999-01-01", fails=True
    )
    assert "no such enrollment" in run(app, public_id("enr", new_id()), fails=True)
    assert "no such partner" in run(app, public_id("prt", new_id()), fails=True)
    assert "not a enr_ id" in run(app, "hello", fails=True)
