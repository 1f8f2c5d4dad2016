from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pypdf
import pytest
import stripe
from werkzeug.test import Client

from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json
from portal.stripe_sandbox.wsgi import create_sandbox_app
from tests.stripe_sandbox.conftest import (
    FAILS_LATER,
    NOW,
    WORKS,
    Subscribe,
    moment,
    plain,
    types_of,
)

DAY = timedelta(days=1)
Open = Callable[..., stripe.checkout.Session]
TRIAL = {"trial_period_days": 14}


def invoices(client: stripe.StripeClient) -> list[tuple[int, str | None]]:
    """Return total and state of each invoice, oldest first."""
    return [(i.total, i.status) for i in client.v1.invoices.list().data[::-1]]


class TestTrial:
    def test_nothing_is_paid_until_it_ends_and_then_a_full_period(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        begun = subscribe(subscription_data=TRIAL)
        assert begun.status == "trialing"
        assert moment(begun.trial_end) == NOW + 14 * DAY
        assert invoices(client) == [(0, "paid")]
        line = client.v1.invoices.list().data[0].lines.data[0]
        assert line.description == "Trial period for Partner plan"

        sandbox.advance_to(NOW + 14 * DAY)

        ran = client.v1.subscriptions.retrieve(begun.id)
        assert ran.status == "active"
        assert invoices(client) == [(0, "paid"), (4_900, "paid")]
        end = plain(ran)["items"]["data"][0]["current_period_end"]
        assert moment(end) == datetime(2026, 3, 14, 9, tzinfo=UTC)
        assert types_of(sandbox).count("customer.subscription.trial_will_end") == 1

    def test_a_first_payment_that_fails_after_it_is_dunned(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        begun = subscribe(FAILS_LATER, subscription_data=TRIAL)

        sandbox.advance_to(NOW + 15 * DAY)

        assert client.v1.subscriptions.retrieve(begun.id).status == "past_due"

    def test_it_ends_with_the_trial_when_it_was_cancelled_for_then(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        begun = subscribe(subscription_data=TRIAL)
        client.v1.subscriptions.update(begun.id, {"cancel_at_period_end": True})
        client.v1.subscriptions.cancel(
            str(subscribe(subscription_data=TRIAL).id)
        )  # Of one that has ended nobody says that its trial ends.

        sandbox.advance_to(NOW + 20 * DAY)

        assert client.v1.subscriptions.retrieve(begun.id).status == "canceled"
        assert invoices(client) == [(0, "paid"), (0, "paid")]
        assert types_of(sandbox).count("customer.subscription.trial_will_end") == 1

    def test_a_change_in_it_settles_nothing(
        self, client: stripe.StripeClient, subscribe: Subscribe
    ) -> None:
        begun = subscribe(subscription_data=TRIAL)
        item = plain(begun)["items"]["data"][0]

        client.v1.subscriptions.update(
            begun.id,
            {
                "items": [
                    {
                        "id": item["id"],
                        "price_data": {
                            "currency": "usd",
                            "product": item["price"]["product"],
                            "unit_amount": 9_900,
                            "recurring": {"interval": "month"},
                        },
                    }
                ],
                "proration_behavior": "always_invoice",
            },
        )

        assert invoices(client) == [(0, "paid")]


class TestDiscount:
    @pytest.mark.parametrize(
        ("duration", "totals"),
        [
            ({"duration": "once"}, [3_675, 4_900, 4_900]),
            (
                {"duration": "repeating", "duration_in_months": 2},
                [3_675, 3_675, 4_900],
            ),
            ({"duration": "forever"}, [3_675, 3_675, 3_675]),
        ],
    )
    def test_a_share_is_taken_off_for_as_long_as_the_coupon_says(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        open_session: Open,
        duration: Json,
        totals: list[int],
    ) -> None:
        params: Json = {"percent_off": 25, **duration}
        coupon = client.v1.coupons.create(params)
        session = open_session(discounts=[{"coupon": coupon.id}])
        sandbox.complete_checkout(session.id)

        sandbox.advance_to(NOW + 62 * DAY)

        assert session.amount_total == 3_675
        assert plain(session.total_details)["amount_discount"] == 1_225
        assert [total for total, _status in invoices(client)] == totals
        first = client.v1.invoices.list().data[-1]
        assert (first.subtotal, first.amount_paid) == (4_900, 3_675)
        assert [d.amount for d in first.total_discount_amounts or []] == [1_225]
        assert client.v1.coupons.retrieve(coupon.id).times_redeemed == 1

    def test_a_buyer_types_a_code(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        coupon = client.v1.coupons.create({"amount_off": 9_000, "currency": "usd"})
        code = client.v1.promotion_codes.create(
            {"code": "HELLO", "promotion": {"type": "coupon", "coupon": coupon.id}}
        )
        session = open_session(allow_promotion_codes=True)
        with pytest.raises(ApiError, match="code is invalid"):
            sandbox.complete_checkout(session.id, code="GOODBYE")

        done = sandbox.complete_checkout(session.id, code="hello")

        assert done["amount_total"] == 0
        assert done["discounts"] == [{"coupon": None, "promotion_code": code.id}]
        assert invoices(client) == [(0, "paid")]
        found = client.v1.promotion_codes.list({"code": "HELLO"}).data[0]
        assert found.times_redeemed == 1

    def test_a_page_that_takes_no_codes_takes_none(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        coupon = client.v1.coupons.create({"percent_off": 12.5, "id": "SPRING"})
        client.v1.promotion_codes.create(
            {"code": "A", "promotion": {"type": "coupon", "coupon": coupon.id}}
        )

        with pytest.raises(ApiError, match="code is invalid"):
            sandbox.complete_checkout(open_session().id, code="A")

    def test_a_change_of_price_is_settled_less_the_discount(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        subscribe: Subscribe,
        price: str,
    ) -> None:
        coupon = client.v1.coupons.create({"percent_off": 50, "duration": "forever"})
        begun = subscribe(discounts=[{"coupon": coupon.id}])
        item = plain(begun)["items"]["data"][0]["id"]
        sandbox.advance_to(NOW + 14 * DAY)

        client.v1.subscriptions.update(
            begun.id,
            {
                "items": [{"id": item, "price": price, "quantity": 2}],
                "proration_behavior": "always_invoice",
            },
        )

        assert invoices(client) == [(2_450, "paid"), (1_225, "paid")]

    def test_a_fixed_discount_is_not_settled_by_the_sandbox(
        self, client: stripe.StripeClient, subscribe: Subscribe, price: str
    ) -> None:
        coupon = client.v1.coupons.create(
            {"amount_off": 100, "currency": "usd", "duration": "forever"}
        )
        begun = subscribe(discounts=[{"coupon": coupon.id}])
        item = plain(begun)["items"]["data"][0]["id"]

        with pytest.raises(stripe.InvalidRequestError, match="fixed discount"):
            client.v1.subscriptions.update(
                begun.id, {"items": [{"id": item, "price": price, "quantity": 2}]}
            )

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"duration": "once"}, "either `percent_off` or `amount_off`"),
            ({"amount_off": 5}, "currency"),
            ({"percent_off": 101}, "Invalid percent_off"),
            ({"percent_off": 10, "duration": "repeating"}, "duration_in_months"),
            ({"percent_off": 10, "id": "TAKEN"}, "already exists"),
        ],
    )
    def test_a_coupon_that_means_nothing_is_refused(
        self, client: stripe.StripeClient, params: Json, message: str
    ) -> None:
        client.v1.coupons.create({"percent_off": 10, "id": "TAKEN"})

        with pytest.raises(stripe.InvalidRequestError, match=message):
            client.v1.coupons.create(params)

    def test_a_code_needs_a_coupon_and_letters_of_its_own(
        self, client: stripe.StripeClient
    ) -> None:
        client.v1.coupons.create({"percent_off": 10, "id": "TEN"})
        client.v1.promotion_codes.create(
            {"code": "A", "promotion": {"type": "coupon", "coupon": "TEN"}}
        )

        for promotion, message in [
            ({"type": "coupon"}, "coupon"),
            ({"type": "coupon", "coupon": "TEN"}, "exists already"),
        ]:
            params: Json = {"code": "a", "promotion": promotion}
            with pytest.raises(stripe.InvalidRequestError, match=message):
                client.v1.promotion_codes.create(params)

    def test_a_coupon_and_codes_do_not_go_together(
        self, client: stripe.StripeClient, open_session: Open
    ) -> None:
        client.v1.coupons.create({"percent_off": 10, "id": "TEN"})

        with pytest.raises(stripe.InvalidRequestError, match="only specify one of"):
            open_session(discounts=[{"coupon": "TEN"}], allow_promotion_codes=True)


class TestPause:
    @pytest.mark.parametrize(
        ("behavior", "status"), [("void", "void"), ("mark_uncollectible",) * 2]
    )
    def test_invoices_are_written_and_nothing_is_charged_until_it_is_over(
        self,
        client: stripe.StripeClient,
        sandbox: Sandbox,
        subscribe: Subscribe,
        behavior: Json,
        status: str,
    ) -> None:
        begun = subscribe()
        until = int((NOW + 40 * DAY).timestamp())
        client.v1.subscriptions.update(
            begun.id,
            {"pause_collection": {"behavior": behavior, "resumes_at": until}},
        )

        sandbox.advance_to(NOW + 62 * DAY)

        wanted = status.removeprefix("mark_")
        assert [s for _total, s in invoices(client)] == ["paid", wanted, "paid"]
        ran = client.v1.subscriptions.retrieve(begun.id)
        assert (ran.status, ran.pause_collection) == ("active", None)

    def test_it_is_taken_back(
        self, client: stripe.StripeClient, sandbox: Sandbox, subscribe: Subscribe
    ) -> None:
        begun = subscribe()
        client.v1.subscriptions.update(
            begun.id, {"pause_collection": {"behavior": "void"}}
        )
        client.v1.subscriptions.update(begun.id, {"pause_collection": ""})

        sandbox.advance_to(NOW + 32 * DAY)

        assert [s for _total, s in invoices(client)] == ["paid", "paid"]

    @pytest.mark.parametrize(
        ("pause", "message"),
        [
            ({"behavior": "keep_as_draft"}, "does not keep drafts"),
            ({"behavior": "void", "resumes_at": 5}, "must be in the future"),
        ],
    )
    def test_a_pause_that_is_over_or_keeps_drafts_is_refused(
        self,
        client: stripe.StripeClient,
        subscribe: Subscribe,
        pause: Json,
        message: str,
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError, match=message):
            client.v1.subscriptions.update(subscribe().id, {"pause_collection": pause})


FORM = {
    "email": "a@example.com",
    "number": WORKS,
    "expiry": "12/34",
    "cvc": "123",
    "name": "A (B)",
}
ASKS: Json = {
    "billing_address_collection": "required",
    "tax_id_collection": {"enabled": True},
    "allow_promotion_codes": True,
}


class TestPage:
    def test_it_collects_address_tax_id_and_code_for_the_invoice(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        browser = Client(create_sandbox_app(sandbox))
        client.v1.coupons.create({"percent_off": 10, "id": "TEN"})
        client.v1.promotion_codes.create(
            {"code": "TEN", "promotion": {"type": "coupon", "coupon": "TEN"}}
        )
        path = f"/c/pay/{open_session(**ASKS, subscription_data=TRIAL).id}"
        assert "14 days" in browser.get(path).text

        empty = browser.post(path, data=FORM | {"code": "X"})
        where = {"line1": "Way 1", "city": "Graz", "country": "at"}
        more = where | {"code": "ten", "tax_id": "ATU 1234"}
        done = browser.post(path, data=FORM | more)

        assert empty.status_code == 422
        for message in ("street and number", "the town", "two letters", "is invalid"):
            assert message in empty.text
        assert done.status_code == 303
        invoice = client.v1.invoices.list().data[0]
        assert plain(invoice.customer_address)["city"] == "Graz"
        assert [(t.type, t.value) for t in invoice.customer_tax_ids or []] == [
            ("eu_vat", "ATU1234")
        ]
        paper = browser.get(f"/i/{invoice.id}/pdf")
        assert paper.content_type == "application/pdf"
        text = pypdf.PdfReader(BytesIO(paper.data)).pages[0].extract_text()
        assert f"Invoice {invoice.number}" in text
        assert "A (B)" in text
        assert "Tax id: ATU1234" in text

    def test_a_tax_id_that_nobody_asks_for_is_not_kept(
        self, sandbox: Sandbox, open_session: Open
    ) -> None:
        session = open_session()

        done = sandbox.complete_checkout(session.id, tax_id="12-3456789")

        assert done["customer_details"]["tax_ids"] == []

    def test_a_declined_card_in_a_trial_leaves_no_payment(
        self, client: stripe.StripeClient, sandbox: Sandbox, open_session: Open
    ) -> None:
        browser = Client(create_sandbox_app(sandbox))
        session = open_session(subscription_data=TRIAL)

        declined = browser.post(
            f"/c/pay/{session.id}", data=FORM | {"number": "4000000000000002"}
        )

        assert declined.status_code == 402
        assert client.v1.payment_intents.list().data == []
