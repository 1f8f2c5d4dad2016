"""The order in which events come, and how often, makes no difference."""

import random
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.extensions import db
from portal.kit.ids import new_id, public_id
from portal.payments.models import InboxEvent
from portal.sales.models import Customer, CustomerSubscription, Refund, Sale, SaleLine
from tests.webhooks.feed import CURRENT, OLDER, busy_account, dump, feed, unhappy

CLICK = public_id("clk", new_id())


@pytest.fixture(scope="module")
def accounts() -> dict[str, list[dict[str, object]]]:
    return {version: busy_account(version, click=CLICK) for version in (OLDER, CURRENT)}


class Left(NamedTuple):
    """What an account leaves whose events come once and in order."""

    rows: bytes
    unhappy: list[tuple[str, str, str]]
    sales: int
    refunds: int
    customers: dict[str | None, tuple[str | None, datetime | None]]
    lines_of_ada: list[tuple[int, str | None]]
    fee_notes: list[str]
    subscriptions: int


@pytest.fixture(scope="module")
def left(app: Flask, accounts: dict[str, list[dict[str, object]]]) -> dict[str, Left]:
    """What each version leaves; nothing of it stays in the database."""
    with app.app_context():
        engine = db.engine
    found = {}
    for version, events in accounts.items():
        with Session(engine) as session:
            feed(session, events)
            found[version] = look(session)
            session.rollback()
    return found


def look(session: Session) -> Left:
    def count(model: type) -> int:
        return session.scalar(select(func.count()).select_from(model)) or 0

    customers = session.execute(
        select(Customer.name, Customer.country, Customer.left_at)
    )
    lines = session.execute(
        select(SaleLine.units, SaleLine.description)
        .join(Sale, Sale.id == SaleLine.sale_id)
        .join(Customer, Customer.id == Sale.customer_id)
        .where(
            Customer.name == "Ada",
            Sale.occurred_at == datetime(2026, 4, 1, 9, tzinfo=UTC),
        )
        .order_by(SaleLine.position)
    )
    notes = session.scalars(
        select(InboxEvent.note).where(InboxEvent.note.startswith("entry fee"))
    )
    return Left(
        rows=dump(session),
        unhappy=unhappy(session),
        sales=count(Sale),
        refunds=count(Refund),
        customers={name: (country, left_at) for name, country, left_at in customers},
        lines_of_ada=[(units, description) for units, description in lines],
        fee_notes=list(notes),
        subscriptions=count(CustomerSubscription),
    )


@pytest.mark.parametrize("version", [OLDER, CURRENT])
def test_any_order_with_repetitions_gives_the_same_rows(
    session: Session,
    accounts: dict[str, list[dict[str, object]]],
    left: dict[str, Left],
    version: str,
) -> None:
    events = accounts[version]
    expected = left[version]
    assert expected.unhappy == []
    assert expected.sales == 10
    assert expected.refunds
    for seed in range(4):
        shuffled = events * 2
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - a test's shuffle
        if seed == 0:
            shuffled = events[::-1]
        with session.begin_nested() as savepoint:
            tally = feed(session, shuffled)
            assert unhappy(session) == []
            assert tally.new == len(events)
            assert dump(session) == expected.rows
            savepoint.rollback()


def test_both_shapes_give_the_same_rows(left: dict[str, Left]) -> None:
    assert left[OLDER].rows == left[CURRENT].rows


def test_names_that_look_like_formulas_are_kept_as_text(left: dict[str, Left]) -> None:
    text = left[CURRENT].rows.decode()
    assert "'=HYPERLINK(0)'" in text
    assert "'1 × =HYPERLINK(plan)'" in text.encode().decode("unicode_escape")


def test_lines_country_and_leaving_are_told(left: dict[str, Left]) -> None:
    assert left[OLDER].customers == {
        "Ada": ("AT", None),
        "=HYPERLINK(0)": ("DE", None),
        "Goes": ("DE", datetime(2026, 4, 1, 9, tzinfo=UTC)),
        # A customer of Stripe's account, whose subscription is an entry fee.
        "Partner": ("DE", None),
        "Guest": ("US", None),
    }
    assert left[OLDER].lines_of_ada == [
        (1, "1 × =HYPERLINK(plan)"),
        # Three for the month, and two less for the days since they were given up.
        (1, "3 × Seat"),
    ]


def test_entry_fees_are_no_sales(left: dict[str, Left]) -> None:
    assert len(left[CURRENT].fee_notes) >= 8
    assert left[CURRENT].subscriptions == 3
