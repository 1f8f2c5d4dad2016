from datetime import UTC, datetime, timedelta

import pytest
import stripe

from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json
from tests.stripe_sandbox.conftest import (
    FAILS_LATER,
    NOW,
    Subscribe,
    moment,
    types_of,
)


class TestDunning:
    def test_a_failed_renewal_is_tried_on_days_3_5_and_7_and_then_given_up(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscription = subscribe(FAILS_LATER)
        renewal = datetime(2026, 2, 28, 9, tzinfo=UTC)

        sandbox.advance_to(renewal)
        late = client.v1.subscriptions.retrieve(subscription.id)
        invoice = client.v1.invoices.list().data[0]
        sandbox.advance_to(renewal + timedelta(days=8))

        assert late.status == "past_due"
        assert invoice.next_payment_attempt is not None
        assert moment(invoice.next_payment_attempt) == renewal + timedelta(days=3)
        failed = client.v1.events.list({"type": "invoice.payment_failed"}).data
        days = [(moment(e.created) - renewal).days for e in failed[::-1]]
        assert days == [0, 3, 5, 7]
        assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
        given_up = client.v1.invoices.retrieve(str(invoice.id))
        assert (given_up.status, given_up.attempt_count) == ("uncollectible", 4)
        assert types_of(sandbox)[-2:] == [
            "customer.subscription.deleted",
            "invoice.marked_uncollectible",
        ]

    def test_a_new_card_saves_the_subscription(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscription = subscribe(FAILS_LATER)
        sandbox.advance_to(NOW + timedelta(days=28))
        good = str(subscribe().default_payment_method)

        client.v1.subscriptions.update(
            subscription.id, {"default_payment_method": good}
        )
        sandbox.advance_to(NOW + timedelta(days=32))

        saved = client.v1.subscriptions.retrieve(subscription.id)
        assert saved.status == "active"
        invoices = client.v1.invoices.list({"subscription": subscription.id}).data
        assert [i.status for i in invoices] == ["paid", "paid"]

    def test_an_overdue_invoice_can_be_paid_by_hand(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscription = subscribe(FAILS_LATER)
        sandbox.advance_to(NOW + timedelta(days=28))
        invoice = str(client.v1.invoices.list({"status": "open"}).data[0].id)
        good = str(subscribe().default_payment_method)

        with pytest.raises(stripe.CardError) as declined:
            client.v1.invoices.pay(invoice)
        paid = client.v1.invoices.pay(invoice, {"payment_method": good})

        assert declined.value.code == "card_declined"
        assert declined.value.http_status == 402
        assert paid.status == "paid"
        assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
        with pytest.raises(stripe.InvalidRequestError, match="already paid"):
            client.v1.invoices.pay(invoice)

    def test_a_declined_payment_by_hand_is_replayed_with_its_key(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscribe(FAILS_LATER)
        sandbox.advance_to(NOW + timedelta(days=28))
        invoice = str(client.v1.invoices.list({"status": "open"}).data[0].id)

        for _ in range(2):
            with pytest.raises(stripe.CardError):
                client.v1.invoices.pay(invoice, options={"idempotency_key": "k"})

        assert client.v1.invoices.retrieve(invoice).attempt_count == 2

    @pytest.mark.parametrize("verb", ["void_invoice", "mark_uncollectible"])
    def test_an_open_invoice_can_be_given_up(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        subscribe: Subscribe,
        verb: str,
    ) -> None:
        subscribe(FAILS_LATER)
        sandbox.advance_to(NOW + timedelta(days=28))
        invoice = str(client.v1.invoices.list({"status": "open"}).data[0].id)

        given_up = getattr(client.v1.invoices, verb)(invoice)
        sandbox.advance_to(NOW + timedelta(days=40))

        status, event = {
            "void_invoice": ("void", "invoice.voided"),
            "mark_uncollectible": ("uncollectible", "invoice.marked_uncollectible"),
        }[verb]
        assert given_up.status == status
        assert event in types_of(sandbox)
        assert client.v1.invoices.retrieve(invoice).attempt_count == 1
        with pytest.raises(stripe.InvalidRequestError, match="must be open"):
            client.v1.invoices.mark_uncollectible(invoice)


class TestChangingThePrice:
    @pytest.fixture
    def dear(self, client: stripe.StripeClient) -> str:
        return client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 9900,
                "product_data": {"name": "Gold"},
                "recurring": {"interval": "month"},
            }
        ).id

    def change(
        self,
        client: stripe.StripeClient,
        subscription: stripe.Subscription,
        price: str,
        **more: Json,
    ) -> stripe.Subscription:
        item = subscription["items"].data[0].id
        params: Json = {"items": [{"id": item, "price": price}], **more}
        return client.v1.subscriptions.update(subscription.id, params)

    def test_the_difference_comes_on_the_next_invoice(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        subscribe: Subscribe,
        dear: str,
    ) -> None:
        subscription = subscribe()
        sandbox.advance_to(NOW + timedelta(days=14))

        changed = self.change(client, subscription, dear)
        sandbox.advance_to(NOW + timedelta(days=28))

        assert changed["items"].data[0].price.unit_amount == 9900
        invoice = client.v1.invoices.list().data[0]
        assert [line.amount for line in invoice.lines.data] == [9900, -2450, 4950]
        assert invoice.total == 12_400
        proration = invoice.lines.data[1]
        assert proration.parent is not None
        details = proration.parent.subscription_item_details
        assert details is not None
        assert details.proration

    def test_it_can_be_invoiced_at_once_or_not_at_all(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        subscribe: Subscribe,
        dear: str,
    ) -> None:
        now, never = subscribe(), subscribe()
        sandbox.advance_to(NOW + timedelta(days=14))

        self.change(client, now, dear, proration_behavior="always_invoice")
        self.change(client, never, dear, proration_behavior="none")

        latest = client.v1.invoices.list({"subscription": now.id}).data[0]
        assert (latest.billing_reason, latest.total) == ("subscription_update", 2500)
        sandbox.advance_to(NOW + timedelta(days=28))
        full = client.v1.invoices.list({"subscription": never.id}).data[0]
        assert full.total == 9900

    def test_a_downgrade_leaves_a_credit_for_later(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        subscribe: Subscribe,
        dear: str,
    ) -> None:
        cheap = client.v1.prices.list({"lookup_keys": ["partner"]}).data[0].id
        subscription = subscribe(line_items=[{"price": dear, "quantity": 1}])
        sandbox.advance_to(NOW + timedelta(days=14))

        self.change(client, subscription, cheap, proration_behavior="always_invoice")
        customer = client.v1.customers.retrieve(str(subscription.customer))
        sandbox.advance_to(NOW + timedelta(days=28))

        assert customer.balance == -2500
        negative, renewal = client.v1.invoices.list().data[1::-1]
        assert (negative.total, negative.amount_due) == (-2500, 0)
        assert negative.status == "paid"
        assert (renewal.total, renewal.amount_due) == (4900, 2400)
        assert renewal.ending_balance == 0

    def test_another_interval_begins_a_new_period(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        yearly = client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 50_000,
                "product_data": {"name": "Y"},
                "recurring": {"interval": "year"},
            }
        )
        subscription = subscribe()
        sandbox.advance_to(NOW + timedelta(days=14))

        changed = self.change(client, subscription, yearly.id)
        sandbox.advance_to(NOW + timedelta(days=60))

        item = changed["items"].data[0]
        assert moment(item.current_period_start) == NOW + timedelta(days=14)
        invoices = client.v1.invoices.list().data
        assert [i.total for i in invoices] == [50_000 - 2450, 4900]

    def test_a_quantity_and_words_can_change(
        self, client: stripe.StripeClient, subscribe: Subscribe, price: str
    ) -> None:
        subscription = subscribe()
        item = subscription["items"].data[0].id

        same = self.change(client, subscription, price)
        more = client.v1.subscriptions.update(
            subscription.id,
            {
                "items": [{"id": item, "quantity": 4}],
                "description": "Four",
                "metadata": {"a": "b"},
            },
        )

        assert same["items"].data[0].quantity == 1
        assert (more["items"].data[0].quantity, more.description) == (4, "Four")

    def test_what_does_not_fit_is_refused(
        self,
        client: stripe.StripeClient,
        subscribe: Subscribe,
        price: str,
        dear: str,
    ) -> None:
        subscription = subscribe()
        euro = client.v1.prices.create(
            {
                "currency": "eur",
                "unit_amount": 1,
                "product_data": {"name": "E"},
                "recurring": {"interval": "month"},
            }
        )
        weekly = client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 1,
                "product_data": {"name": "W"},
                "recurring": {"interval": "week"},
            }
        )
        items = [{"price": p, "quantity": 1} for p in (price, dear)]
        two = subscribe(line_items=items)
        nameless: Json = {"items": [{"price": price}]}

        with pytest.raises(stripe.InvalidRequestError, match="does not fit"):
            self.change(client, subscription, euro.id)
        with pytest.raises(stripe.InvalidRequestError, match="same interval"):
            self.change(client, two, weekly.id)
        with pytest.raises(stripe.InvalidRequestError, match="subscription item"):
            client.v1.subscriptions.update(subscription.id, nameless)
