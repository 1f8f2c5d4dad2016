import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe

from portal.stripe_sandbox.client import LIBRARY_API_VERSION, SandboxHTTPClient
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json
from tests.stripe_sandbox.conftest import FAILS_LATER, NOW, Subscribe

OLDER = "2025-02-24.acacia"
SECRET = "whsec_test"

CURRENT_FIELDS = {
    "invoice": "amount_due amount_paid amount_remaining attempt_count billing_reason "
    "collection_method created currency customer hosted_invoice_url lines number "
    "parent period_end period_start post_payment_credit_notes_amount status "
    "status_transitions subtotal total total_taxes livemode metadata",
    "charge": "amount amount_captured amount_refunded balance_transaction "
    "billing_details captured created currency customer disputed failure_code "
    "outcome paid payment_intent payment_method payment_method_details refunded "
    "status livemode",
    "payment_intent": "amount amount_received client_secret customer "
    "last_payment_error latest_charge payment_method status livemode metadata",
    "invoice_payment": "amount_paid amount_requested invoice is_default payment status "
    "status_transitions livemode",
    "subscription": "billing_cycle_anchor cancel_at cancel_at_period_end canceled_at "
    "currency customer default_payment_method ended_at items latest_invoice metadata "
    "start_date status livemode",
    "checkout.session": "amount_total cancel_url client_reference_id customer "
    "customer_details customer_email expires_at invoice metadata mode payment_intent "
    "payment_status status subscription success_url url livemode",
    "refund": "amount charge currency metadata payment_intent reason status",
    "dispute": "amount charge currency evidence_details is_charge_refundable "
    "payment_intent reason status balance_transactions livemode",
    "customer": "address balance currency email invoice_prefix invoice_settings "
    "livemode metadata name next_invoice_sequence",
    "payment_method": "billing_details card customer type livemode",
}
"""Fields that Stripe's published example objects have and the portal may read."""
GONE = {
    "invoice": "subscription charge payment_intent paid payments",
    "charge": "invoice refunds",
    "payment_intent": "invoice",
    "subscription": "current_period_end current_period_start",
}
OLDER_FIELDS = {
    "invoice": "subscription charge payment_intent paid subscription_details tax",
    "charge": "invoice",
    "payment_intent": "invoice",
    "subscription": "current_period_end current_period_start discount",
}
GONE_FROM_OLDER = {
    "invoice": "parent total_taxes",
    "subscription": "billing_mode",
    "refund": "payment_method",
    "checkout.session": "collected_information",
}


@pytest.fixture
def endpoints(client: stripe.StripeClient) -> tuple[str, str]:
    """Two endpoints for everything: one current, one with the older shape."""
    current = client.v1.webhook_endpoints.create(
        {"url": "https://a.test/now", "enabled_events": ["*"]}
    )
    older = client.v1.webhook_endpoints.create(
        {
            "url": "https://a.test/old",
            "enabled_events": ["*"],
            "api_version": "2025-02-24.acacia",
        }
    )
    return current.id, older.id


@pytest.fixture
def story(
    sandbox: Sandbox,
    endpoints: tuple[str, str],
    subscribe: Subscribe,
    client: stripe.StripeClient,
) -> tuple[str, str]:
    """A year in short: paid, failed, refunded, disputed."""
    subscribe()
    subscribe(FAILS_LATER)
    sandbox.advance_to(NOW + timedelta(days=40))
    charges = [c.id for c in client.v1.charges.list({"limit": 100}).data if c.paid]
    sandbox.refund(charges[0], 100)
    sandbox.close_dispute(sandbox.open_dispute(charges[1])["id"], won=False)
    return endpoints


def payloads(sandbox: Sandbox, endpoint: str) -> list[dict[str, Any]]:
    return [json.loads(body) for body, _ in sandbox.drain_webhooks(endpoint)]


