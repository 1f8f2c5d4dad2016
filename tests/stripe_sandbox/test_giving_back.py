import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import stripe

from portal.sales.rules import read_credit_note
from portal.stripe_sandbox.checkout import CardDeclined
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json
from tests.stripe_sandbox.conftest import FAILS_LATER, NOW, Subscribe, plain, types_of

Open = Callable[..., stripe.checkout.Session]
Pay = Callable[..., str]


class TestRefunds:
    def test_several_partial_refunds_until_nothing_is_left(
        self, client: stripe.StripeClient, sandbox: Sandbox, pay_once: Pay
    ) -> None:
        charge = pay_once()
        intent = str(client.v1.charges.retrieve(charge).payment_intent)

        client.v1.refunds.create({"charge": charge, "amount": 3000})
        client.v1.refunds.create({"payment_intent": intent, "amount": 2500})
        partly = client.v1.charges.retrieve(charge)
        client.v1.refunds.create({"charge": charge, "reason": "duplicate"})

        assert (partly.amount_refunded, partly.refunded) == (5500, False)
        wholly = client.v1.charges.retrieve(charge)
        assert (wholly.amount_refunded, wholly.refunded) == (10_000, True)
        assert types_of(sandbox).count("charge.refunded") == 3
        amounts = [r.amount for r in client.v1.refunds.list({"charge": charge}).data]
        assert amounts == [4500, 2500, 3000]

    def test_the_refunds_of_a_charge_have_an_address(
        self, client: stripe.StripeClient, sandbox: Sandbox, pay_once: Pay
    ) -> None:
        charge = pay_once()
        refund = sandbox.refund(charge, 100)

        answer = client.raw_request("get", f"/v1/charges/{charge}/refunds")

        assert json.loads(answer.body)["data"][0]["id"] == refund["id"]

    def test_more_than_is_left_is_refused_in_stripes_words(
        self, client: stripe.StripeClient, sandbox: Sandbox, pay_once: Pay
    ) -> None:
        charge = pay_once()
        sandbox.refund(charge, 5500)

        with pytest.raises(stripe.InvalidRequestError) as much:
            client.v1.refunds.create({"charge": charge, "amount": 4501})
        sandbox.refund(charge)
        with pytest.raises(stripe.InvalidRequestError) as done:
            client.v1.refunds.create({"charge": charge})

        assert much.value.user_message == (
            "Refund amount (€45.01) is greater than unrefunded amount on charge "
            "(€45.00)"
        )
        assert done.value.code == "charge_already_refunded"

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({}, "param: charge"),
            ({"charge": "ch_none"}, "No such charge"),
            ({"payment_intent": "pi_none"}, "No such payment_intent"),
        ],
    )
    def test_what_was_paid_must_be_named(
        self, client: stripe.StripeClient, params: Json, message: str
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError, match=message):
            client.v1.refunds.create(params)

    def test_nothing_is_no_refund(
        self, client: stripe.StripeClient, pay_once: Pay
    ) -> None:
        charge = pay_once()

        with pytest.raises(stripe.InvalidRequestError, match="positive integer"):
            client.v1.refunds.create({"charge": charge, "amount": 0})

    def test_what_was_not_paid_is_not_given_back(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        with pytest.raises(CardDeclined):
            sandbox.complete_checkout(open_session().id, "4000000000000069")
        charge = client.v1.charges.list().data[0]

        with pytest.raises(stripe.InvalidRequestError, match="was not paid"):
            client.v1.refunds.create({"charge": charge.id})
        with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
            client.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
        with pytest.raises(ApiError, match="was not paid"):
            sandbox.open_dispute(charge.id)

    def test_a_refund_can_carry_notes(
        self, client: stripe.StripeClient, sandbox: Sandbox, pay_once: Pay
    ) -> None:
        refund = sandbox.refund(pay_once(), 100)

        client.v1.refunds.update(refund["id"], {"metadata": {"why": "late"}})

        noted = client.v1.refunds.retrieve(refund["id"])
        assert plain(noted.metadata) == {"why": "late"}
        assert "refund.updated" in types_of(sandbox)

    def test_a_refund_may_fail_later(
        self, client: stripe.StripeClient, sandbox: Sandbox, pay_once: Pay
    ) -> None:
        charge = pay_once("4000000000005126")
        refund = sandbox.refund(charge)

        sandbox.advance_to(NOW + timedelta(days=2))

        failed = client.v1.refunds.retrieve(refund["id"])
        assert (refund["status"], failed.status) == ("succeeded", "failed")
        assert failed.failure_reason == "expired_or_canceled_card"
        assert client.v1.charges.retrieve(charge).amount_refunded == 0
        assert types_of(sandbox)[-1] == "refund.failed"


class TestDisputes:
    @pytest.mark.parametrize("verdict", ["won", "lost"])
    def test_a_dispute_is_opened_and_decided(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        pay_once: Pay,
        verdict: str,
    ) -> None:
        charge, won = pay_once(), verdict == "won"
        dispute = sandbox.open_dispute(charge)

        sandbox.close_dispute(dispute["id"], won=won)

        decided = client.v1.disputes.retrieve(dispute["id"])
        assert (dispute["status"], decided.status) == ("needs_response", verdict)
        assert (decided.amount, decided.charge) == (10_000, charge)
        assert len(decided.balance_transactions) == (2 if won else 1)
        assert "charge.dispute.closed" in types_of(sandbox)
        assert ("charge.dispute.funds_reinstated" in types_of(sandbox)) is won
        with pytest.raises(ApiError, match="already closed"):
            sandbox.close_dispute(dispute["id"], won=True)

    def test_a_disputed_payment_is_neither_refunded_nor_disputed_again(
        self, client: stripe.StripeClient, sandbox: Sandbox, pay_once: Pay
    ) -> None:
        charge = pay_once()
        sandbox.open_dispute(charge)

        with pytest.raises(ApiError, match="already disputed"):
            sandbox.open_dispute(charge)
        with pytest.raises(stripe.InvalidRequestError, match="charged back"):
            client.v1.refunds.create({"charge": charge})

    def test_one_card_is_always_disputed(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscribe("4000000000000259")

        sandbox.advance_to(NOW + timedelta(days=28))

        assert len(client.v1.disputes.list().data) == 2
        assert types_of(sandbox).count("charge.dispute.created") == 2


class TestCreditNotes:
    def test_a_paid_invoice_is_credited_by_refund_and_balance(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        subscription = subscribe()
        invoice = str(subscription.latest_invoice)

        note = client.v1.credit_notes.create(
            {
                "invoice": invoice,
                "amount": 1000,
                "refund_amount": 600,
                "credit_amount": 300,
                "out_of_band_amount": 100,
                "reason": "order_change",
                "metadata": {"a": "b"},
            }
        )

        assert (note.amount, note.type) == (1000, "post_payment")
        assert note.post_payment_amount == 1000
        assert client.v1.refunds.list().data[0].amount == 600
        customer = client.v1.customers.retrieve(str(subscription.customer))
        assert customer.balance == -300
        assert str(note.customer_balance_transaction).startswith("cbtxn_")
        assert read_credit_note(note.to_dict()).gross_minor == 100
        changed = client.v1.invoices.retrieve(invoice)
        assert changed.post_payment_credit_notes_amount == 1000

    def test_an_open_invoice_asks_for_less(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscribe(FAILS_LATER)
        sandbox.advance_to(NOW + timedelta(days=28))
        invoice = str(client.v1.invoices.list({"status": "open"}).data[0].id)

        note = client.v1.credit_notes.create({"invoice": invoice, "amount": 900})

        assert note.type == "pre_payment"
        assert client.v1.invoices.retrieve(invoice).amount_remaining == 4000

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"amount": 1000}, "must equal"),
            ({"amount": 5000, "refund_amount": 5000}, "between 1 and 4900"),
        ],
    )
    def test_the_parts_must_add_up(
        self,
        client: stripe.StripeClient,
        subscribe: Subscribe,
        params: Json,
        message: str,
    ) -> None:
        invoice = str(subscribe().latest_invoice)

        wrong: Json = {"invoice": invoice, **params}

        with pytest.raises(stripe.InvalidRequestError, match=message):
            client.v1.credit_notes.create(wrong)

    def test_an_invoice_that_was_given_up_is_not_credited(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        subscribe(FAILS_LATER)
        sandbox.advance_to(NOW + timedelta(days=28))
        invoice = str(client.v1.invoices.list({"status": "open"}).data[0].id)
        client.v1.invoices.void_invoice(invoice)

        with pytest.raises(stripe.InvalidRequestError, match="open or paid"):
            client.v1.credit_notes.create({"invoice": invoice, "amount": 1})
