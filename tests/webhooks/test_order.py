"""The order in which events come, and how often, makes no difference."""

import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.kit.ids import new_id, public_id
from portal.payments.models import InboxEvent
from portal.sales.models import Customer, CustomerSubscription, Refund, Sale, SaleLine
from tests.webhooks.feed import CURRENT, OLDER, busy_account, dump, feed, unhappy

CLICK = public_id("clk", new_id())


@pytest.fixture(scope="module")
def accounts() -> dict[str, list[dict[str, object]]]:
    return {version: busy_account(version, click=CLICK) for version in (OLDER, CURRENT)}


@pytest.mark.parametrize("version", [OLDER, CURRENT])
def test_any_order_with_repetitions_gives_the_same_rows(
    session: Session, accounts: dict[str, list[dict[str, object]]], version: str
) -> None:
    events = accounts[version]
    with session.begin_nested() as savepoint:
        feed(session, events)
        assert unhappy(session) == []
        expected = dump(session)
        assert session.scalar(select(func.count()).select_from(Sale)) == 10
        assert session.scalar(select(func.count()).select_from(Refund))
        savepoint.rollback()
    for seed in range(4):
        shuffled = events * 2
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - a test's shuffle
        if seed == 0:
            shuffled = events[::-1]
        with session.begin_nested() as savepoint:
            tally = feed(session, shuffled)
            assert unhappy(session) == []
            assert tally.new == len(events)
            assert dump(session) == expected
            savepoint.rollback()


def test_both_shapes_give_the_same_rows(
    session: Session, accounts: dict[str, list[dict[str, object]]]
) -> None:
    dumps = []
    for version in (OLDER, CURRENT):
        with session.begin_nested() as savepoint:
            feed(session, accounts[version])
            dumps.append(dump(session))
            savepoint.rollback()

    assert dumps[0] == dumps[1]


def test_names_that_look_like_formulas_are_kept_as_text(
    session: Session, accounts: dict[str, list[dict[str, object]]]
) -> None:
    feed(session, accounts[CURRENT])

    text = dump(session).decode()
    assert "'=HYPERLINK(0)'" in text
    assert "'1 × =HYPERLINK(plan)'" in text.encode().decode("unicode_escape")


def test_lines_country_and_leaving_are_told(
    session: Session, accounts: dict[str, list[dict[str, object]]]
) -> None:
    feed(session, accounts[OLDER])

    rows = session.execute(
        select(Customer.name, Customer.country, Customer.left_at).order_by(
            Customer.name
        )
    )
    customers = {name: (country, left_at) for name, country, left_at in rows}
    assert customers == {
        "Ada": ("AT", None),
        "=HYPERLINK(0)": ("DE", None),
        "Goes": ("DE", datetime(2026, 4, 1, 9, tzinfo=UTC)),
        # A customer of Stripe's account, whose subscription is an entry fee.
        "Partner": ("DE", None),
        "Guest": ("US", None),
    }
    renewed = session.scalars(
        select(SaleLine)
        .join(Sale, Sale.id == SaleLine.sale_id)
        .join(Customer, Customer.id == Sale.customer_id)
        .where(
            Customer.name == "Ada",
            Sale.occurred_at == datetime(2026, 4, 1, 9, tzinfo=UTC),
        )
        .order_by(SaleLine.position)
    ).all()
    assert [(line.units, line.description) for line in renewed] == [
        (1, "1 × =HYPERLINK(plan)"),
        # Three for the month, and two less for the days since they were given up.
        (1, "3 × Seat"),
    ]


def test_entry_fees_are_no_sales(
    session: Session, accounts: dict[str, list[dict[str, object]]]
) -> None:
    feed(session, accounts[CURRENT])

    notes = session.scalars(
        select(InboxEvent.note).where(InboxEvent.note.startswith("entry fee"))
    ).all()
    assert len(notes) >= 8
    subscriptions = select(func.count()).select_from(CustomerSubscription)
    assert session.scalar(subscriptions) == 3
