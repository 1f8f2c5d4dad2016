"""Abuse case 7: one company applies again and again under other names."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.applications import likeness, queries, review_queries, rules, service
from portal.applications.models import Application, ApplicationStatus
from portal.applications.rules import CheckKey
from portal.kit.errors import Conflict
from tests.databases import MakeDatabase, named
from tests.factories import base_factory
from tests.factories.applications import ANSWERS, ApplicationFactory
from tests.factories.base_factory import NOW

FILE = b"\x07" * 32


def pair(
    session: Session,
    first: str,
    second: str,
    answers: dict[str, str] | None = None,
    documents: tuple[bytes, ...] = (),
) -> tuple[Application, Application]:
    """Two sent applications, whose fingerprints are kept."""
    rows = []
    for email in (first, second):
        row = ApplicationFactory.create(email=email, answers=ANSWERS | (answers or {}))
        service.note_fingerprints(session, row, documents)
        rows.append(row)
    session.flush()
    return rows[0], rows[1]


@pytest.mark.parametrize(
    ("signal", "second", "shared"),
    [
        (CheckKey.SAME_EMAIL, "m.ina+2@gmail.com", {}),
        (CheckKey.SAME_DOMAIN, "joe@one.example", {}),
        (CheckKey.SAME_TAX_ID, "a@two.example", {"answers": {"vat-id": "DE 12-34"}}),
        (CheckKey.SAME_PAYOUT_ACCOUNT, "a@two.example", {"answers": {"iban": "DE1 2"}}),
        (CheckKey.SAME_DOCUMENT, "a@two.example", {"documents": (FILE,)}),
    ],
)
def test_each_likeness_raises_a_flag_on_both_and_names_the_other(
    session: Session, signal: CheckKey, second: str, shared: dict
) -> None:
    first = "mina@gmail.com" if "gmail" in second else "mina@one.example"
    rows = pair(session, first, second, **shared)

    found = review_queries.checks_of(session, rows)

    for row, other in (rows, rows[::-1]):
        check = next(c for c in found[row.id] if c.key is signal)
        assert check.tone == "warn"
        assert other.reference in check.evidence
        assert rules.warnings(found[row.id]) >= 1


def test_strangers_raise_none(session: Session) -> None:
    rows = pair(session, "mina@one.example", "joe@two.example")

    found = review_queries.checks_of(session, rows)

    for row in rows:
        assert CheckKey.NOTHING_EARLIER in {c.key for c in found[row.id]}


def test_how_a_number_is_written_makes_no_difference() -> None:
    written = ("DE 123.456-7", "de1234567")

    one, other = (likeness.fingerprints("a@b.example", {"tax-id": n}) for n in written)

    assert one == other
    assert one != likeness.fingerprints("a@b.example", {"tax-id": "DE7"})


def test_a_sent_application_leaves_its_fingerprints(session: Session) -> None:
    draft = ApplicationFactory.create(draft=True, email="mina+x@one.example")
    twin = ApplicationFactory.create(email="mina@one.example")
    service.note_fingerprints(session, twin)

    service.submit(session, draft, agrees_to_checks=True, now=NOW)
    session.flush()

    keys = {c.key for c in review_queries.review_checks(session, draft)}
    assert CheckKey.SAME_EMAIL in keys


@pytest.mark.parametrize("is_guarded", [True, False])
def test_two_that_open_at_once_make_one_open_row(
    app: Flask, new_database: MakeDatabase, *, is_guarded: bool
) -> None:
    """Without the unique index, one applicant would stand in the queue twice."""
    url = app.extensions["portal.settings"].database_url
    owner = app.extensions["portal.settings"].database_owner_url
    name = new_database()
    if not is_guarded:
        as_owner = create_engine(named(owner, name), poolclass=NullPool)
        with as_owner.begin() as connection:
            connection.execute(text("DROP INDEX uq_applications_open"))
    engine = create_engine(named(url, name), poolclass=NullPool)
    with Session(engine) as session:
        base_factory.bind(session)
        rejected = ApplicationFactory.create(rejected=True, email="mina@one.example")
        ids = [
            rejected.id,
            ApplicationFactory.create(
                rejected=True, email="mina@one.example", version=rejected.version
            ).id,
        ]
        session.commit()
    barrier = Barrier(2)

    def reopen(application_id: UUID) -> str:
        with Session(engine) as session:
            application = queries.get(session, application_id, lock=True)
            application.reopen(NOW)
            barrier.wait(timeout=10)
            try:
                session.commit()
            except (IntegrityError, Conflict):
                return "refused"
            return "open"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(reopen, ids))

    with Session(engine) as session:
        is_open = Application.status == ApplicationStatus.SUBMITTED
        count = session.scalar(
            select(func.count()).select_from(Application).where(is_open)
        )
    engine.dispose()
    assert outcomes == (["open", "refused"] if is_guarded else ["open", "open"])
    assert count == (1 if is_guarded else 2)
