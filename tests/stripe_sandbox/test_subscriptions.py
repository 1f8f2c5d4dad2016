from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from portal.stripe_sandbox.checkout import CardDeclined
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.sandbox import Sandbox
from tests.stripe_sandbox.conftest import NOW, Subscribe, moment, plain, types_of

Open = Callable[..., stripe.checkout.Session]


class TestSubscribing:
    def test_paying_makes_customer_subscription_and_paid_invoice(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        session = open_session(
            subscription_data={"metadata": {"partner": "p1"}, "description": "Fee"},
            metadata={"kind": "fee"},
        )

        done = sandbox.complete_checkout(session.id, name="Ada", email="ada@b.test")

        assert (done["status"], done["payment_status"]) == ("complete", "paid")
        assert done["customer_details"]["email"] == "ada@b.test"
        customer = client.v1.customers.retrieve(done["customer"])
        assert (customer.name, customer.email) == ("Ada", "ada@b.test")
        subscription = client.v1.subscriptions.retrieve(done["subscription"])
        assert subscription.status == "active"
        assert plain(subscription.metadata) == {"partner": "p1"}
        item = subscription["items"].data[0]
        assert moment(item.current_period_end) == datetime(2026, 2, 28, 9, tzinfo=UTC)

    def test_the_invoice_names_the_subscription_and_its_metadata(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        subscription = subscribe(subscription_data={"metadata": {"partner": "p1"}})

        invoice = client.v1.invoices.retrieve(str(subscription.latest_invoice))

        assert (invoice.status, invoice.amount_paid) == ("paid", 4900)
        assert invoice.billing_reason == "subscription_create"
        assert invoice.parent is not None
        details = invoice.parent.subscription_details
        assert details is not None
        assert details.subscription == subscription.id
        assert plain(details.metadata) == {"partner": "p1"}
        lines = client.v1.invoices.line_items.list(str(invoice.id))
        assert lines.data[0].amount == 4900

    def test_the_events_come_in_a_sensible_order(
        self, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscribe()

        assert types_of(sandbox)[2:] == [
            "customer.created",
            "payment_method.attached",
            "customer.subscription.created",
            "invoice.created",
            "payment_intent.created",
            "invoice.finalized",
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice_payment.paid",
            "customer.subscription.updated",
            "checkout.session.completed",
        ]

    def test_an_event_shows_its_object_as_it_was(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        subscribe()

        created = client.v1.events.list({"type": "invoice.created"}).data[0]
        updated = client.v1.events.list({"type": "customer.subscription.updated"})

        assert created.data.object["status"] == "draft"
        previous = updated.data[0].data.previous_attributes
        assert previous is not None
        assert previous["status"] == "incomplete"
        assert client.v1.events.retrieve(created.id).id == created.id
        with pytest.raises(stripe.InvalidRequestError, match="No such event"):
            client.v1.events.retrieve("evt_none")

    def test_an_existing_customer_is_used(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        customer = client.v1.customers.create({"email": "a@b.test"})

        subscription = subscribe(customer=customer.id)

        assert subscription.customer == customer.id
        assert len(client.v1.customers.list().data) == 1

    def test_one_time_items_come_with_the_first_invoice_only(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        price: str,
        subscribe: Subscribe,
    ) -> None:
        money = {"currency": "usd", "unit_amount": 1000}
        data = {**money, "product_data": {"name": "Setup"}}
        once = {"price_data": data, "quantity": 2}

        subscription = subscribe(line_items=[{"price": price, "quantity": 1}, once])
        sandbox.advance_to(NOW + timedelta(days=29))

        invoices = client.v1.invoices.list({"subscription": subscription.id})
        assert [i.total for i in invoices.data] == [4900, 6900]

    def test_prices_of_different_intervals_do_not_mix(
        self,
        client: stripe.StripeClient,
        price: str,
        open_session: Open,
    ) -> None:
        yearly = client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 1,
                "product_data": {"name": "Y"},
                "recurring": {"interval": "year"},
            }
        )
        items = [{"price": p, "quantity": 1} for p in (price, yearly.id)]

        with pytest.raises(stripe.InvalidRequestError, match="different billing"):
            open_session(line_items=items)

    def test_a_declined_card_leaves_the_session_open(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        session = open_session()

        with pytest.raises(CardDeclined, match="insufficient funds"):
            sandbox.complete_checkout(session.id, "4000000000009995")

        failed = client.v1.charges.list().data[0]
        assert (failed.status, failed.failure_code) == ("failed", "card_declined")
        assert failed.outcome is not None
        assert failed.outcome.reason == "insufficient_funds"
        assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
        last = types_of(sandbox)[-2:]
        assert last == ["charge.failed", "payment_intent.payment_failed"]
        assert sandbox.complete_checkout(session.id)["status"] == "complete"
        assert "payment_intent.canceled" in types_of(sandbox)

    def test_completing_twice_pays_once(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        session = open_session()

        first = sandbox.complete_checkout(session.id)
        second = sandbox.complete_checkout(session.id)

        assert first == second
        assert len(client.v1.charges.list().data) == 1

    def test_a_free_subscription_charges_nothing(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        free = client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 0,
                "product_data": {"name": "Free"},
                "recurring": {"interval": "week", "interval_count": 2},
            }
        )

        subscription = subscribe(line_items=[{"price": free.id, "quantity": 1}])
        sandbox.advance_to(NOW + timedelta(days=15))

        invoices = client.v1.invoices.list({"subscription": subscription.id}).data
        assert [i.status for i in invoices] == ["paid", "paid"]
        assert client.v1.charges.list().data == []
        sessions = client.v1.checkout.sessions.list().data
        assert sessions[0].payment_status == "no_payment_required"

    def test_a_session_expires_after_a_day(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        session = open_session()
        with pytest.raises(CardDeclined):
            sandbox.complete_checkout(session.id, "4000000000000002")

        sandbox.advance_to(NOW + timedelta(days=1))

        assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
        assert types_of(sandbox)[-1] == "checkout.session.expired"
        with pytest.raises(ApiError, match="expired"):
            sandbox.complete_checkout(session.id)


class TestPayingOnce:
    def test_a_payment_makes_no_customer_unless_asked(
        self, client: stripe.StripeClient, pay_once: Callable[..., str]
    ) -> None:
        charge = client.v1.charges.retrieve(pay_once())

        assert charge.customer is None
        assert client.v1.customers.list().data == []

    def test_a_payment_carries_what_it_was_given(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        money = {"currency": "eur", "unit_amount": 700}
        data = {**money, "product_data": {"name": "Fee"}}
        session = open_session(
            mode="payment",
            line_items=[{"price_data": data, "quantity": 1}],
            customer_creation="always",
            payment_intent_data={"metadata": {"a": "b"}, "description": "Entry"},
        )

        with pytest.raises(CardDeclined):
            sandbox.complete_checkout(session.id, "4000000000000127")
        done = sandbox.complete_checkout(session.id)

        intent = client.v1.payment_intents.retrieve(
            done["payment_intent"], {"expand": ["latest_charge"]}
        )
        assert (intent.description, plain(intent.metadata)) == ("Entry", {"a": "b"})
        assert intent.customer == done["customer"]
        assert isinstance(intent.latest_charge, stripe.Charge)
        assert intent.latest_charge.amount == 700
        assert len(client.v1.payment_intents.list().data) == 1

    def test_nothing_to_pay_is_not_charged(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        money = {"currency": "eur", "unit_amount": 0}
        data = {**money, "product_data": {"name": "Gift"}}
        item = {"price_data": data, "quantity": 1}

        session = open_session(mode="payment", line_items=[item])
        done = sandbox.complete_checkout(session.id)

        assert done["payment_status"] == "no_payment_required"
        assert client.v1.charges.list().data == []


class TestRenewing:
    def test_each_period_is_invoiced_on_the_day_it_began(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscription = subscribe()

        sandbox.advance_to(datetime(2026, 5, 1, tzinfo=UTC))

        invoices = client.v1.invoices.list({"subscription": subscription.id}).data
        days = [moment(i.created).date().isoformat() for i in invoices]
        assert days == ["2026-04-30", "2026-03-31", "2026-02-28", "2026-01-31"]
        assert {i.status for i in invoices} == {"paid"}
        assert [i.billing_reason for i in invoices][:2] == ["subscription_cycle"] * 2

    def test_a_yearly_price_renews_after_a_year(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        yearly = client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 100,
                "product_data": {"name": "Y"},
                "recurring": {"interval": "year"},
            }
        )
        subscribe(line_items=[{"price": yearly.id, "quantity": 3}])

        sandbox.advance_to(NOW + timedelta(days=365))

        assert [c.amount for c in client.v1.charges.list().data] == [300, 300]

    def test_canceling_at_the_period_end_ends_it_then(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscription = subscribe()
        changed = client.v1.subscriptions.update(
            subscription.id, {"cancel_at_period_end": True}
        )

        sandbox.advance_to(NOW + timedelta(days=40))

        assert changed.cancel_at_period_end
        ended = client.v1.subscriptions.retrieve(subscription.id)
        assert ended.status == "canceled"
        assert ended.ended_at is not None
        assert moment(ended.ended_at) == datetime(2026, 2, 28, 9, tzinfo=UTC)
        assert types_of(sandbox)[-1] == "customer.subscription.deleted"
        assert client.v1.subscriptions.list().data == []
        assert len(client.v1.subscriptions.list({"status": "all"}).data) == 1

    def test_a_cancellation_can_be_taken_back(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscription = subscribe()
        client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
        client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})

        back = client.v1.subscriptions.update(
            subscription.id, {"cancel_at_period_end": False}
        )
        sandbox.advance_to(NOW + timedelta(days=40))

        assert (back.cancel_at, back.canceled_at) == (None, None)
        assert client.v1.subscriptions.retrieve(subscription.id).status == "active"

    def test_canceling_now_ends_it_now(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscription = subscribe()

        ended = client.v1.subscriptions.cancel(
            subscription.id, {"cancellation_details": {"comment": "bye"}}
        )
        sandbox.advance_to(NOW + timedelta(days=40))

        assert ended.status == "canceled"
        assert ended.cancellation_details is not None
        assert ended.cancellation_details.comment == "bye"
        assert len(client.v1.invoices.list().data) == 1
        with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
            client.v1.subscriptions.cancel(subscription.id)
        with pytest.raises(stripe.InvalidRequestError, match="canceled subscription"):
            client.v1.subscriptions.update(subscription.id, {"metadata": {"a": "b"}})

    def test_the_notes_of_one_subscription_are_not_those_of_another(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        first, second = subscribe(), subscribe()

        client.v1.subscriptions.cancel(
            first.id, {"cancellation_details": {"comment": "bye"}}
        )

        other = client.v1.subscriptions.retrieve(second.id)
        assert other.cancellation_details is not None
        assert other.cancellation_details.comment is None

    def test_the_clock_never_goes_back(self, sandbox: Sandbox) -> None:
        with pytest.raises(ValueError, match="never goes back"):
            sandbox.advance_to(NOW - timedelta(seconds=1))

    def test_a_clock_needs_a_zone(self) -> None:
        with pytest.raises(ValueError, match="naive"):
            Sandbox(now=NOW.replace(tzinfo=None))
