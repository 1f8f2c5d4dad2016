import json
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from portal.stripe_sandbox.client import SandboxHTTPClient, parameters_of
from portal.stripe_sandbox.parameters import Shape
from portal.stripe_sandbox.routes import ROUTES
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json
from tests.stripe_sandbox.conftest import NOW, Subscribe

Open = Callable[..., stripe.checkout.Session]


def knows(shape: Shape, path: str) -> bool:
    for step in path.split("."):
        while shape.items is not None:
            shape = shape.items
        if shape.fields is None or step not in shape.fields:
            return False
        shape = shape.fields[step]
    return True


def test_the_sandbox_takes_no_parameter_that_the_library_does_not_know() -> None:
    usual = {"expand", "created"}

    foreign = {
        (route.library_type, name)
        for route in ROUTES
        for name in route.supported - usual
        if not knows(parameters_of(route.library_type), name)
    }

    assert foreign == set()


class TestWire:
    def test_an_unknown_parameter_is_refused_in_stripes_words(
        self, client: stripe.StripeClient
    ) -> None:
        params: Any = {"name": "A", "nickname": "B"}

        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.customers.create(params)

        assert refused.value.user_message == "Received unknown parameter: nickname"
        assert refused.value.code == "parameter_unknown"
        assert refused.value.param == "nickname"
        assert refused.value.http_status == 400

    def test_an_unknown_parameter_inside_another_is_named_with_its_path(
        self, open_session: Open
    ) -> None:
        items = [{"price_data": {"currency": "eur", "amount": 1, "sum": 2}}]

        with pytest.raises(
            stripe.InvalidRequestError,
            match=r"unknown parameters: line_items\[0\]\[price_data\]\[amount\], ",
        ):
            open_session(line_items=items)

    def test_a_required_parameter_is_missed(self, client: stripe.StripeClient) -> None:
        params: Any = {"product": "prod_x"}

        with pytest.raises(stripe.InvalidRequestError, match="param: currency"):
            client.v1.prices.create(params)

    def test_what_stripe_knows_and_the_sandbox_does_not_is_refused_too(
        self, client: stripe.StripeClient
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.customers.create({"tax": {"ip_address": "127.0.0.1"}})

        assert refused.value.code == "sandbox_unsupported"
        assert refused.value.param == "tax.ip_address"

    @pytest.mark.parametrize(
        ("form", "message"),
        [
            ("line_items[0][quantity]=x", "Invalid integer: x"),
            ("mode=gift", "Invalid mode: must be one of payment, setup, subscription"),
            ("line_items=x", "Invalid array"),
            ("metadata=x", "Invalid object"),
            ("success_url[a]=x", "Invalid string: success_url"),
            ("line_items[a][price]=x", "Invalid array"),
            ("a=1&a[b]=2", "Invalid object: a[b]"),
            ("success_url=", "You passed an empty string for 'success_url'"),
        ],
    )
    def test_a_value_of_the_wrong_type_is_refused(
        self, sandbox: Sandbox, form: str, message: str
    ) -> None:
        text, status, _ = sandbox.handle(
            "POST",
            "/v1/checkout/sessions",
            {"Authorization": "Bearer sk_test_x"},
            form,
        )

        assert status == 400
        assert message in json.loads(text)["error"]["message"]

    def test_a_boolean_is_true_or_false(self, client: stripe.StripeClient) -> None:
        params: Any = {"name": "A", "active": "maybe"}

        with pytest.raises(stripe.InvalidRequestError, match="Invalid boolean: maybe"):
            client.v1.products.create(params)

    def test_an_array_may_be_written_without_positions(self, sandbox: Sandbox) -> None:
        text, status, _ = sandbox.handle(
            "post",
            "https://api.stripe.com/v1/webhook_endpoints",
            {"authorization": "Bearer sk_test_x"},
            "url=https://a.test/h&enabled_events[]=invoice.paid&enabled_events[]=*",
        )

        assert status == 200
        assert json.loads(text)["enabled_events"] == ["invoice.paid", "*"]

    @pytest.mark.parametrize("path", ["/v1/plans", "/v1/customers/a/b"])
    def test_an_unknown_address_is_404(self, sandbox: Sandbox, path: str) -> None:
        head = {"Authorization": "Bearer sk_test_x"}

        text, status, _ = sandbox.handle("GET", path, head, "")

        assert status == 404
        assert "Unrecognized request URL" in json.loads(text)["error"]["message"]

    def test_an_unknown_id_is_404_and_inside_a_request_400(
        self, client: stripe.StripeClient, open_session: Open
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.customers.retrieve("cus_none")
        with pytest.raises(stripe.InvalidRequestError) as inside:
            open_session(customer="cus_none")

        assert refused.value.user_message == "No such customer: 'cus_none'"
        assert (refused.value.http_status, inside.value.http_status) == (404, 400)
        assert (refused.value.code, inside.value.param) == (
            "resource_missing",
            "customer",
        )


class TestKeys:
    @pytest.mark.parametrize("key", ["sk_live_x", "nonsense", "sk_test_other"])
    def test_a_wrong_key_is_not_let_in(self, key: str) -> None:
        sandbox = Sandbox(now=NOW, secret_key="sk_test_right")
        client = stripe.StripeClient(key, http_client=SandboxHTTPClient(sandbox))

        with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
            client.v1.customers.list()

    def test_a_request_without_a_key_is_not_let_in(self, sandbox: Sandbox) -> None:
        _, status, _ = sandbox.handle("GET", "/v1/customers", {}, "")

        assert status == 401

    def test_there_is_no_connected_account(self, client: stripe.StripeClient) -> None:
        with pytest.raises(stripe.PermissionError, match="acct_1"):
            client.v1.customers.list(options={"stripe_account": "acct_1"})


class TestIdempotency:
    def test_the_same_key_and_parameters_replay_the_first_answer(
        self, client: stripe.StripeClient
    ) -> None:
        first = client.v1.customers.create({"name": "A"}, {"idempotency_key": "k"})
        second = client.v1.customers.create({"name": "A"}, {"idempotency_key": "k"})

        assert second.id == first.id
        assert len(client.v1.customers.list().data) == 1
        assert second.last_response is not None
        assert second.last_response.headers["Idempotent-Replayed"] == "true"

    def test_the_same_key_with_other_parameters_is_an_error(
        self, client: stripe.StripeClient
    ) -> None:
        client.v1.customers.create({"name": "A"}, {"idempotency_key": "k"})

        with pytest.raises(stripe.IdempotencyError, match="key other than 'k'"):
            client.v1.customers.create({"name": "B"}, {"idempotency_key": "k"})

    def test_a_refused_request_leaves_its_key_free(
        self, client: stripe.StripeClient
    ) -> None:
        wrong: Any = {"nome": "A"}
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.customers.create(wrong, {"idempotency_key": "k"})

        made = client.v1.customers.create({"name": "A"}, {"idempotency_key": "k"})

        assert made.name == "A"

    def test_a_key_is_forgotten_after_a_day(
        self, sandbox: Sandbox, client: stripe.StripeClient
    ) -> None:
        first = client.v1.customers.create({"name": "A"}, {"idempotency_key": "k"})
        sandbox.advance_to(NOW.replace(month=2, day=2))

        second = client.v1.customers.create({"name": "A"}, {"idempotency_key": "k"})

        assert first.id != second.id
        assert len(sandbox.store.idempotency) == 1


class TestLists:
    def test_pages_follow_each_other_and_lose_nothing(
        self, client: stripe.StripeClient
    ) -> None:
        made = [client.v1.customers.create({"name": str(n)}).id for n in range(7)]

        first = client.v1.customers.list({"limit": 3})
        every = [c.id for c in first.auto_paging_iter()]

        assert first.has_more
        assert every == made[::-1]

    def test_a_page_before_a_cursor(self, client: stripe.StripeClient) -> None:
        made = [client.v1.customers.create({"name": str(n)}).id for n in range(4)]

        page = client.v1.customers.list({"limit": 2, "ending_before": made[0]})

        assert [c.id for c in page.data] == [made[2], made[1]]
        assert page.has_more

    @pytest.mark.parametrize("limit", [0, 101])
    def test_a_page_has_one_to_a_hundred(
        self, client: stripe.StripeClient, limit: int
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="This value must be"):
            client.v1.customers.list({"limit": limit})

    def test_an_unknown_cursor_is_refused(self, client: stripe.StripeClient) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="No such object"):
            client.v1.customers.list({"starting_after": "cus_none"})

    def test_lists_can_be_narrowed(
        self, client: stripe.StripeClient, price: str, subscribe: Subscribe
    ) -> None:
        v1 = client.v1
        subscription = subscribe(customer_email="a@example.com")
        customer = str(subscription.customer)
        invoice = v1.invoices.list({"subscription": subscription.id}).data[0]
        payment = v1.invoice_payments.list({"invoice": invoice.id}).data[0]
        intent = str(payment.payment.payment_intent)
        found: list[Json] = [
            v1.customers.list({"email": "a@example.com"}),
            v1.prices.list({"lookup_keys": ["partner"]}),
            v1.prices.list({"active": True, "type": "recurring"}),
            v1.products.list({"active": True}),
            v1.subscriptions.list({"price": price, "status": "active"}),
            v1.subscriptions.list({"customer": customer}),
            v1.invoices.list({"status": "paid", "customer": customer}),
            v1.invoice_payments.list(
                {"payment": {"type": "payment_intent", "payment_intent": intent}}
            ),
            v1.charges.list({"payment_intent": intent}),
            v1.payment_intents.list({"customer": customer}),
            v1.payment_methods.list({"customer": customer, "type": "card"}),
            v1.checkout.sessions.list({"subscription": subscription.id}),
            v1.events.list({"type": "invoice.paid"}),
            v1.events.list({"types": ["checkout.session.completed"]}),
            v1.invoices.list({"created": {"gte": int(NOW.timestamp())}}),
            v1.invoices.list({"created": int(NOW.timestamp())}),
        ]
        empty: list[Json] = [
            v1.customers.list({"email": "b@example.com"}),
            v1.prices.list({"lookup_keys": ["other"]}),
            v1.products.list({"ids": ["prod_none"]}),
            v1.subscriptions.list({"status": "ended"}),
            v1.invoices.list({"created": {"lt": int(NOW.timestamp())}}),
            v1.refunds.list({"charge": "ch_none"}),
            v1.disputes.list({"charge": "ch_none"}),
            v1.credit_notes.list({"invoice": invoice.id}),
        ]

        assert [len(page.data) for page in found] == [1] * len(found)
        assert [len(page.data) for page in empty] == [0] * len(empty)


class TestExpanding:
    def test_ids_become_objects(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        subscription = client.v1.subscriptions.retrieve(
            subscribe().id, {"expand": ["latest_invoice.payments"]}
        )
        latest = subscription.latest_invoice
        assert isinstance(latest, stripe.Invoice)
        assert latest.payments is not None
        paths = ["payments.data.payment.payment_intent"]
        invoice = client.v1.invoices.retrieve(str(latest.id), {"expand": paths})

        assert latest.payments.data[0].amount_paid == 4900
        assert invoice.payments is not None
        intent = invoice.payments.data[0].payment.payment_intent
        assert isinstance(intent, stripe.PaymentIntent)
        assert intent.amount == 4900

    def test_lists_that_are_not_shown_by_default(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        pay_once: Callable[..., str],
        subscribe: Subscribe,
        open_session: Open,
    ) -> None:
        charge = pay_once()
        sandbox.refund(charge, 100)
        customer = str(subscribe().customer)
        v1 = client.v1

        expanded = v1.charges.retrieve(charge, {"expand": ["refunds"]})
        session = v1.checkout.sessions.retrieve(
            open_session().id, {"expand": ["line_items"]}
        )
        buyer: Json = v1.customers.retrieve(customer, {"expand": ["subscriptions"]})

        assert expanded.refunds is not None
        assert [refund.amount for refund in expanded.refunds.data] == [100]
        assert "refunds" not in v1.charges.retrieve(charge)
        assert session.line_items is not None
        assert session.line_items.data[0].amount_total == 4900
        assert len(buyer.subscriptions.data) == 1

    def test_a_list_expands_each_of_its_objects(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        subscribe()

        page = client.v1.charges.list({"expand": ["data.payment_intent"]})

        assert isinstance(page.data[0].payment_intent, stripe.PaymentIntent)

    @pytest.mark.parametrize("path", ["name", "amount", "created", "nothing"])
    def test_not_everything_expands(
        self, client: stripe.StripeClient, path: str
    ) -> None:
        client.v1.customers.create({"name": "A"})

        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.customers.list({"expand": [f"data.{path}"]})

    def test_expanding_has_a_depth(self, client: stripe.StripeClient) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="4 levels"):
            client.v1.customers.list({"expand": ["a.b.c.d.e"]})

    def test_what_is_none_stays_none(
        self, client: stripe.StripeClient, open_session: Open
    ) -> None:
        session = client.v1.checkout.sessions.retrieve(
            open_session().id, {"expand": ["subscription.latest_invoice"]}
        )

        assert session.subscription is None
