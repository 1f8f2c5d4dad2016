"""The order in which events come, and how often, makes no difference."""

import random

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.kit.ids import new_id, public_id
from portal.payments.models import InboxEvent
from portal.sales.models import Refund, Sale
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
        assert session.scalar(select(func.count()).select_from(Sale)) == 9
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


def test_entry_fees_are_no_sales(
    session: Session, accounts: dict[str, list[dict[str, object]]]
) -> None:
    feed(session, accounts[CURRENT])

    notes = session.scalars(
        select(InboxEvent.note).where(InboxEvent.note.startswith("entry fee"))
    ).all()
    assert len(notes) >= 8
