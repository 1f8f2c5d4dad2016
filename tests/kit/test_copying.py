"""Many rows at once, as inserts would write them."""

from datetime import UTC, datetime

import pytest
from psycopg.errors import CheckViolation
from sqlalchemy.orm import Session

from portal.kit.copying import copy_in
from portal.kit.ids import new_id
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.statements.models import Period, PeriodStatus
from tests.factories.programs import ProgramFactory

AT = datetime(2026, 1, 1, tzinfo=UTC)
POSTING = ("id", "entry_id", "account", "amount_minor", "currency")


def test_values_arrive_as_inserts_would_write_them(session: Session) -> None:
    program = ProgramFactory.create()
    rows = [
        {
            "id": new_id(),
            "program_id": program.id,
            "label": f"2026-0{month}",
            "starts_at": AT,
            "ends_at": datetime(2026, 2, 1, tzinfo=UTC),
            "time_zone": "tab\tand \\ and\nline\rand \\N",
            "status": PeriodStatus.OPEN,
            "closed_at": None,
            "issuer_name": "\u00c5cme",
            "acknowledged": {"note": 'a "quoted" word, \u2014\t\\ and\nmore'},
            "withholds_us_tax": True,
            "four_eyes": False,
            "proposed_figures": "",
            "turn": 1,
        }
        for month in (1, 2)
    ]

    copy_in(session, Period, list(rows[0]), (list(row.values()) for row in rows))

    found = session.query(Period).order_by(Period.label).all()
    assert [{name: getattr(row, name) for name in rows[0]} for row in found] == rows


def test_nothing_is_written_of_nothing(session: Session) -> None:
    copy_in(session, Period, ["id"], [])

    assert session.query(Period).all() == []


def test_what_rows_point_to_is_written_before_them(session: Session) -> None:
    entry = JournalEntry(
        id=new_id(), key="x:1", description="", occurred_at=AT, recorded_at=AT
    )
    session.add(entry)

    copy_in(session, Posting, POSTING, [_posting(entry, 5), _posting(entry, -5)])

    assert session.query(Posting).count() == 2


def test_a_constraint_refuses_all_of_them(session: Session) -> None:
    entry = JournalEntry(
        id=new_id(), key="x:1", description="", occurred_at=AT, recorded_at=AT
    )
    session.add(entry)

    with pytest.raises(CheckViolation, match="not_zero"):
        copy_in(session, Posting, POSTING, [_posting(entry, 5), _posting(entry, 0)])


def test_a_naive_instant_is_refused(session: Session) -> None:
    naive = AT.replace(tzinfo=None)

    with pytest.raises(ValueError, match="naive"):
        copy_in(session, Period, ["id", "starts_at"], [(new_id(), naive)])


def _posting(entry: JournalEntry, minor: int) -> tuple[object, ...]:
    return (new_id(), entry.id, LedgerAccount.PAYOUT_CLEARING, minor, "USD")
