"""What each kind of event does."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.kit.ids import new_id, public_id
from portal.payments.models import InboxStatus
from portal.sales import queries
from portal.sales.models import Customer, CustomerSubscription, Refund, Sale
from tests.factories.base_factory import NOW
from tests.sales import stripe_objects as so
from tests.webhooks.feed import dump, feed, inbox

CLICK = public_id("clk", new_id())
PAID = so.event("invoice.paid", so.invoice())
LINKED = so.event("invoice_payment.paid", so.invoice_payment())
SOLD = [PAID, LINKED]


def _sale(session: Session) -> Sale:
    return session.scalars(select(Sale)).one()


def _refunds(session: Session) -> list[tuple[str, str, int]]:
    rows = session.scalars(select(Refund).order_by(Refund.occurred_at, Refund.id))
    return [(row.external_id, row.kind, row.net_minor) for row in rows]


def _state(session: Session, event: dict[str, Any]) -> tuple[str, str]:
    row = inbox(session, event["id"])
    return row.status, row.note


@pytest.mark.parametrize("older", [True, False])
def test_a_paid_invoice_is_a_sale(session: Session, *, older: bool) -> None:
    events = [
        so.event(kind, so.invoice(older=older))
        for kind in ("invoice.paid", "invoice.payment_succeeded")
    ]

    tally = feed(session, events)

    sale = _sale(session)
    assert (sale.gross_minor, sale.tax_minor, sale.net_minor) == (11_900, 1_900, 10_000)
    assert (sale.external_id, sale.currency, sale.occurred_at) == ("in_1", "USD", NOW)
    customer = queries.customer_of(session, "cus_1")
    assert customer is not None
    assert (customer.name, customer.email) == ("Ada", "ada@buyers.example")
    assert tally.customers == {customer.id}


@pytest.mark.parametrize("kind", ["invoice.paid", "invoice.payment_succeeded"])
def test_either_shape_first_gives_the_same_lines(session: Session, kind: str) -> None:
    asked = [
        so.Asked(4_000, "seat", "40 × Seat", quantity=40, discounts=(400,)),
        so.Asked(-100, "pro", quantity=1),
        so.Asked(6_500, None, "Workshop", quantity=None, taxes=(1_000, 900)),
    ]
    shapes = [
        so.event(kind, so.invoice(older=older, lines=asked), key=f"{older}")
        for older in (True, False)
    ]
    seen = set()
    for order in permutations(shapes):
        with session.begin_nested() as savepoint:
            feed(session, order)
            seen.add(dump(session))
            lines = queries.lines_of(session, [_sale(session).id])
            savepoint.rollback()

    assert len(seen) == 1
    assert [(line.product, line.units) for line in next(iter(lines.values()))] == [
        ("prod_seat", 40),
        (None, 1),
    ]


def test_a_sale_of_a_checkout_is_one_line(session: Session) -> None:
    details = {"address": so.address("FR"), "email": "ada@buyers.example"}
    checkout = so.checkout(customer_details=details)

    feed(session, [so.event("checkout.session.completed", checkout)])

    sale = _sale(session)
    assert queries.lines_of(session, [sale.id]) == {
        sale.id: ((None, 1, 4_500, 0, 500),)
    }
    assert queries.customer(session, sale.customer_id).country == "FR"


@pytest.mark.parametrize(
    "event",
    [
        so.event("customer.created", so.customer(address=so.address("DE"))),
        so.event("customer.updated", so.customer(address=so.address("DE"))),
        so.event("invoice.paid", so.invoice(customer_address=so.address("DE"))),
    ],
    ids=lambda event: event["type"],
)
def test_an_address_tells_where_the_customer_is(
    session: Session, event: dict[str, Any]
) -> None:
    tally = feed(session, [event])

    customer = session.scalars(select(Customer)).one()
    assert customer.country == "DE"
    assert tally.customers == {customer.id}


def _subscribed(kind: str, day: int, **changes: object) -> dict[str, Any]:
    key = f"{changes.get('id', 'sub_1')}_{kind}_{day}"
    obj = so.subscription(**changes)
    return so.event(
        f"customer.subscription.{kind}", obj, key=key, at=so.AT + day * 86_400
    )


def test_a_customer_leaves_and_comes_back_in_any_order(session: Session) -> None:
    ended = {"status": "canceled", "ended_at": so.AT + 9 * 86_400}
    leaving = [
        _subscribed("created", 0, status="incomplete"),
        _subscribed("updated", 0),
        PAID,
        _subscribed("deleted", 9, **ended),
    ]
    back = [
        _subscribed("created", 20, id="sub_2", status="incomplete"),
        so.event(
            "invoice.paid",
            so.invoice(
                id="in_2",
                parent={
                    "type": "subscription_details",
                    "subscription_details": {"subscription": "sub_2", "metadata": {}},
                },
            ),
        ),
    ]
    for told, left_at in (
        (leaving, NOW + timedelta(days=9)),
        ([*leaving[2:], back[0]], NOW + timedelta(days=9)),
        ([leaving[0], leaving[3], *back], None),
    ):
        for order in permutations(told):
            with session.begin_nested() as savepoint:
                tally = feed(session, order)
                customer = session.scalars(select(Customer)).one()
                assert customer.left_at == left_at
                assert tally.customers == {customer.id}
                savepoint.rollback()


def test_a_partner_whose_entry_fee_ends_is_no_customer_who_left(
    session: Session,
) -> None:
    mark = {"gatehouse": "fee", "enrollment": str(new_id())}
    told = [
        _subscribed("created", 0, metadata=mark),
        _subscribed("updated", 1, metadata=mark),
        _subscribed("deleted", 9, metadata=mark, status="canceled", ended_at=so.AT),
    ]

    feed(session, told)

    assert {_state(session, event)[0] for event in told} == {"handled"}
    assert session.scalars(select(Customer)).all() == []
    assert session.scalars(select(CustomerSubscription)).all() == []


def test_another_currency_is_recorded_as_it_is(session: Session) -> None:
    feed(session, [so.event("invoice.paid", so.invoice(currency="jpy"))])

    assert _sale(session).currency == "JPY"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"amount_paid": 0, "total": 0, "total_excluding_tax": 0}, "Nothing was paid."),
        (
            {"amount_paid": 0, "total": -9, "total_excluding_tax": -9},
            "Nothing was paid.",
        ),
        ({"status": "open"}, "The invoice is not paid yet."),
        ({"customer": None}, "It names no customer."),
    ],
)
def test_invoices_that_are_no_sales_are_ignored(
    session: Session, changes: dict[str, Any], note: str
) -> None:
    event = so.event("invoice.paid", so.invoice(**changes))

    feed(session, [event])

    assert _state(session, event) == ("ignored", note)
    assert session.scalars(select(Sale)).all() == []


def test_what_hangs_on_an_invoice_of_nothing_does_not_wait(session: Session) -> None:
    link = so.event("invoice_payment.paid", so.invoice_payment())
    refund = so.event("refund.created", so.refund())
    nothing = so.invoice(amount_paid=0, total=0, total_excluding_tax=0)

    feed(session, [refund, link, so.event("invoice.paid", nothing)])

    assert _state(session, link) == ("ignored", "Nothing was paid.")
    assert _state(session, refund) == ("ignored", "Nothing was paid.")


def test_a_refund_that_comes_first_waits_for_its_sale(session: Session) -> None:
    refund = so.event("refund.created", so.refund())

    feed(session, [refund])
    row = inbox(session, refund["id"])
    assert (row.status, row.parked_for) == (InboxStatus.PARKED, "pi_1")
    feed(session, [LINKED])
    assert _state(session, LINKED)[0] == "parked"
    feed(session, [PAID])

    assert _state(session, refund) == ("handled", "")
    assert _state(session, LINKED) == ("handled", "")
    assert _refunds(session) == [("re_1", "refund", 1_000)]
    assert inbox(session, refund["id"]).parked_for is None


def test_the_older_charge_names_its_invoice(session: Session) -> None:
    charge = so.event("charge.succeeded", so.charge(invoice="in_1"))
    invoice = so.invoice(older=True, charge=None, payment_intent=None)
    refund = so.event("refund.created", so.refund(payment_intent=None))

    feed(session, [refund, charge, so.event("invoice.paid", invoice)])

    assert _refunds(session) == [("re_1", "refund", 1_000)]


def test_the_current_charge_says_nothing_new(session: Session) -> None:
    charge = so.event("charge.succeeded", so.charge())

    feed(session, [charge])

    assert _state(session, charge)[0] == "ignored"


def test_a_refund_counts_once_however_often_it_is_told(session: Session) -> None:
    listed = so.charge(refunds={"data": [so.refund(status="pending"), so.refund()]})
    refunded = so.event("charge.refunded", listed)
    unlisted = so.event("charge.refunded", so.charge(id="ch_2"))
    events = [
        *SOLD,
        so.event("refund.created", so.refund()),
        so.event("refund.updated", so.refund()),
        so.event("charge.refund.updated", so.refund()),
        refunded,
        unlisted,
    ]

    feed(session, events)

    assert _refunds(session) == [("re_1", "refund", 1_000)]
    assert _state(session, refunded)[0] == "handled"
    assert _state(session, unlisted) == (
        "ignored",
        "Each refund counts by its own event.",
    )


def test_the_refunds_of_an_old_charge_wait_for_its_sale(session: Session) -> None:
    refunded = so.event("charge.refunded", so.charge(refunds={"data": [so.refund()]}))

    feed(session, [refunded, LINKED, PAID])

    assert _refunds(session) == [("re_1", "refund", 1_000)]


def test_a_refund_that_is_not_through_takes_nothing(session: Session) -> None:
    pending = so.event("refund.created", so.refund(status="pending"))

    feed(session, [*SOLD, pending])

    assert _refunds(session) == []
    assert _state(session, pending)[1] == (
        "The refund has not gone through: it is pending."
    )


def test_a_refund_that_bounces_gives_back(session: Session) -> None:
    failed = so.event("refund.failed", so.refund(status="failed"))

    feed(session, [*SOLD, failed, so.event("refund.created", so.refund())])

    assert sorted(_refunds(session)) == [
        ("re_1", "refund", 1_000),
        ("re_1:failed", "refund_failed", -1_000),
    ]


def test_a_dispute_takes_back_and_gives_back_when_it_is_won(session: Session) -> None:
    closed = so.event(
        "charge.dispute.closed",
        so.dispute(status="won"),
        at=so.AT + 9 * 86_400,
    )

    feed(session, [closed, so.event("charge.dispute.created", so.dispute()), *SOLD])

    assert _refunds(session) == [
        ("dp_1", "dispute", 10_000),
        ("dp_1:won", "dispute_won", -10_000),
    ]
    won = session.scalars(select(Refund).where(Refund.external_id == "dp_1:won")).one()
    assert won.occurred_at == NOW + timedelta(days=9)


def test_a_dispute_that_is_lost_stays(session: Session) -> None:
    feed(session, [*SOLD, so.event("charge.dispute.closed", so.dispute(status="lost"))])

    assert _refunds(session) == [("dp_1", "dispute", 10_000)]


def test_an_inquiry_takes_nothing_until_money_moves(session: Session) -> None:
    asked = so.event(
        "charge.dispute.created", so.dispute(status="warning_under_review")
    )
    feed(session, [*SOLD, asked])
    assert _state(session, asked)[0] == "ignored"
    assert _refunds(session) == []

    feed(session, [so.event("charge.dispute.funds_withdrawn", so.dispute())])

    assert _refunds(session) == [("dp_1", "dispute", 10_000)]


def test_a_credit_note_counts_once_with_its_refund(session: Session) -> None:
    own = {"amount_refunded": 1_190, "refund": "re_1"}
    note = so.event("credit_note.created", so.credit_note(refunds=[own]))
    outside = so.event("credit_note.created", so.credit_note(id="cn_2"))
    void = so.event("credit_note.created", so.credit_note(id="cn_3", status="void"))

    feed(session, [note, outside, void, so.event("refund.created", so.refund()), *SOLD])

    assert sorted(_refunds(session)) == [
        ("cn_2", "refund", 1_000),
        ("re_1", "refund", 1_000),
    ]
    assert _state(session, note) == ("ignored", "It moves no money by itself.")
    assert _state(session, void) == ("ignored", "The credit note is void.")


def test_a_refund_without_a_payment_is_ignored(session: Session) -> None:
    refund = so.event("refund.created", so.refund(charge=None, payment_intent=None))

    feed(session, [refund])

    assert _state(session, refund) == ("ignored", "It names no payment.")


def test_a_payment_without_an_invoice_is_a_sale_of_the_checkout(
    session: Session,
) -> None:
    refund = so.event("refund.created", so.refund(payment_intent="pi_9", charge=None))
    event = so.event("checkout.session.completed", so.checkout(customer=None))

    feed(session, [refund, event])

    sale = _sale(session)
    assert (sale.external_id, sale.net_minor) == ("cs_test_1", 4_500)
    assert queries.customer_of(session, "cs_test_1") is not None
    assert [row[0] for row in _refunds(session)] == ["re_1"]


def test_an_unpaid_checkout_becomes_a_sale_when_the_money_comes(
    session: Session,
) -> None:
    feed(
        session,
        [
            so.event(
                "checkout.session.completed", so.checkout(payment_status="unpaid")
            ),
            so.event(
                "checkout.session.async_payment_succeeded", so.checkout(), at=so.AT + 5
            ),
        ],
    )

    assert _sale(session).occurred_at == NOW + timedelta(seconds=5)


def test_an_empty_checkout_of_nobody_is_ignored(session: Session) -> None:
    event = so.event(
        "checkout.session.completed", so.checkout(customer=None, amount_total=0)
    )

    feed(session, [event])

    assert _state(session, event) == ("ignored", "It names no customer.")


@pytest.mark.parametrize(
    "event",
    [
        so.event("checkout.session.completed", so.checkout(client_reference_id=CLICK)),
        so.event(
            "checkout.session.completed", so.checkout(metadata={"gh_click": CLICK})
        ),
        so.event("customer.created", so.customer(metadata={"gh_click": CLICK})),
        so.event("customer.updated", so.customer(metadata={"gh_click": CLICK})),
        so.event("invoice.paid", so.invoice(subscription_metadata={"gh_click": CLICK})),
        so.event(
            "customer.subscription.created",
            {
                "id": "sub_1",
                "object": "subscription",
                "created": so.AT,
                "customer": {"id": "cus_1"},
                "metadata": {"gh_click": CLICK},
            },
        ),
    ],
    ids=lambda event: event["type"],
)
def test_a_click_ties_the_customer_to_it(
    session: Session, event: dict[str, Any]
) -> None:
    feed(session, [event])

    customer = session.scalars(select(Customer)).one()
    assert customer.click_reference == CLICK
    assert public_id("clk", customer.click_id or new_id()) == CLICK


def test_an_invoice_given_up_after_it_was_paid_is_noted(session: Session) -> None:
    voided = so.event("invoice.voided", so.invoice(status="void"))
    lost = so.event("invoice.marked_uncollectible", so.invoice(id="in_2"))

    feed(session, [*SOLD, voided, lost])

    status, note = _state(session, voided)
    assert status == "handled"
    assert _sale(session).public_id in note
    assert _state(session, lost) == ("ignored", "Nothing was paid.")


def test_other_types_are_ignored(session: Session) -> None:
    event = so.event("payout.paid", {"id": "po_1", "object": "payout"})

    feed(session, [event])

    assert _state(session, event) == (
        "ignored",
        "Nothing here acts on events of this type.",
    )


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (
            so.event("invoice.paid", so.invoice(amount_paid="much")),
            "Unreadable: has 'much' as amount_paid, which is no amount",
        ),
        (
            so.event("invoice.paid", so.invoice(amount_paid=2**70, total=2**70)),
            "Unreadable: has more than 1000000000000000000 as amount_paid",
        ),
        (
            so.event(
                "invoice.paid", so.invoice(lines=[so.Asked(1, "pro", quantity=-1)])
            ),
            "Unreadable: has -1 as quantity",
        ),
        (
            so.event(
                "invoice.paid",
                so.invoice(id="in_2", lines=[so.Asked(1, "x", "", 2**70)]),
            ),
            "Unreadable: has more than 1000000000000000000 as quantity",
        ),
        (
            so.event("refund.created", so.refund(currency="eur")),
            "OtherCurrency: re_1 is in EUR",
        ),
        (
            so.event(
                "customer.subscription.created",
                {"id": "sub", "object": "subscription", "created": so.AT},
            ),
            "Unreadable: names no customer",
        ),
    ],
)
def test_an_event_that_breaks_is_set_aside_and_harms_nothing(
    session: Session, event: dict[str, Any], note: str
) -> None:
    after = so.event("invoice.paid", so.invoice(id="in_9"), key="after")

    feed(session, [*SOLD, event | {"id": "evt_bad"}, after])

    status, text = _state(session, {"id": "evt_bad"})
    assert status == "failed"
    assert text.startswith(note)
    assert queries.sale_behind(session, ["in_9"])


ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    0,
    -7,
    2**70,
    True,
    1.5,
    [],
    [None],
    [{}],
    {},
    {"amount": "x"},
)


@pytest.mark.parametrize(
    "field",
    [
        "amount",
        "quantity",
        "discount_amounts",
        "discounts",
        "pretax_credit_amounts",
        "taxes",
        "pricing",
        "description",
    ],
)
def test_a_line_with_anything_in_it_adds_up_or_is_set_aside(
    session: Session, field: str
) -> None:
    for number, odd in enumerate(ODD):
        invoice = so.invoice(customer_address=odd)
        invoice["lines"]["data"][0][field] = odd
        event = so.event("invoice.paid", invoice, key=f"{field}_{number}")
        with session.begin_nested() as savepoint:
            feed(session, [event])
            status = _state(session, event)[0]
            sales = session.scalars(select(Sale)).all()
            for lines in queries.lines_of(
                session, [sale.id for sale in sales]
            ).values():
                assert sum(line.net_minor for line in lines) == 10_000
                assert sum(line.tax_minor for line in lines) == 1_900
            savepoint.rollback()
        assert (status, len(sales)) in {("handled", 1), ("failed", 0)}


def test_fees_are_no_sales_and_their_refunds_do_not_wait(session: Session) -> None:
    mark = {"gatehouse": "fee", "enrollment": str(new_id())}
    fee = so.event("invoice.paid", so.invoice(subscription_metadata=mark))
    refund = so.event("refund.created", so.refund())
    opened = so.event("checkout.session.completed", so.checkout(metadata=mark))

    feed(session, [refund, LINKED, fee, opened])

    assert session.scalars(select(Sale)).all() == []
    for event in (refund, LINKED, fee, opened):
        status, note = _state(session, event)
        assert status == "handled"
        assert note.startswith("entry fee")


def test_fees_are_no_sales_in_any_order(session: Session) -> None:
    mark = {"gatehouse": "fee", "enrollment": str(new_id())}
    subscription = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "created": 1_767_225_600,
        "metadata": mark,
    }
    events = [
        so.event("invoice.paid", so.invoice(subscription_metadata=mark)),
        LINKED,
        so.event("checkout.session.completed", so.checkout(metadata=mark)),
        so.event("customer.subscription.created", subscription),
        so.event("refund.created", so.refund()),
    ]

    for order in permutations(events):
        with session.begin_nested() as savepoint:
            feed(session, order)
            states = [_state(session, event) for event in events]
            assert {status for status, _note in states} == {"handled"}
            assert session.scalars(select(Sale)).all() == []
            assert session.scalars(select(Customer)).all() == []
            savepoint.rollback()
