"""Events that nobody hopes for are accepted or refused by rule, never rounded away.

The same cases as tests/simulation/test_odd_events.py, from Stripe's event to the
commission in the database.
"""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.sales.models import Sale
from portal.webhooks import service
from tests.commissions.facts import bands, rule
from tests.commissions.story import Story, a_version
from tests.factories.base_factory import NOW
from tests.sales import stripe_objects as so
from tests.webhooks.feed import Event, feed, inbox

HUGE = 9 * 10**15
MOST = 10**18
LINKED = so.event("invoice_payment.paid", so.invoice_payment())


def invoice(net: int, **changes: object) -> Event:
    """An invoice without tax that was paid in full."""
    sums = {"amount_paid": net, "total": net, "total_excluding_tax": net}
    paid: dict[str, Any] = {**sums, "total_taxes": [], **changes}
    lines = [(net, "pro", "Pro")]
    return so.event("invoice.paid", so.invoice(lines=lines, **paid))


def earned(session: Session, *events: Event, rate_bps: int = 2_000) -> list[int]:
    """What a partner earns whose click `cus_1` came by."""
    story = Story(session, a_version(rules=[rule(bands=bands((0, rate_bps)))]))
    click = story.click(NOW - timedelta(days=3))
    known = so.customer(metadata={"gh_click": click.public_id}, created=so.AT)
    tally = feed(session, [so.event("customer.created", known), *events])
    for customer_id in tally.customers:
        service.credit(session, customer_id, now=NOW)
    story.recompute()
    return story.amounts()


def state(session: Session, event: Event) -> tuple[str, str]:
    row = inbox(session, event["id"])
    return row.status, row.note


def test_events_out_of_order_come_to_the_same(session: Session) -> None:
    refund = so.event("refund.created", so.refund(amount=9))
    seen = []
    for order in permutations([invoice(10_000), LINKED, refund]):
        with session.begin_nested() as savepoint:
            seen.append(earned(session, *order))
            savepoint.rollback()

    assert seen == [[2_000, -2]] * 6


def test_duplicated_events_count_once_and_are_counted(session: Session) -> None:
    paid = invoice(10_000)
    told_again = paid | {"id": "evt_again"}

    assert earned(session, paid, told_again) == [2_000]
    tally = feed(session, [paid, paid])
    assert (tally.new, tally.known) == (0, 2)


def test_the_same_sale_with_another_amount_changes_nothing(session: Session) -> None:
    other = invoice(1) | {"id": "evt_other"}

    assert earned(session, invoice(10_000), other) == [2_000]


def test_a_customer_whom_nobody_brought_earns_nobody_anything(session: Session) -> None:
    stranger = invoice(10_000, customer="cus_stranger")

    assert earned(session, stranger) == []
    assert state(session, stranger)[0] == "handled"
    assert len(session.scalars(select(Sale)).all()) == 1


def test_an_invoice_of_nobody_is_ignored_and_says_so(session: Session) -> None:
    nobody = invoice(10_000, customer=None)

    assert earned(session, nobody) == []
    assert state(session, nobody) == ("ignored", "It names no customer.")


def test_another_currency_is_there_and_earns_nothing(session: Session) -> None:
    assert earned(session, invoice(10_000, currency="eur")) == [0]


@pytest.mark.parametrize("net", [0, -1, -HUGE])
def test_invoices_of_nothing_or_less_are_no_sales(session: Session, net: int) -> None:
    nothing = invoice(net, amount_paid=0)

    assert earned(session, nothing) == []
    assert state(session, nothing) == ("ignored", "Nothing was paid.")


@pytest.mark.parametrize("net", [HUGE, HUGE + 1, MOST - 1, MOST])
def test_very_large_amounts_earn_to_the_unit_and_go_back_to_the_unit(
    session: Session, net: int
) -> None:
    back = so.event("refund.created", so.refund(amount=net - 1))

    assert earned(session, invoice(net), LINKED, back, rate_bps=10_000) == [
        net,
        1 - net,
    ]


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (MOST + 1, f"Unreadable: has more than {MOST} as amount_paid"),
        (10**400, f"Unreadable: has more than {MOST} as amount_paid"),
        (99.5, "Unreadable: has 99.5 as amount_paid, which is no amount"),
        (9e15, "Unreadable: has 9000000000000000.0 as amount_paid"),
        ("100", "Unreadable: has '100' as amount_paid, which is no amount"),
    ],
    ids=["one too many", "endless", "half a cent", "with an exponent", "as text"],
)
def test_what_would_have_to_be_rounded_is_set_aside(
    session: Session,
    net: Any,  # noqa: ANN401 - any JSON value
    says: str,
) -> None:
    odd = invoice(10_000, amount_paid=net)

    assert earned(session, odd) == []
    status, note = state(session, odd)
    assert status == "failed"
    assert note.startswith(says)
