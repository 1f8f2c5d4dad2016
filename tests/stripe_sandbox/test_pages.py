import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import stripe
from werkzeug.test import Client, TestResponse

from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.wsgi import create_sandbox_app
from tests.stripe_sandbox.conftest import FAILS_LATER, NOW, Subscribe, types_of

Open = Callable[..., stripe.checkout.Session]
CARD = {
    "email": "ada@b.test",
    "number": "4242 4242 4242 4242",
    "expiry": "12/34",
    "cvc": "123",
    "name": "Ada",
}


@pytest.fixture
def changes() -> list[str]:
    return []


@pytest.fixture
def browser(sandbox: Sandbox, changes: list[str]) -> Client:
    def note() -> None:
        changes.append("changed")

    return Client(create_sandbox_app(sandbox, after_change=note))


def path_of(url: str | None) -> str:
    assert url is not None
    return url.removeprefix("http://127.0.0.1:8026")


class TestCheckoutPage:
    def test_the_page_says_what_is_bought_and_that_no_money_moves(
        self, browser: Client, open_session: Open
    ) -> None:
        page = browser.get(path_of(open_session(customer_email="a@b.test").url))

        assert page.status_code == 200
        for words in (
            "Partner plan",
            "$49.00 every month",
            "No money moves",
            "4000 0000 0000 0002",
            'value="a@b.test"',
            "https://portal.test/back",
        ):
            assert words in page.text

    def test_the_page_runs_nothing_and_its_form_may_lead_to_the_seller(
        self, browser: Client, open_session: Open
    ) -> None:
        page = browser.get(path_of(open_session().url))

        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self' https://portal.test;" in policy
        assert "<script" not in page.text
        assert "style=" not in page.text
        assert len(re.findall("<h1", page.text)) == 1
        style = browser.get("/assets/sandbox.css")
        assert style.mimetype == "text/css"

    def test_every_input_has_a_label(self, browser: Client, open_session: Open) -> None:
        text = browser.get(path_of(open_session().url)).text

        names = re.findall(r'<input id="(\w+)"', text)
        assert names == ["email", "number", "expiry", "cvc", "name"]
        assert all(f'<label for="{name}">' in text for name in names)

    def test_paying_leads_back_with_the_sessions_id(
        self,
        browser: Client,
        client: stripe.StripeClient,
        open_session: Open,
        changes: list[str],
    ) -> None:
        session = open_session()

        answer = browser.post(path_of(session.url), data=CARD)

        assert answer.status_code == 303
        assert answer.location == f"https://portal.test/paid?session={session.id}"
        assert client.v1.customers.list().data[0].email == "ada@b.test"
        assert changes == ["changed"]

    def test_submitting_twice_pays_once(
        self, browser: Client, client: stripe.StripeClient, open_session: Open
    ) -> None:
        session = open_session()

        first = browser.post(path_of(session.url), data=CARD)
        second = browser.post(path_of(session.url), data=CARD)
        third = browser.get(path_of(session.url))

        assert [a.location for a in (second, third)] == [first.location] * 2
        assert len(client.v1.charges.list().data) == 1

    def test_a_declined_card_can_be_followed_by_another(
        self, browser: Client, client: stripe.StripeClient, open_session: Open
    ) -> None:
        url = path_of(open_session().url)

        declined = browser.post(url, data={**CARD, "number": "4000000000000002"})
        paid = browser.post(url, data=CARD)

        assert declined.status_code == 402
        assert "Your card was declined. Nothing was charged." in declined.text
        assert 'value="Ada"' in declined.text
        assert "4000000000000002" not in declined.text
        assert paid.status_code == 303
        statuses = [c.status for c in client.v1.charges.list().data]
        assert statuses == ["succeeded", "failed"]

    def test_mistakes_are_shown_at_their_fields_and_the_rest_is_kept(
        self, browser: Client, client: stripe.StripeClient, open_session: Open
    ) -> None:
        typed = {"email": "ada", "number": "4242424242424241", "expiry": "01/20"}

        page = browser.post(path_of(open_session().url), data=typed)

        assert page.status_code == 422
        for words in (
            'id="email-error">Enter an email address',
            'id="number-error">This card number is not valid.',
            'id="expiry-error">This card has expired.',
            'id="cvc-error">Enter the security code',
            'id="name-error">Enter the name',
            'value="01/20"',
            'value="ada"',
            'href="#number"',
        ):
            assert words in page.text
        assert "4242424242424241" not in page.text
        assert client.v1.charges.list().data == []

    def test_an_expired_session_says_so(
        self, browser: Client, sandbox: Sandbox, open_session: Open
    ) -> None:
        url = path_of(open_session().url)
        sandbox.advance_to(NOW + timedelta(days=2))

        page = browser.get(url)

        assert page.status_code == 410
        assert "This payment page has expired" in page.text

    def test_an_unknown_session_is_404(self, browser: Client) -> None:
        page = browser.get("/c/pay/cs_test_none")

        assert page.status_code == 404
        assert "No such session" in page.text
        assert browser.get("/nothing").status_code == 404

    def test_a_known_customer_keeps_their_address(
        self, browser: Client, client: stripe.StripeClient, open_session: Open
    ) -> None:
        customer = client.v1.customers.create({"email": "known@b.test"})
        session = open_session(customer=customer.id)

        browser.post(path_of(session.url), data=CARD)

        done = client.v1.checkout.sessions.retrieve(session.id)
        assert done.customer_details is not None
        assert done.customer_details.email == "known@b.test"

    def test_a_form_from_another_site_is_refused(
        self, browser: Client, open_session: Open
    ) -> None:
        url = path_of(open_session().url)

        for header in (
            {"Origin": "https://evil.test"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            assert browser.post(url, data=CARD, headers=header).status_code == 403
        own = {"Origin": "http://localhost"}
        assert browser.post(url, data=CARD, headers=own).status_code == 303


class TestBillingPortal:
    @pytest.fixture
    def url(self, client: stripe.StripeClient, subscribe: Subscribe) -> str:
        customer = str(subscribe(FAILS_LATER).customer)
        session = client.v1.billing_portal.sessions.create(
            {"customer": customer, "return_url": "https://portal.test/account"}
        )
        return path_of(session.url)

    def test_it_shows_subscription_card_and_invoices(
        self, browser: Client, client: stripe.StripeClient, url: str
    ) -> None:
        page = browser.get(url)

        number = client.v1.invoices.list().data[0].number
        for words in ("Partner plan", "visa ending in 0341", str(number), "active"):
            assert words in page.text
        assert "https://portal.test/account" in page.text

    def test_a_subscription_is_canceled_and_resumed(
        self, browser: Client, client: stripe.StripeClient, url: str
    ) -> None:
        key = client.v1.subscriptions.list().data[0].id

        def post(action: str) -> TestResponse:
            data = {"action": action, "subscription": key}
            return browser.post(url, data=data, follow_redirects=True)

        canceled = post("cancel")
        resumed = post("resume")

        assert "and is not renewed" in canceled.text
        assert "Keep the subscription" in canceled.text
        assert "The subscription goes on." in resumed.text
        assert "It is renewed on" in resumed.text

    def test_a_new_card_pays_from_now_on(
        self, browser: Client, client: stripe.StripeClient, sandbox: Sandbox, url: str
    ) -> None:
        data = {**CARD, "action": "card"}
        page = browser.post(url, data=data, follow_redirects=True)
        sandbox.advance_to(NOW + timedelta(days=28))

        assert "visa ending in 4242" in page.text
        assert [i.status for i in client.v1.invoices.list().data] == ["paid", "paid"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"number": "1"}, "This card number is not valid."),
            ({"number": "4000000000000069"}, "Your card has expired."),
            ({"name": ""}, "Enter the name on the card."),
        ],
    )
    def test_a_card_that_does_not_work_is_not_taken(
        self, browser: Client, url: str, change: dict[str, str], words: str
    ) -> None:
        page = browser.post(url, data={**CARD, "action": "card", **change})

        assert page.status_code == 422
        assert words in page.text
        assert "ending in 0341" in page.text

    def test_nobody_touches_another_customers_subscription(
        self, browser: Client, subscribe: Subscribe, url: str
    ) -> None:
        other = subscribe().id

        foreign = browser.post(url, data={"action": "cancel", "subscription": other})
        unknown = browser.post(url, data={"action": "dance"})

        assert foreign.status_code == 404
        assert unknown.status_code == 400
        assert browser.get("/p/session/bps_none").status_code == 404

    def test_what_has_ended_or_never_was_is_said(
        self, browser: Client, client: stripe.StripeClient, url: str
    ) -> None:
        client.v1.subscriptions.cancel(client.v1.subscriptions.list().data[0].id)
        nobody = client.v1.customers.create({"name": "B"}).id
        empty = client.v1.billing_portal.sessions.create({"customer": nobody})

        ended = browser.get(url)
        nothing = browser.get(path_of(empty.url))

        assert "It ended on 31 January 2026" in ended.text
        assert "There is no subscription." in nothing.text
        assert "There is no invoice yet." in nothing.text

    def test_an_invoice_is_its_own_receipt(
        self, browser: Client, client: stripe.StripeClient, sandbox: Sandbox, url: str
    ) -> None:
        del url
        first = client.v1.invoices.list().data[0]
        sandbox.advance_to(NOW + timedelta(days=28))
        second = client.v1.invoices.list().data[0]

        receipt = browser.get(path_of(first.hosted_invoice_url))
        failed = browser.get(path_of(second.hosted_invoice_url))

        assert "Paid on 31 January 2026, 09:00 UTC." in receipt.text
        assert "The next attempt is on 3 March 2026" in failed.text


