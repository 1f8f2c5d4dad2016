from datetime import datetime, timedelta

import pytest

from portal.fees.rules import (
    FeeStatus,
    GatePlan,
    InvoiceFacts,
    SubscriptionFacts,
    is_marked,
    plan_gate,
    read_subscription,
    subscription_id_of,
)
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)
GRACE = 7 * DAY
END = NOW + 30 * DAY


def subscription(
    status: FeeStatus = FeeStatus.ACTIVE, ended_at: datetime | None = None
) -> SubscriptionFacts:
    return SubscriptionFacts(
        id="sub_1",
        customer_id="cus_1",
        status=status,
        period_end=END,
        cancel_at_period_end=False,
        trial_end=None,
        ended_at=ended_at,
        enrollment_id=None,
    )


def invoice(
    name: str = "in_1",
    *,
    paid_at: datetime | None = NOW,
    period_end: datetime = END,
    refunded: int = 0,
    taken_back: int = 0,
) -> InvoiceFacts:
    return InvoiceFacts(
        id=name,
        number="",
        status="paid" if paid_at else "open",
        currency="USD",
        amount_due=3_500,
        amount_paid=3_500 if paid_at else 0,
        amount_refunded=refunded,
        amount_taken_back=taken_back,
        period_start=period_end - 30 * DAY,
        period_end=period_end,
        paid_at=paid_at,
        due_at=NOW,
        created_at=NOW,
        attempts=1,
        hosted_url="",
        pdf_url="",
        payment_ids=(),
    )


OPEN = invoice("in_2", paid_at=None, period_end=END + 30 * DAY)


@pytest.mark.parametrize(
    ("status", "invoices", "ended_at", "plan"),
    [
        (FeeStatus.ACTIVE, [invoice()], None, GatePlan(NOW, END + GRACE)),
        # A failed renewal changes nothing until the grace days are over.
        (FeeStatus.PAST_DUE, [invoice(), OPEN], None, GatePlan(NOW, END + GRACE)),
        # A paid renewal carries on.
        (
            FeeStatus.ACTIVE,
            [invoice(), invoice("in_2", paid_at=END, period_end=END + 30 * DAY)],
            None,
            GatePlan(END, END + 30 * DAY + GRACE),
        ),
        # The end of the subscription ends the gate, without grace.
        (FeeStatus.CANCELED, [invoice()], NOW + DAY, GatePlan(NOW, NOW + DAY)),
        (FeeStatus.CANCELED, [invoice()], None, GatePlan(NOW, END)),
        # Nothing paid, or given back in full, holds nothing open.
        (FeeStatus.PENDING, [OPEN], None, GatePlan(None, None)),
        (FeeStatus.EXPIRED, [invoice()], None, GatePlan(None, None)),
        (FeeStatus.ACTIVE, [OPEN], None, GatePlan(None, None)),
        (FeeStatus.ACTIVE, [invoice(refunded=3_500)], None, GatePlan(None, None)),
        (
            FeeStatus.ACTIVE,
            [invoice(refunded=100)],
            None,
            GatePlan(NOW, END + GRACE),
        ),
    ],
)
def test_payments_hold_the_gate_open(
    status: FeeStatus,
    invoices: list[InvoiceFacts],
    ended_at: datetime | None,
    plan: GatePlan,
) -> None:
    assert plan_gate(subscription(status, ended_at), invoices, grace=GRACE) == plan


def stripe_subscription(**more: object) -> dict[str, object]:
    return {
        "object": "subscription",
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        **more,
    }


def test_both_shapes_of_a_subscription_say_the_same() -> None:
    end = int(END.timestamp())
    current = stripe_subscription(items={"data": [{"current_period_end": end}]})
    older = stripe_subscription(items={"data": [{}]}, current_period_end=end)

    assert read_subscription(current) == read_subscription(older) == subscription()


MARK = {"gatehouse": "fee", "enrollment": "x"}


@pytest.mark.parametrize(
    ("stripe_object", "subscription_id", "marked"),
    [
        ({"object": "subscription", "id": "sub_1", "metadata": MARK}, "sub_1", True),
        (
            {
                "object": "invoice",
                "id": "in_1",
                "parent": {
                    "subscription_details": {"subscription": "sub_1", "metadata": MARK}
                },
            },
            "sub_1",
            True,
        ),
        (
            {
                "object": "invoice",
                "id": "in_1",
                "subscription": "sub_1",
                "subscription_details": {"metadata": MARK},
            },
            "sub_1",
            True,
        ),
        (
            {"object": "checkout.session", "id": "cs_1", "subscription": {"id": "s"}},
            "s",
            False,
        ),
        ({"object": "charge", "id": "ch_1", "metadata": None}, None, False),
        ({"object": "invoice", "id": "in_1", "parent": None}, None, False),
    ],
)
def test_a_fee_is_known_by_its_mark_in_both_shapes(
    stripe_object: dict[str, object], subscription_id: str | None, *, marked: bool
) -> None:
    assert subscription_id_of(stripe_object) == subscription_id
    assert is_marked(stripe_object) is marked
