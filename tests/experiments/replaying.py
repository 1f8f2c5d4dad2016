"""The demo's fourteen months, told again into an empty database."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import time_machine
from sqlalchemy import select

from portal.app import create_app
from portal.config import Settings
from portal.demo.story.script import DemoStory
from portal.demo.story.stage import Setting
from portal.extensions import db
from portal.ledger.models import JournalEntry, Posting
from portal.partners.models import Partner
from portal.statements.models import Statement, StatementLine

TODAY = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
SETTING = Setting(
    org_name="Acme",
    base_url="http://localhost",
    shop_url="http://localhost:8027",
    sandbox_url="http://localhost:8026",
    webhook_secret="whsec_test",
    password="k7-plum-otter-42",
)


def tell(settings: Settings, state: Path, *, chance: int = 14) -> bytes:
    """Give every command and event of the story to an empty database; dump it.

    Args:
        settings: With the addresses of the database.
        state: Where Stripe's account may be kept.
        chance: The seed of what customers do; another one makes another year.

    Returns:
        Statements, their lines and the books, without keys of rows.
    """
    with time_machine.travel(TODAY, tick=False), create_app(settings).app_context():
        DemoStory(replace(SETTING, seed=chance), now=TODAY, say=lambda _: None).tell(
            state
        )
        found = dump()
        db.session.remove()
        db.engine.dispose()
    return found


def dump() -> bytes:
    session = db.session()
    statements = session.execute(
        select(
            Statement.number,
            Statement.partner_name,
            Statement.currency,
            Statement.opening_minor,
            Statement.earned_minor,
            Statement.reversals_minor,
            Statement.adjustments_minor,
            Statement.payouts_minor,
            Statement.closing_minor,
            Statement.payment,
            Statement.pays_on,
        )
    )
    lines = session.execute(
        select(
            Statement.number,
            StatementLine.position,
            StatementLine.kind,
            StatementLine.occurred_at,
            StatementLine.customer,
            StatementLine.what,
            StatementLine.why,
            StatementLine.base_minor,
            StatementLine.amount_minor,
        ).join(Statement, Statement.id == StatementLine.statement_id)
    )
    books = session.execute(
        select(
            JournalEntry.description,
            JournalEntry.occurred_at,
            Posting.account,
            Partner.name,
            Posting.amount_minor,
            Posting.currency,
        )
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .outerjoin(Partner, Partner.id == Posting.partner_id)
    )
    tables = [
        sorted(repr(tuple(row)) for row in rows) for rows in (statements, lines, books)
    ]
    return json.dumps(tables).encode()