class TestControls:
    def test_the_overview_shows_what_there_is(
        self,
        browser: Client,
        sandbox: Sandbox,
        subscribe: Subscribe,
        open_session: Open,
    ) -> None:
        empty = browser.get("/_sandbox/")
        sandbox.register_endpoint("https://a.test/h", "whsec_1")
        subscription = subscribe()
        open_session()
        sandbox.drain_webhooks()

        page = browser.get("/_sandbox/")

        assert "Nothing was charged yet." in empty.text
        assert "31 January 2026, 09:00 UTC" in page.text
        assert subscription.id in page.text
        assert "checkout.session.completed" in page.text
        assert "delivered" in page.text
        assert "open the page" in page.text

    def test_people_move_the_clock_refund_and_dispute(
        self, browser: Client, sandbox: Sandbox, pay_once: Callable[..., str]
    ) -> None:
        charge = pay_once()

        def post(verb: str, **data: str) -> str:
            answer = browser.post(
                f"/_sandbox/{verb}",
                data=data,
                headers={"Accept": "text/html"},
                follow_redirects=True,
            )
            return answer.text

        moved = post("clock", days="10")
        refunded = post("refunds", charge=charge, amount="300")
        opened = post("disputes", charge=charge, action="open")
        closed = post("disputes", charge=charge, action="lost")
        wrong = post("refunds", charge=charge, amount="much")

        assert "The clock shows 10 February 2026" in moved
        assert "€3.00 of the payment" in refunded
        assert "is disputed now" in opened
        assert "Seller wins" in opened
        assert "the buyer has won" in closed
        assert "Write the amount in minor units" in wrong
        assert "charge.dispute.closed" in types_of(sandbox)

    def test_programs_get_json(
        self, browser: Client, sandbox: Sandbox, pay_once: Callable[..., str]
    ) -> None:
        charge = pay_once()

        moved = browser.post("/_sandbox/clock", json={"to": "2026-03-01T00:00:00Z"})
        refund = browser.post("/_sandbox/refunds", json={"charge": charge})
        browser.post("/_sandbox/clock", data={"days": "1"})

        assert moved.json == {"now": 1772323200}
        assert refund.json is not None
        assert refund.json["amount"] == 10_000
        assert sandbox.clock.day == 2

    @pytest.mark.parametrize(
        ("verb", "body", "status", "message"),
        [
            ("clock", {}, 400, "number of days"),
            ("clock", {"days": "-1"}, 400, "number of days"),
            ("clock", {"days": "99999"}, 400, "number of days"),
            ("clock", {"to": "soon"}, 400, "Write the time"),
            ("clock", {"to": "2027-01-01"}, 400, "with its zone"),
            ("clock", {"to": "2020-01-01T00:00:00Z"}, 400, "only goes forward"),
            ("disputes", {"action": "open", "charge": "ch_x"}, 404, "No such charge"),
            ("disputes", {"action": "dance"}, 400, "open, won or lost"),
            ("disputes", {"action": "won", "charge": "ch_x"}, 400, "no dispute"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self,
        browser: Client,
        verb: str,
        body: dict[str, str],
        status: int,
        message: str,
    ) -> None:
        answer = browser.post(f"/_sandbox/{verb}", json=body)

        assert answer.status_code == status
        assert answer.json is not None
        assert message in answer.json["error"]["message"]

    def test_other_controls_do_not_exist(self, browser: Client) -> None:
        assert browser.post("/_sandbox/money").status_code == 404
        assert browser.post("/_sandbox/clock", json=[1]).status_code == 400
