"""What is issued stays issued: the database refuses the rest."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.statements.models import Statement
from tests.commissions.story import Story
from tests.ledger.test_books import OWNERS_TOOLS, REWRITES, refused
from tests.statements.books import a_month, close

TABLES = ("statements", "statement_lines")
ANOTHER_LINE = (
    "INSERT INTO statement_lines (id, statement_id, position, kind, commission_id,"
    " posting_id, occurred_at, customer, what, why, trace, base_minor, rate,"
    " amount_minor) SELECT gen_random_uuid(), statement_id, :position, 'payout', NULL,"
    " (SELECT id FROM ledger_postings LIMIT 1), occurred_at, '', '', '', '{}', 0, '',"
    " :minor FROM statement_lines LIMIT 1"
)
COLUMNS = ", ".join(
    column.key
    for column in Statement.__table__.columns
    if column.key not in ("id", "number", "count", "sha256", "enrollment_id")
)


@pytest.fixture
def issued(session: Session) -> Statement:
    [statement] = close(session, a_month(Story(session)))
    return statement


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("attack", REWRITES + OWNERS_TOOLS)
def test_the_portal_cannot_change_a_statement(
    session: Session, issued: Statement, attack: str, table: str
) -> None:
    del issued

    assert refused(session, attack.format(table))


@pytest.mark.parametrize(("position", "minor"), [(1, 0), (2, 0), (2, 500), (0, 0)])
def test_no_line_is_added_to_an_issued_statement(
    session: Session, issued: Statement, position: int, minor: int
) -> None:
    del issued

    assert refused(session, ANOTHER_LINE, position=position, minor=minor)


def test_no_statement_is_added_to_a_closed_month(
    session: Session, issued: Statement
) -> None:
    with pytest.raises(DBAPIError, match="not being closed"):
        session.execute(
            text(
                f"INSERT INTO statements (id, number, count, sha256, enrollment_id,"  # noqa: S608 - our own names
                f" {COLUMNS}) SELECT gen_random_uuid(), 'X-2026-000009', 9, 'x',"
                f" gen_random_uuid(), {COLUMNS} FROM statements WHERE id = :id"
            ),
            {"id": issued.id},
        )


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE periods SET status = 'open', close_began_at = NULL, closed_at = NULL",
        "UPDATE periods SET issuer_name = 'Somebody else'",
        "DELETE FROM periods",
        "TRUNCATE periods CASCADE",
        "DELETE FROM close_chunks",
        "DELETE FROM statement_counters",
        "DELETE FROM commissions",
        "UPDATE commissions SET amount_minor = 1",
    ],
)
def test_a_closed_month_stays_closed(
    session: Session, issued: Statement, attack: str
) -> None:
    del issued

    assert refused(session, attack)


def test_a_statement_that_is_not_its_lines_is_refused(
    owner_session: Session,
) -> None:
    story = Story(owner_session)
    [statement] = close(owner_session, a_month(story))
    other = Story(owner_session).enrollment
    owner_session.execute(text("ALTER TABLE periods DISABLE TRIGGER USER"))
    owner_session.execute(
        text("UPDATE periods SET status = 'closing', closed_at = NULL")
    )

    with pytest.raises(DBAPIError, match="lines add up to"):
        owner_session.execute(
            text(
                f"INSERT INTO statements (id, number, count, sha256, enrollment_id,"  # noqa: S608 - our own names
                f" {COLUMNS}) SELECT gen_random_uuid(), 'X-2026-000009', 9, 'x',"
                f" :enrollment, {COLUMNS} FROM statements WHERE id = :id"
            ),
            {"id": statement.id, "enrollment": other.id},
        )
        owner_session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_a_statement_must_add_up_in_itself(
    owner_session: Session,
) -> None:
    [statement] = close(owner_session, a_month(Story(owner_session)))
    owner_session.execute(text("ALTER TABLE statements DISABLE TRIGGER USER"))

    with pytest.raises(DBAPIError, match="ck_statements_adds_up"):
        owner_session.execute(
            text("UPDATE statements SET fees_minor = 1 WHERE id = :id"),
            {"id": statement.id},
        )
