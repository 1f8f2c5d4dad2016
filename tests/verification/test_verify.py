"""`portal verify` finds what somebody with the owner's rights did to the books."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.kit.postgres import EmbeddedPostgres
from portal.payments.models import InboxEvent, InboxSource, InboxStatus
from portal.payouts import service
from portal.statements.models import StatementCounter
from portal.verification.service import NAMES, verify
from tests.commissions.story import Story
from tests.databases import MakeDatabase, named
from tests.factories import base_factory
from tests.factories.people import PartnerFactory, UserFactory
from tests.payouts.paying import NOW as PAY_DAY
from tests.payouts.paying import broken, owed_120, sent_batch
from tests.statements.books import a_month, a_period, at, close, settle

KNOWN = {"negative_balances": "known"}
NOW = at("2026-04-01")
BOOKS = (
    "ledger_postings",
    "ledger_journal_entries",
    "statements",
    "statement_lines",
    "periods",
    "commissions",
    "payouts",
)


def a_year_so_far(session: Session) -> Story:
    """Three months: a sale, a payout with a refund, and a balance carried on."""
    story = Story(session)
    customer = story.credited(first_seen_at=at("2026-01-02"))
    sale = story.sale(customer, at("2026-01-10"))
    story.sale(customer, at("2026-01-12"), 10_000)
    story.recompute()
    program = story.version.program_id
    close(session, a_period(session, program, "2026-01"))
    service.record(
        session,
        enrollment_id=story.enrollment.id,
        amount=Money(5_000, "USD"),
        paid_on=at("2026-02-03").date(),
        reference="E2E-1",
        form_id=new_id(),
        actor=UserFactory.create(finance=True),
        now=at("2026-02-03"),
    )
    story.refund(sale, at("2026-02-05"), sale.gross_minor)
    story.recompute(at("2026-02-05"))
    close(
        session, a_period(session, program, "2026-02"), notes={"negative_balances": "x"}
    )
    story.sale(customer, at("2026-03-12"), 10_000)
    story.recompute(at("2026-03-12"))
    close(
        session, a_period(session, program, "2026-03"), notes={"negative_balances": "x"}
    )
    return story


def test_a_sound_database_has_no_findings(session: Session) -> None:
    a_year_so_far(session)

    assert verify(session, NOW) == []


def test_an_empty_database_has_no_findings(session: Session) -> None:
    assert verify(session, NOW) == []


TAMPERED = [
    (
        "entries-balance",
        (
            "UPDATE ledger_postings SET amount_minor = amount_minor + 1"
            " WHERE id = (SELECT min(id::text)::uuid FROM ledger_postings)"
        ),
    ),
    (
        "books-balance",
        (
            "UPDATE ledger_postings SET amount_minor = amount_minor + 1"
            " WHERE id = (SELECT min(id::text)::uuid FROM ledger_postings)"
        ),
    ),
    (
        "entries-have-two-sides",
        (
            "INSERT INTO ledger_journal_entries (id, key,"
            " description, occurred_at, recorded_at)"
            " VALUES (gen_random_uuid(), 'lonely', '', now(), now())"
        ),
    ),
    ("entries-have-one-currency", "UPDATE ledger_postings SET currency = 'usd'"),
    (
        "entries-have-one-currency",
        (
            "UPDATE ledger_postings SET currency = 'EUR' WHERE"
            " id = (SELECT min(id::text)::uuid FROM ledger_postings)"
        ),
    ),
    ("statements-add-up", "UPDATE statement_lines SET amount_minor = amount_minor + 1"),
    (
        "statements-add-up",
        (
            "ALTER TABLE statements DROP CONSTRAINT ck_statements_adds_up;"
            " UPDATE statements SET closing_minor = closing_minor + 1"
        ),
    ),
    ("shares-add-up", "UPDATE attributions SET of_weight = 3"),
    ("statements-add-up", "UPDATE statements SET line_count = line_count + 1"),
    (
        "statements-connect",
        (
            "UPDATE statements SET opening_minor = opening_minor + 1,"
            " closing_minor = closing_minor + 1 WHERE period_label = '2026-01'"
        ),
    ),
    (
        "statements-connect",
        (
            "UPDATE statements SET opening_minor = opening_minor + 1,"
            " closing_minor = closing_minor + 1 WHERE period_label = '2026-03'"
        ),
    ),
    (
        "statements-are-booked",
        ("UPDATE ledger_postings SET amount_minor = amount_minor * 2"),
    ),
    (
        "statements-are-booked",
        (
            "UPDATE ledger_journal_entries SET key = 'statement:x'"
            " WHERE key LIKE 'statement:%' AND occurred_at < '2026-02-02'"
        ),
    ),
    ("payouts-are-booked", "UPDATE payouts SET amount_minor = amount_minor + 1"),
    ("payouts-are-booked", "DELETE FROM payouts"),
    (
        "balances-follow",
        (
            "UPDATE statements SET closing_minor = closing_minor + 7,"
            " earned_minor = earned_minor + 7 WHERE period_label = '2026-03'"
        ),
    ),
    ("balances-follow", "DELETE FROM statement_lines; DELETE FROM statements"),
    ("lines-match-commissions", "DELETE FROM statement_lines WHERE kind = 'earned'"),
    (
        "lines-match-commissions",
        ("UPDATE commissions SET amount_minor = amount_minor + 1"),
    ),
    (
        "lines-match-commissions",
        ("UPDATE commissions SET frozen_at = NULL, period_label = NULL"),
    ),
    (
        "refunded-sales-earned-nothing",
        ("UPDATE commissions SET amount_minor = -11999 WHERE kind = 'reversal'"),
    ),
    (
        "numbers-have-no-gaps",
        (
            "DELETE FROM statement_lines; DELETE FROM statements"
            " WHERE period_label = '2026-02'"
        ),
    ),
    ("numbers-have-no-gaps", "DELETE FROM statement_lines; DELETE FROM statements"),
    ("numbers-have-no-gaps", "UPDATE statements SET number = number || '1'"),
    ("numbers-have-no-gaps", "UPDATE statement_counters SET last_count = 9"),
    ("hashes-hold", "UPDATE statements SET partner_name = 'Somebody else'"),
    ("hashes-hold", "UPDATE statement_lines SET why = 'because'"),
    ("hashes-hold", "UPDATE statements SET pays_on = '2026-12-31'"),
]


@pytest.fixture(scope="module")
def unguarded(server: EmbeddedPostgres, new_database: MakeDatabase) -> Iterator[Engine]:
    """A database of its own with three months of books, whose triggers are off."""
    engine = create_engine(named(server.owner_url, new_database()))
    with Session(engine) as session:
        base_factory.bind(session)
        a_year_so_far(session)
        settle(session)
        for table in BOOKS:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        session.commit()
    yield engine
    engine.dispose()


@pytest.mark.parametrize(("invariant", "tampering"), TAMPERED)
def test_tampering_is_found_and_the_row_named(
    unguarded: Engine, invariant: str, tampering: str
) -> None:
    with Session(unguarded) as session:
        for statement in tampering.split(";"):
            session.execute(text(statement))
        findings = verify(session, NOW)

    found = [finding for finding in findings if finding.invariant == invariant]
    assert found
    assert all(finding.row and finding.problem for finding in found)


@pytest.mark.parametrize("status", [InboxStatus.RECEIVED, InboxStatus.FAILED])
def test_an_event_left_lying_in_a_closed_month_is_found(
    session: Session, status: InboxStatus
) -> None:
    close(session, a_month(Story(session)))
    session.add(
        InboxEvent(
            id="evt_1",
            type="invoice.paid",
            payload={},
            occurred_at=at("2026-01-10"),
            received_at=NOW - timedelta(hours=2),
            source=InboxSource.WEBHOOK,
            status=status,
        )
    )
    session.flush()

    [finding] = verify(session, NOW)

    assert finding.invariant == "events-are-settled"
    assert finding.row == "evt_1"


def test_a_counter_that_stands_at_nothing_is_sound(session: Session) -> None:
    story = Story(session)
    session.add(StatementCounter(program_id=story.version.program_id, last_count=0))
    session.flush()

    assert verify(session, NOW) == []


def test_the_command_says_that_all_is_well(app: Flask, session: Session) -> None:
    close(session, a_month(Story(session)))
    runner = app.test_cli_runner()

    spoken = runner.invoke(args=["verify"])
    data = runner.invoke(args=["verify", "--json"])

    assert spoken.exit_code == data.exit_code == 0
    assert spoken.output == f"All {len(NAMES)} invariants hold.\n"
    assert json.loads(data.output) == {"checked": list(NAMES), "findings": []}


def test_the_command_names_what_is_broken(app: Flask, session: Session) -> None:
    close(session, a_month(Story(session)))
    session.execute(text("UPDATE statement_counters SET last_count = 9"))
    runner = app.test_cli_runner()

    spoken = runner.invoke(args=["verify"])
    data = runner.invoke(args=["verify", "--json"])

    assert spoken.exit_code == data.exit_code == 1
    assert spoken.output.startswith("numbers-have-no-gaps: ")
    assert json.loads(data.output)["findings"][0]["invariant"] == "numbers-have-no-gaps"


BATCHES = [
    (
        "payouts-are-booked",
        "UPDATE payout_batch_rows SET amount_minor = amount_minor + 1",
    ),
    ("payouts-are-booked", "UPDATE payout_batch_rows SET status = 'failed'"),
    ("payouts-are-booked", "DELETE FROM payout_batch_rows"),
    ("batches-hold", "UPDATE payout_batch_rows SET status = 'pending'"),
    ("batches-hold", "UPDATE payout_batches SET status = 'settled'"),
    ("batches-hold", "UPDATE payout_batch_rows SET currency = 'EUR'"),
    (
        "batches-hold",
        (
            "UPDATE payout_accounts SET partner_id ="
            " (SELECT id FROM partners WHERE name = 'Somebody else')"
        ),
    ),
]


@pytest.mark.parametrize(("invariant", "tampering"), BATCHES)
def test_tampering_with_a_batch_is_found(
    owner_session: Session, invariant: str, tampering: str
) -> None:
    owed_120(owner_session)
    batch = sent_batch(owner_session)
    PartnerFactory.create(name="Somebody else")
    settle(owner_session)
    assert broken(owner_session, PAY_DAY) == []

    owner_session.execute(text(tampering))
    owner_session.expire_all()

    found = [
        finding
        for finding in broken(owner_session, PAY_DAY)
        if finding.invariant == invariant
    ]
    assert found
    assert all(batch.name in one.row or "payout:" in one.row for one in found)
