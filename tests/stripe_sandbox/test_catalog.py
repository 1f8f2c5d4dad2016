from collections.abc import Callable
from typing import Any

import pytest
import stripe

from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json
from tests.stripe_sandbox.conftest import NOW, SUCCESS, Subscribe, plain

Open = Callable[..., stripe.checkout.Session]


class TestCatalog:
    def test_a_customer_is_changed(self, client: stripe.StripeClient) -> None:
        v1 = client.v1
        customer = v1.customers.create(
            {"name": "A", "metadata": {"a": "1", "b": "2"}, "address": {"city": "X"}}
        )

        v1.customers.update(
            customer.id, {"metadata": {"a": "", "c": "3"}, "phone": "1"}
        )
        changed = v1.customers.retrieve(customer.id)
        v1.customers.update(customer.id, {"metadata": "", "address": ""})
        cleared = v1.customers.retrieve(customer.id)

        assert plain(changed.metadata) == {"b": "2", "c": "3"}
        assert changed.phone == "1"
        assert changed.address is not None
        assert (changed.address.city, changed.address.line1) == ("X", None)
        assert (plain(cleared.metadata), cleared.address) == ({}, None)

    def test_an_update_that_changes_nothing_is_no_event(
        self, client: stripe.StripeClient, sandbox: Sandbox
    ) -> None:
        customer = client.v1.customers.create({"name": "A"})

        client.v1.customers.update(customer.id, {"name": "A"})

        assert [e["type"] for e in sandbox.events()] == ["customer.created"]

    def test_a_default_card_must_exist(self, client: stripe.StripeClient) -> None:
        customer = client.v1.customers.create({"name": "A"})
        settings: Any = {"invoice_settings": {"default_payment_method": "pm_none"}}

        with pytest.raises(stripe.InvalidRequestError, match="payment_method"):
            client.v1.customers.update(customer.id, settings)

    def test_a_default_card_is_kept(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        subscription = subscribe()
        card = str(subscription.default_payment_method)

        changed = client.v1.customers.update(
            str(subscription.customer),
            {"invoice_settings": {"default_payment_method": card}},
        )

        assert changed.invoice_settings is not None
        assert changed.invoice_settings.default_payment_method == card

    def test_a_product_with_its_price(self, client: stripe.StripeClient) -> None:
        v1 = client.v1
        product = v1.products.create(
            {
                "id": "prod_gold",
                "name": "Gold",
                "default_price_data": {"currency": "EUR", "unit_amount": 500},
            }
        )
        second = v1.prices.create(
            {"currency": "eur", "unit_amount": 700, "product": product.id}
        )
        changed = v1.products.update(
            product.id,
            {"default_price": second.id, "name": "Gold+", "metadata": {"a": "b"}},
        )

        first = v1.prices.retrieve(str(product.default_price))
        assert (first.currency, first.unit_amount) == ("eur", 500)
        assert changed.default_price == second.id
        assert (changed.name, plain(changed.metadata)) == ("Gold+", {"a": "b"})
        with pytest.raises(stripe.InvalidRequestError, match="already exists"):
            v1.products.create({"id": "prod_gold", "name": "Gold"})

    def test_a_lookup_key_belongs_to_one_price(
        self, client: stripe.StripeClient, price: str
    ) -> None:
        v1 = client.v1
        params: Any = {
            "currency": "usd",
            "unit_amount": 1,
            "product_data": {"name": "Other"},
            "lookup_key": "partner",
        }

        with pytest.raises(stripe.InvalidRequestError, match=price):
            v1.prices.create(params)
        params["transfer_lookup_key"] = True
        other = v1.prices.create(params)

        assert v1.prices.retrieve(price).lookup_key is None
        changed = v1.prices.update(
            other.id, {"lookup_key": "new", "active": False, "metadata": {"a": "b"}}
        )
        assert (changed.lookup_key, changed.active) == ("new", False)

    @pytest.mark.parametrize(
        ("missing", "message"),
        [
            ({"unit_amount": 5}, "param: product"),
            ({"product_data": {"name": "A"}}, "param: unit_amount"),
            ({"product_data": {"name": "A"}, "unit_amount": -1}, "non-negative"),
            ({"product": "prod_none", "unit_amount": 1}, "No such product"),
        ],
    )
    def test_a_price_needs_a_product_and_an_amount(
        self, client: stripe.StripeClient, missing: Json, message: str
    ) -> None:
        params: Json = {"currency": "usd", **missing}

        with pytest.raises(stripe.InvalidRequestError, match=message):
            client.v1.prices.create(params)


class TestOpeningCheckout:
    def test_a_session_carries_what_it_was_given(
        self, client: stripe.StripeClient, open_session: Open
    ) -> None:
        session = open_session(
            client_reference_id="ref", metadata={"a": "b"}, customer_email="a@b.test"
        )

        again = client.v1.checkout.sessions.retrieve(session.id)
        assert again.id.startswith("cs_test_")
        assert again.url == f"http://127.0.0.1:8026/c/pay/{session.id}"
        assert (again.client_reference_id, plain(again.metadata)) == ("ref", {"a": "b"})
        assert (again.status, again.payment_status) == ("open", "unpaid")
        assert (again.amount_total, again.currency) == (4900, "usd")
        assert again.livemode is False
        items = client.v1.checkout.sessions.line_items.list(session.id)
        assert items.data[0].description == "Partner plan"

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"mode": "setup"}, "no setup mode"),
            ({"mode": "payment"}, "passed a recurring price"),
            ({"line_items": []}, "line_items"),
            ({"line_items": [{"quantity": 1}]}, r"line_items\[0\]\[price\]"),
            ({"success_url": "portal"}, "Not a valid URL"),
            ({"ui_mode": "elements"}, "hosted pages only"),
            ({"customer": "cus_a", "customer_email": "a@b.test"}, "only specify one"),
            ({"payment_intent_data": {"description": "A"}}, "can not pass"),
            ({"expires_at": int(NOW.timestamp()) + 60}, "30 minutes"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, open_session: Open, change: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError, match=message):
            open_session(**change)

    @pytest.mark.parametrize("name", ["mode", "success_url"])
    def test_a_session_cannot_do_without(
        self, client: stripe.StripeClient, price: str, name: str
    ) -> None:
        params: Any = {
            "mode": "subscription",
            "success_url": SUCCESS,
            "line_items": [{"price": price, "quantity": 1}],
        }
        del params[name]

        with pytest.raises(stripe.InvalidRequestError, match=f"param: {name}"):
            client.v1.checkout.sessions.create(params)

    def test_items_must_fit_together(
        self, client: stripe.StripeClient, price: str, open_session: Open
    ) -> None:
        def data(currency: str) -> dict[str, Any]:
            money = {"currency": currency, "unit_amount": 5}
            return {"price_data": {**money, "product_data": {"name": "A"}}}

        one = {**data("usd"), "quantity": 1}
        cases = [
            ([one], "at least one recurring"),
            ([{**data("eur"), "quantity": 1}, {"price": price, "quantity": 1}], "same"),
            ([{"price": price}], "quantity"),
            ([{"price": price, "quantity": 0}], "positive integer"),
        ]

        for items, message in cases:
            with pytest.raises(stripe.InvalidRequestError, match=message):
                open_session(line_items=items)
        client.v1.prices.update(price, {"active": False})
        with pytest.raises(stripe.InvalidRequestError, match="inactive"):
            open_session()

    def test_a_session_can_be_closed_once(
        self, client: stripe.StripeClient, open_session: Open
    ) -> None:
        session = open_session()

        closed = client.v1.checkout.sessions.expire(session.id)

        assert (closed.status, closed.url) == ("expired", None)
        with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
            client.v1.checkout.sessions.expire(session.id)
