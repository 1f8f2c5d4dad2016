from urllib.parse import urlsplit

import pytest
from werkzeug.test import Client, TestResponse

from portal.demo.acme import CLICK_COOKIE, Places, create_acme_app
from portal.demo.shop import Shop
from portal.kit.ids import new_id, public_id
from portal.payments.gateway import SANDBOX_KEY
from portal.stripe_sandbox.sandbox import Sandbox
from tests.factories.base_factory import NOW

PLACES = Places(
    shop="http://localhost:8027",
    portal="http://localhost:8000",
    sandbox="http://localhost:8026",
)


@pytest.fixture
def stripe_account() -> Sandbox:
    return Sandbox(now=NOW, seed="acme", secret_key=SANDBOX_KEY)


@pytest.fixture
def visitor(stripe_account: Sandbox) -> Client:
    shop = Shop.in_process(stripe_account)
    return Client(create_acme_app(shop, PLACES, secret="s" * 32))


def order(visitor: Client, plan: str = "growth") -> str:
    """Choose a plan; returns the checkout session's id."""
    answer = visitor.post("/checkout", data={"plan": plan})
    assert answer.status_code == 303
    return urlsplit(answer.headers["Location"]).path.rpartition("/")[2]


def buy(visitor: Client, account: Sandbox) -> TestResponse:
    session_id = order(visitor)
    account.complete_checkout(session_id, email="lea@example.com")
    return visitor.get(f"/welcome?session={session_id}")


class TestTheShop:
    def test_shows_three_plans_under_a_strict_policy(self, visitor: Client) -> None:
        answer = visitor.get("/")
        assert answer.status_code == 200
        for price in ("$49", "$149", "$490"):
            assert price in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self' http://localhost:8026" in policy
        assert "<script" not in answer.text
        assert "style=" not in answer.text

    def test_serves_its_own_style(self, visitor: Client) -> None:
        answer = visitor.get("/acme.css")
        assert answer.mimetype == "text/css"

    def test_keeps_the_click_and_hides_it_from_the_address(
        self, visitor: Client
    ) -> None:
        click = public_id("clk", new_id())
        answer = visitor.get(f"/?gh_click={click}")
        assert answer.status_code == 303
        assert answer.headers["Location"] == "/"
        cookie = visitor.get_cookie(CLICK_COOKIE)
        assert cookie is not None
        assert cookie.value == click
        assert cookie.http_only
        assert "A partner sent you" in visitor.get("/").text

    def test_ignores_what_is_no_click(self, visitor: Client) -> None:
        visitor.get("/?gh_click=%3Cscript%3E")
        assert visitor.get_cookie(CLICK_COOKIE) is None

    def test_hands_the_click_to_stripe_with_the_order(
        self, visitor: Client, stripe_account: Sandbox
    ) -> None:
        click = public_id("clk", new_id())
        visitor.get(f"/?gh_click={click}")
        session_id = order(visitor)
        paid = stripe_account.complete_checkout(session_id, email="lea@example.com")
        subscription = stripe_account.store.get("subscription", paid["subscription"])
        assert paid["client_reference_id"] == click
        assert subscription["metadata"] == {"gh_click": click}

    def test_sells_without_a_click_too(
        self, visitor: Client, stripe_account: Sandbox
    ) -> None:
        answer = buy(visitor, stripe_account)
        assert "nobody earns" in answer.text

    def test_knows_no_other_plan(self, visitor: Client) -> None:
        assert visitor.post("/checkout", data={"plan": "gold"}).status_code == 404

    def test_refuses_a_form_of_another_site(self, visitor: Client) -> None:
        answer = visitor.post(
            "/checkout",
            data={"plan": "team"},
            headers={"Origin": "https://evil.example"},
        )
        assert answer.status_code == 403
        answer = visitor.post(
            "/checkout", data={"plan": "team"}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert answer.status_code == 403

    def test_says_what_happens_next(
        self, visitor: Client, stripe_account: Sandbox
    ) -> None:
        visitor.get(f"/?gh_click={public_id('clk', new_id())}")
        answer = buy(visitor, stripe_account)
        assert answer.status_code == 200
        assert "What happens now in Gatehouse" in answer.text
        assert "http://localhost:8000/app/earnings" in answer.text

    def test_welcomes_nobody_who_has_not_paid(self, visitor: Client) -> None:
        assert visitor.get(f"/welcome?session={order(visitor)}").status_code == 303

    def test_says_when_stripe_refuses(self, visitor: Client) -> None:
        answer = visitor.get("/welcome?session=cs_test_unknown")
        assert answer.status_code == 503
        assert "Nothing was charged" in answer.text


class TestTheAccount:
    def test_is_empty_before_the_first_purchase(self, visitor: Client) -> None:
        assert "not bought anything" in visitor.get("/account").text

    def test_cannot_be_forged(self, visitor: Client) -> None:
        visitor.set_cookie("acme_account", '"cus_123".abc')
        assert "not bought anything" in visitor.get("/account").text

    def test_lists_invoices_and_gives_half_back(
        self, visitor: Client, stripe_account: Sandbox
    ) -> None:
        buy(visitor, stripe_account)
        page = visitor.get("/account").text
        assert "$149.00" in page
        assert "refund of $74.50" in page
        answer = visitor.post("/account/refund", data={"key": "once"})
        assert answer.headers["Location"] == "/account?done=refund"
        visitor.post("/account/refund", data={"key": "once"})  # the same form again
        refunds = list(stripe_account.store.every("refund"))
        assert [refund["amount"] for refund in refunds] == [7_450]

    def test_offers_no_refund_of_what_is_given_back(
        self, visitor: Client, stripe_account: Sandbox
    ) -> None:
        buy(visitor, stripe_account)
        for key in ("first", "second", "third"):
            visitor.post("/account/refund", data={"key": key})
        assert "given back in full" in visitor.get("/account").text
        assert sum(r["amount"] for r in stripe_account.store.every("refund")) == 14_900