class TestShapes:
    def test_the_current_shape_has_what_the_library_reads(
        self, sandbox: Sandbox, story: tuple[str, str]
    ) -> None:
        events = payloads(sandbox, story[0])

        seen = {event["data"]["object"]["object"] for event in events}
        assert seen >= set(CURRENT_FIELDS)
        for event in events:
            shown = event["data"]["object"]
            assert event["api_version"] == LIBRARY_API_VERSION
            assert event["livemode"] is False
            wanted = set(CURRENT_FIELDS.get(shown["object"], "").split())
            assert wanted - set(shown) == set(), shown["object"]
            gone = set(GONE.get(shown["object"], "").split())
            assert gone & set(shown) == set(), shown["object"]

    def test_nothing_of_the_sandboxs_own_leaves_it(
        self, sandbox: Sandbox, story: tuple[str, str]
    ) -> None:
        def names(value: Json) -> set[str]:
            if isinstance(value, dict):
                inner = (names(v) for v in value.values())
                return set(value).union(*inner)
            if isinstance(value, list):
                return set().union(*(names(v) for v in value))
            return set()

        for endpoint in story:
            found = names(payloads(sandbox, endpoint))
            assert not [name for name in found if name.startswith("_")]

    def test_the_older_shape_names_subscription_charge_and_invoice(
        self, sandbox: Sandbox, story: tuple[str, str]
    ) -> None:
        events = payloads(sandbox, story[1])

        for event in events:
            shown = event["data"]["object"]
            kind = shown["object"]
            assert event["api_version"] == OLDER
            assert set(OLDER_FIELDS.get(kind, "").split()) - set(shown) == set(), kind
            assert not set(GONE_FROM_OLDER.get(kind, "").split()) & set(shown), kind
        paid = next(e for e in events if e["type"] == "invoice.paid")["data"]["object"]
        charge = next(e for e in events if e["type"] == "charge.succeeded")
        assert paid["charge"] == charge["data"]["object"]["id"]
        assert charge["data"]["object"]["invoice"] == paid["id"]
        assert paid["subscription"].startswith("sub_")
        line = paid["lines"]["data"][0]
        assert line["type"] == "subscription"
        assert line["price"]["unit_amount"] == line["plan"]["amount"] == 4900
        assert "parent" not in line
        updated = [e for e in events if e["type"] == "customer.subscription.updated"]
        previous = [e["data"]["previous_attributes"] for e in updated]
        assert any("current_period_end" in p for p in previous)

    def test_both_shapes_become_typed_objects(
        self, sandbox: Sandbox, client: stripe.StripeClient, story: tuple[str, str]
    ) -> None:
        for endpoint in story:
            secret = sandbox.store.get("webhook_endpoint", endpoint)["_secret"]
            for body, signature in sandbox.drain_webhooks(endpoint):
                event = client.construct_event(body, signature, secret)
                if event.type == "invoice.paid":
                    assert isinstance(event.data.object, stripe.Invoice)

    def test_a_request_may_ask_for_the_older_shape(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        subscription = subscribe()

        invoice = client.v1.invoices.retrieve(
            str(subscription.latest_invoice), options={"stripe_version": OLDER}
        )

        assert invoice["subscription"] == subscription.id

    def test_an_invoice_without_subscription_has_no_parent(
        self, sandbox: Sandbox, endpoints: tuple[str, str], pay_once: Callable[..., str]
    ) -> None:
        pay_once()

        for endpoint in endpoints:
            types = [e["type"] for e in payloads(sandbox, endpoint)]
            assert types[-1] == "checkout.session.completed"
            assert "customer.created" not in types


class TestEndpoints:
    def test_an_endpoint_tells_its_secret_once(
        self, client: stripe.StripeClient
    ) -> None:
        made = client.v1.webhook_endpoints.create(
            {"url": "https://a.test/h", "enabled_events": ["*"], "metadata": {"a": "b"}}
        )

        again = client.v1.webhook_endpoints.retrieve(made.id)
        assert made.secret is not None
        assert made.secret.startswith("whsec_")
        assert "secret" not in again
        assert len(client.v1.webhook_endpoints.list().data) == 1

    def test_an_endpoint_gets_what_it_asked_for(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        client.v1.webhook_endpoints.create(
            {"url": "https://a.test/h", "enabled_events": ["invoice.paid"]}
        )

        subscribe()

        assert [e["type"] for e in sandbox.pending_events()] == ["invoice.paid"]
        event = client.v1.events.list({"type": "invoice.paid"}).data[0]
        assert event.pending_webhooks == 1

    def test_an_endpoint_can_be_silenced_changed_and_deleted(
        self, client: stripe.StripeClient, sandbox: Sandbox
    ) -> None:
        v1 = client.v1
        made = v1.webhook_endpoints.create(
            {"url": "https://a.test/h", "enabled_events": ["*"]}
        )
        v1.customers.create({"name": "A"})
        changed = v1.webhook_endpoints.update(
            made.id, {"disabled": True, "url": "https://a.test/i"}
        )
        v1.customers.create({"name": "B"})

        assert (changed.status, changed.url) == ("disabled", "https://a.test/i")
        assert len(sandbox.pending_events(made.id)) == 1
        assert v1.webhook_endpoints.delete(made.id).deleted
        assert sandbox.store.pending == {}
        with pytest.raises(ValueError, match="0 endpoints"):
            sandbox.pending_events()

    def test_registering_the_same_address_twice_keeps_one(
        self, sandbox: Sandbox
    ) -> None:
        first = sandbox.register_endpoint("https://a.test/h", "whsec_1")
        second = sandbox.register_endpoint(
            "https://a.test/h", SECRET, api_version=OLDER
        )

        assert first == second
        assert sandbox.store.get("webhook_endpoint", first)["_secret"] == SECRET


class TestSignatures:
    def test_the_library_accepts_the_signature(
        self, client: stripe.StripeClient, sandbox: Sandbox
    ) -> None:
        sandbox.register_endpoint("https://a.test/h", SECRET)
        customer = client.v1.customers.create({"name": "Ä"})

        ((body, signature),) = sandbox.drain_webhooks()

        assert stripe.WebhookSignature.verify_header(body, signature, SECRET, 300)
        event = client.construct_event(body, signature, SECRET)
        assert event.type == "customer.created"
        assert event.data.object["id"] == customer.id
        assert event.request is not None
        assert event.request.idempotency_key is not None
        assert sandbox.drain_webhooks() == []

    def test_another_secret_or_an_old_time_is_refused(
        self, client: stripe.StripeClient, sandbox: Sandbox
    ) -> None:
        sandbox.register_endpoint("https://a.test/h", SECRET)
        client.v1.customers.create({"name": "A"})
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)

        ((body, signature),) = sandbox.drain_webhooks(sent_at=long_ago)

        with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
            client.construct_event(body, signature, SECRET)
        with pytest.raises(stripe.SignatureVerificationError, match="matching"):
            client.construct_event(body, signature, "whsec_other")


class TestKeeping:
    def test_everything_survives_a_restart(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        story: tuple[str, str],
        tmp_path: Path,
    ) -> None:
        client.v1.customers.create({"name": "A"}, {"idempotency_key": "k"})
        file = tmp_path / "state.json"
        sandbox.save(file)

        again = Sandbox.load(file)
        later = NOW + timedelta(days=90)
        sandbox.advance_to(later)
        again.advance_to(later)

        assert again.events() == sandbox.events()
        for endpoint in story:
            assert payloads(again, endpoint) == payloads(sandbox, endpoint)
        replay = stripe.StripeClient("sk_test_x", http_client=SandboxHTTPClient(again))
        assert again.store.idempotency.keys() == sandbox.store.idempotency.keys()
        assert len(replay.v1.invoices.list({"limit": 100}).data) == len(
            client.v1.invoices.list({"limit": 100}).data
        )
        assert [p.name for p in tmp_path.iterdir()] == ["state.json"]

    @pytest.mark.parametrize("text", ["{}", "[]", '{"format": 99}', "nonsense"])
    def test_another_file_is_refused(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "state.json"
        file.write_text(text)

        with pytest.raises(ValueError, match=r"does not hold|Expecting value"):
            Sandbox.load(file)

    def test_the_same_seed_gives_the_same_ids(self) -> None:
        ids = []
        for _ in range(2):
            sandbox = Sandbox(now=NOW, seed="s", account_api_version=OLDER)
            http = SandboxHTTPClient(sandbox)
            client = stripe.StripeClient("sk_test_x", http_client=http)
            ids.append(client.v1.customers.create({"name": "A"}).id)
            assert sandbox.events()[0]["api_version"] == OLDER

        other = Sandbox(now=NOW).store.new_id("customer")
        assert ids[0] == ids[1]
        assert other not in ids

    def test_events_can_be_read_from_a_moment_on(
        self, client: stripe.StripeClient, sandbox: Sandbox
    ) -> None:
        client.v1.customers.create({"name": "A"})
        later = NOW + timedelta(hours=1)
        sandbox.advance_to(later)
        client.v1.customers.create({"name": "B"})

        names = [e["data"]["object"]["name"] for e in sandbox.events(later)]

        assert names == ["B"]
        assert sandbox.clock == later
