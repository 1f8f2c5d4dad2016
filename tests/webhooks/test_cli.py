"""`portal events` from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.commissions.models import Commission
from portal.payments.models import InboxEvent, InboxStatus
from portal.sales.models import Sale
from portal.tracking.models import Click
from tests.commissions.story import Story
from tests.factories.base_factory import NOW
from tests.sales import stripe_objects as so
from tests.webhooks.feed import Event, dump

pytestmark = pytest.mark.usefixtures("session")  # the commands commit

EVENTS = [
    so.event("refund.created", so.refund(), at=so.AT + 90_000),
    so.event("invoice_payment.paid", so.invoice_payment()),
    so.event("invoice.paid", so.invoice()),
    so.event("payout.paid", {"id": "po_1", "object": "payout"}),
]


def _run(app: Flask, *args: str) -> Result:
    return app.test_cli_runner().invoke(args=["events", *args])


def _file(folder: Path, events: list[Event]) -> str:
    path = folder / "events.jsonl"
    path.write_text("\n".join(json.dumps(event) for event in events))
    return str(path)


def test_importing_twice_changes_nothing(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = _file(tmp_path, EVENTS)

    first = _run(app, "import", path)
    rows = dump(session)
    second = _run(app, "import", path)

    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "4 new, 0 known already." in first.output
    assert "3 handled, 1 ignored" in first.output
    assert "0 new, 4 known already." in second.output
    assert dump(session) == rows
    assert len(session.scalars(select(Sale)).all()) == 1


def test_a_whole_list_goes_in_oldest_first(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"object": "list", "data": EVENTS}, indent=1))

    assert "3 handled, 1 ignored" in _run(app, "import", str(path)).output
    assert len(session.scalars(select(Sale)).all()) == 1


def test_bare_arrays_and_empty_files_are_read_too(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "array.json"
    path.write_text(json.dumps(EVENTS[:1]))
    assert "1 parked" in _run(app, "import", str(path)).output
    path.write_text("")
    assert "0 new, 0 known already." in _run(app, "import", str(path)).output


def test_what_waited_for_a_later_file_is_counted_there(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    assert "1 parked" in _run(app, "import", _file(tmp_path, EVENTS[:1])).output

    assert _run(app, "import", _file(tmp_path, EVENTS[1:])).exit_code == 0

    session.expire_all()
    refund = session.get_one(InboxEvent, EVENTS[0]["id"])
    assert refund.status is InboxStatus.HANDLED


def test_a_bad_line_is_named_and_the_rest_goes_in(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    lines = [
        json.dumps(EVENTS[2]),
        "{broken",
        "",
        json.dumps(EVENTS[1] | {"livemode": True}),
        json.dumps({"object": "charge"}),
        '{"amount": NaN}',
        json.dumps(EVENTS[1]),
    ]
    path.write_text("\n".join(lines))

    result = _run(app, "import", str(path))

    assert result.exit_code == 1
    assert "Line 2: This is not JSON" in result.output
    assert "Line 4: The event is of another mode" in result.output
    assert "Line 5: This is not an event." in result.output
    assert "Line 6: This is not JSON" in result.output
    assert "2 new, 0 known already." in result.output
    assert len(session.scalars(select(Sale)).all()) == 1


def test_an_event_that_breaks_makes_the_command_fail(
    app: Flask, tmp_path: Path
) -> None:
    bad = so.event("invoice.paid", so.invoice(currency="?"))

    result = _run(app, "import", _file(tmp_path, [bad]))

    assert result.exit_code == 1
    assert "1 failed" in result.output


def test_a_file_that_is_no_text_is_refused(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "events.bin"
    path.write_bytes(b"\xff\xfe\x00")

    result = _run(app, "import", str(path))

    assert result.exit_code == 1
    assert "is not a text file" in result.output


def test_commissions_are_there_when_the_command_ends(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    story = Story(session)
    click = Click(
        link_id=story.link.id,
        visitor="",
        clicked_at=NOW,
        is_bot=False,
        counts=True,
        referrer_host="",
        landing_url="",
    )
    session.add(click)
    session.commit()
    told = so.customer(metadata={"gh_click": click.public_id}, created=so.AT)
    events = [so.event("customer.created", told), *EVENTS]

    result = _run(app, "import", _file(tmp_path, events))

    assert result.exit_code == 0, result.output
    session.expire_all()
    amounts = session.scalars(select(Commission.amount_minor)).all()
    assert sorted(amounts) == [-200, 2_000]


def test_the_latest_events_are_listed(app: Flask, tmp_path: Path) -> None:
    _run(app, "import", _file(tmp_path, EVENTS))

    everything = _run(app, "list").output.splitlines()
    ignored = _run(app, "list", "--state", "ignored").output
    paid = _run(app, "list", "--type", "invoice.paid", "--limit", "1").output

    assert len(everything) == 4
    assert "payout.paid ignored Nothing here acts" in ignored
    assert paid.count("invoice.paid") == 1


@pytest.mark.parametrize(
    ("key", "code", "words"),
    [
        (EVENTS[0]["id"], 0, "parked. The sale it belongs to is not known yet."),
        ("evt_nothing", 1, "There is no such event."),
        ("evt_bad", 1, "failed. Unreadable"),
        (EVENTS[3]["id"], 0, "This event needs no second try."),
    ],
)
def test_an_event_is_tried_again(
    app: Flask, tmp_path: Path, key: str, code: int, words: str
) -> None:
    bad = so.event("invoice.paid", so.invoice(currency="?")) | {"id": "evt_bad"}
    _run(app, "import", _file(tmp_path, [EVENTS[0], EVENTS[3], bad]))

    result = _run(app, "retry", key)

    assert result.exit_code == code
    assert words in result.output
