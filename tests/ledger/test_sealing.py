"""The chain that seals the books: made without gaps, broken by any change."""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from portal import jobs
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import sealing
from portal.ledger.models import JournalEntry, LedgerAccount, LedgerIsAppendOnly, Seal
from portal.ledger.rules import FIRST, SealedPosting, seal_of
from portal.ledger.sealing import Head
from portal.ledger.service import Line, book
from tests.committed import at_once, committed
from tests.factories.base_factory import NOW
from tests.owner import owner_session

__all__ = ["committed", "owner_session"]

POSTING = SealedPosting(new_id(), "entry_fee_cash", None, None, 500, "USD")
OTHER = SealedPosting(new_id(), "entry_fee_revenue", None, None, -500, "USD")
ENTRY: dict[str, Any] = {
    "before": FIRST,
    "seq": 1,
    "key": "fee:1",
    "description": "Entry fee",
    "occurred_at": NOW,
    "recorded_at": NOW,
    "postings": [POSTING, OTHER],
}


class TestSeal:
    def test_the_same_entry_has_the_same_seal(self) -> None:
        seal = seal_of(**ENTRY)

        assert seal_of(**ENTRY | {"postings": [OTHER, POSTING]}) == seal
        assert len(seal) == 64

    @pytest.mark.parametrize(
        "change",
        [
            {"before": "1" * 64},
            {"seq": 2},
            {"key": "fee:2"},
            {"description": ""},
            {"occurred_at": NOW + timedelta(microseconds=1)},
            {"recorded_at": NOW + timedelta(microseconds=1)},
            {"postings": [POSTING]},
            {"postings": [replace(POSTING, amount_minor=501), OTHER]},
            {"postings": [replace(POSTING, currency="EUR"), OTHER]},
            {"postings": [replace(POSTING, account="commission_expense"), OTHER]},
            {"postings": [replace(POSTING, partner_id=new_id()), OTHER]},
            {"postings": [replace(POSTING, program_id=new_id()), OTHER]},
            {"postings": [replace(POSTING, id=new_id()), OTHER]},
        ],
    )
    def test_any_change_gives_another_one(self, change: dict[str, Any]) -> None:
        assert seal_of(**ENTRY | change) != seal_of(**ENTRY)


def booked(session: Session, *keys: str, now: datetime = NOW) -> None:
    amount = Money(500, "USD")
    lines = [
        Line(LedgerAccount.ENTRY_FEE_CASH, amount),
        Line(LedgerAccount.ENTRY_FEE_REVENUE, -amount),
    ]
    for number, key in enumerate(keys):
        moment = now + timedelta(seconds=number)
        book(session, key, lines, occurred_at=moment, now=moment)


def sealed(session: Session, *keys: str) -> Head:
    booked(session, *keys)
    sealing.seal(session, now=NOW)
    session.flush()
    return sealing.head(session)


def found(session: Session) -> list[tuple[str, str]]:
    session.flush()
    session.expire_all()
    return list(sealing.broken(session, now=NOW + timedelta(days=1)))


class TestSealing:
    def test_entries_get_places_in_the_order_of_booking(self, session: Session) -> None:
        assert sealing.head(session) == Head(0, FIRST)
        booked(session, "fee:1", "fee:2", "fee:3")

        done = [sealing.seal(session, now=NOW, limit=2) for _ in range(3)]

        places = session.execute(
            select(Seal.seq, JournalEntry.key)
            .join(JournalEntry, JournalEntry.id == Seal.entry_id)
            .order_by(Seal.seq)
        )
        assert done == [2, 1, 0]
        assert [tuple(row) for row in places] == [
            (1, "fee:1"),
            (2, "fee:2"),
            (3, "fee:3"),
        ]
        assert found(session) == []

    def test_what_is_booked_later_goes_on_the_end(self, session: Session) -> None:
        first = sealed(session, "fee:1")
        second = sealed(session, "fee:2")

        assert (first.seq, second.seq) == (1, 2)
        assert sealing.proves(session, first)
        assert sealing.proves(session, second)
        assert sealing.proves(session, Head(0, FIRST))

    def test_another_seal_proves_nothing(self, session: Session) -> None:
        kept = sealed(session, "fee:1")

        assert not sealing.proves(session, replace(kept, seal="0" * 64))
        assert not sealing.proves(session, replace(kept, seq=2))
        assert not sealing.proves(session, Head(0, "1" * 64))

    def test_what_was_just_booked_has_an_hour(self, session: Session) -> None:
        booked(session, "fee:1")
        session.flush()

        assert list(sealing.broken(session, now=NOW)) == []
        assert found(session) == [
            ("fee:1", "was booked more than an hour ago and is not sealed")
        ]

    def test_the_portal_cannot_rewrite_a_seal(self, session: Session) -> None:
        sealed(session, "fee:1")

        with (
            pytest.raises(DBAPIError, match="permission denied"),
            session.begin_nested(),
        ):
            session.execute(text("UPDATE ledger_seals SET seal = 'x'"))
        session.scalars(select(Seal)).one().seal = "x"
        with pytest.raises(LedgerIsAppendOnly):
            session.flush()

    def test_workers_that_seal_at_once_leave_no_gap(self, committed: Engine) -> None:
        with Session(committed) as session, session.begin():
            booked(session, *(f"fee:{number}" for number in range(20)))

        def work(number: int, barrier: Barrier) -> int:
            del number
            barrier.wait()
            with Session(committed) as session, session.begin():
                return sealing.seal(session, now=NOW, limit=15)

        assert sum(at_once(work, 4)) == 20
        with Session(committed) as session:
            assert sealing.head(session).seq == 20
            assert found(session) == []

    def test_without_the_lock_they_collide(self, committed: Engine) -> None:
        """The control of the test above: two heads read at once give one place."""
        with Session(committed) as session, session.begin():
            booked(session, "control:1", "control:2")
            last = sealing.head(session)
            keys = session.scalars(
                select(JournalEntry.id)
                .where(JournalEntry.key.like("control:%"))
                .order_by(JournalEntry.key)
            ).all()

        def work(number: int, barrier: Barrier) -> bool:
            with Session(committed) as session:
                session.add(
                    Seal(
                        seq=sealing.head(session).seq + 1,
                        entry_id=keys[number],
                        seal=last.seal,
                        sealed_at=NOW,
                    )
                )
                barrier.wait()
                try:
                    session.commit()
                except IntegrityError:
                    return False
                return True

        assert sorted(at_once(work)) == [False, True]


TAMPERINGS = {
    "an amount": (
        (
            "UPDATE ledger_postings SET amount_minor = amount_minor * 2 WHERE "
            "entry_id = (SELECT entry_id FROM ledger_seals WHERE seq = 2)"
        ),
        [("fee:2", "is not what seal 2 was made of")],
    ),
    "a description": (
        "UPDATE ledger_journal_entries SET description = 'x' WHERE key = 'fee:1'",
        [("fee:1", "is not what seal 1 was made of")],
    ),
    "a removed entry": (
        (
            "DELETE FROM ledger_postings WHERE entry_id = (SELECT entry_id FROM "
            "ledger_seals WHERE seq = 2); DELETE FROM ledger_journal_entries "
            "WHERE key = 'fee:2'"
        ),
        [("seal 2", "is of an entry that is gone")],
    ),
    "a removed seal": (
        "DELETE FROM ledger_seals WHERE seq = 2",
        [
            ("seal 3", "should have the place 2"),
            ("fee:2", "was booked more than an hour ago and is not sealed"),
        ],
    ),
    "the last seal removed": (
        "DELETE FROM ledger_seals WHERE seq = 3",
        [("fee:3", "was booked more than an hour ago and is not sealed")],
    ),
    "another seal": (
        "UPDATE ledger_seals SET seal = repeat('a', 64) WHERE seq = 1",
        [
            ("fee:1", "is not what seal 1 was made of"),
            ("fee:2", "is not what seal 2 was made of"),
        ],
    ),
    "two places swapped": (
        (
            "UPDATE ledger_seals SET seq = seq + 10; UPDATE ledger_seals SET seq = "
            "CASE seq WHEN 11 THEN 2 WHEN 12 THEN 1 ELSE 3 END"
        ),
        [
            ("fee:2", "is not what seal 1 was made of"),
            ("fee:1", "is not what seal 2 was made of"),
            ("fee:3", "is not what seal 3 was made of"),
        ],
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_an_owner_of_the_database_changes_is_found(
    owner_session: Session, name: str
) -> None:
    sealed(owner_session, "fee:1", "fee:2", "fee:3")
    assert found(owner_session) == []
    owner_session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    for table in ("ledger_seals", "ledger_postings", "ledger_journal_entries"):
        owner_session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))

    statements, problems = TAMPERINGS[name]
    for statement in statements.split("; "):
        owner_session.execute(text(statement))

    assert found(owner_session) == problems


class TestCommands:
    def test_a_kept_seal_proves_what_is_before_it(
        self, app: Flask, session: Session
    ) -> None:
        booked(session, "fee:1", "fee:2")
        run = app.test_cli_runner()

        kept = run.invoke(args=["ledger", "head"]).output.strip()

        assert kept == str(sealing.head(session))
        good = run.invoke(args=["ledger", "check", kept])
        assert (good.exit_code, good.output) == (
            0,
            "The first 2 entries are what they were.\n",
        )
        bad = run.invoke(args=["ledger", "check", f"1:{'a' * 64}"])
        assert bad.exit_code == 1
        assert "the books were replaced" in bad.output
        wrong = run.invoke(args=["ledger", "check", "abc"])
        assert (wrong.exit_code, "portal ledger head" in wrong.output) == (2, True)

    def test_a_broken_chain_is_named(self, app: Flask, session: Session) -> None:
        kept = sealed(session, "fee:1")
        long_ago = NOW - timedelta(days=900)
        booked(session, "fee:2", now=long_ago)
        session.flush()

        answer = app.test_cli_runner().invoke(args=["ledger", "check", str(kept)])

        assert answer.exit_code == 1
        assert answer.output == (
            "fee:2 was booked more than an hour ago and is not sealed\n"
        )

    def test_the_job_seals_what_is_booked(self, app: Flask, session: Session) -> None:
        booked(session, "fee:1")
        session.flush()

        with app.app_context():
            jobs.TASKS["ledger.seal"]()

        assert sealing.head(session).seq == 1
