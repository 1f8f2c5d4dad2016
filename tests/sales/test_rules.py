from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.sales.reading import Unreadable, country
from portal.sales.rules import (
    moves_money,
    read_charge,
    read_charge_refunds,
    read_checkout,
    read_credit_note,
    read_dispute,
    read_invoice,
    read_invoice_payment,
    read_refund,
    read_subscription,
)
from tests.factories.base_factory import NOW
from tests.sales import stripe_objects as so


def test_both_shapes_of_an_invoice_say_the_same() -> None:
    older, current = (
        read_invoice(so.invoice(older=older, subscription_metadata={"gh_click": "x"}))
        for older in (True, False)
    )

    assert older.charges == ("ch_1",)
    assert older.payment_intents == ("pi_1",)
    assert (current.charges, current.payment_intents) == ((), ())
    unnamed: dict[str, Any] = {"charges": (), "payment_intents": ()}
    assert replace(older, **unnamed) == current
    assert current.subscription == "sub_1"
    assert current.metadata == {"gh_click": "x"}
    assert current.product == "prod_starter"
    assert current.occurred_at == NOW


def test_an_expanded_invoice_names_its_payments() -> None:
    payments = {"data": [so.invoice_payment(), {"payment": {"charge": {"id": "py_1"}}}]}

    facts = read_invoice(so.invoice(payments=payments, customer={"id": "cus_1"}))

    assert facts.payment_intents == ("pi_1",)
    assert facts.charges == ("py_1",)
    assert facts.customer == "cus_1"


@pytest.mark.parametrize(
    ("changes", "paid", "net"),
    [
        ({}, 11_900, 10_000),
        # Part was paid from the balance: that part is no payment.
        ({"amount_paid": 5_950}, 5_950, 5_000),
        ({"amount_paid": 1}, 1, 1),
        ({"amount_paid": 0, "total": 0, "total_excluding_tax": 0}, 0, 0),
        ({"amount_paid": 0, "total": -500, "total_excluding_tax": -500}, 0, 0),
        ({"total_excluding_tax": None}, 11_900, 10_000),
        ({"total_excluding_tax": None, "total_taxes": None}, 11_900, 11_900),
        # More than was asked for: the rest is on the customer's balance.
        ({"amount_paid": 23_800}, 23_800, 20_000),
        # Paid although nothing was asked for, such as the rounding of a currency.
        ({"amount_paid": 7, "total": 0, "total_excluding_tax": 0}, 7, 7),
    ],
)
def test_net_is_the_part_of_what_was_paid_that_is_no_tax(
    changes: dict[str, Any], paid: int, net: int
) -> None:
    facts = read_invoice(so.invoice(**changes))

    assert (facts.paid_minor, facts.net_minor) == (paid, net)
    assert facts.net_minor + facts.tax_minor == facts.paid_minor


@given(
    total=st.integers(-(10**9), 10**9),
    tax=st.integers(0, 10**9),
    paid=st.integers(0, 10**9),
)
def test_net_and_tax_of_any_invoice_add_up_to_what_was_paid(
    total: int, tax: int, paid: int
) -> None:
    facts = read_invoice(
        so.invoice(total=total, total_excluding_tax=total - tax, amount_paid=paid)
    )

    assert facts.net_minor + facts.tax_minor == paid
    assert 0 <= facts.net_minor <= paid


def test_several_products_have_no_single_one_and_a_joined_description() -> None:
    lines = [(8_000, "starter", "1 × Starter"), (2_000, "seats", "4 × Seat")]

    facts = read_invoice(so.invoice(lines=lines))

    assert facts.product is None
    assert facts.description == "1 × Starter, 4 × Seat"
    assert [one.net_minor for one in facts.lines] == [8_000, 2_000]


def test_a_line_of_zero_does_not_hide_the_product() -> None:
    lines = [(10_000, "starter", "1 × Starter"), (0, "trial", "Trial")]

    assert read_invoice(so.invoice(lines=lines)).product == "prod_starter"


def test_the_product_of_a_list_that_goes_on_is_not_known() -> None:
    invoice = so.invoice()
    invoice["lines"]["has_more"] = True

    assert read_invoice(invoice).product is None


def test_an_own_description_comes_first_and_is_cut() -> None:
    assert read_invoice(so.invoice(description="x" * 900)).description == "x" * 500


def test_an_invoice_without_a_moment_of_payment_counts_when_it_was_made() -> None:
    facts = read_invoice(so.invoice(status_transitions={"paid_at": None}))

    assert facts.occurred_at == NOW - timedelta(seconds=60)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_paid": None},
        {"amount_paid": "11900"},
        {"amount_paid": True},
        {"total": 1.5},
        {"currency": None},
        {"currency": "us"},
        {"currency": "u$d"},
        {"id": ""},
    ],
)
def test_an_invoice_with_holes_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_invoice(so.invoice(**changes))


def test_a_refund_leads_to_its_payment_first_and_to_its_charge() -> None:
    assert read_refund(so.refund()).payments == ("pi_1", "ch_1")
    assert read_refund(so.refund(charge=None)).payments == ("pi_1",)
    assert read_refund(so.refund(status=None)).status == "succeeded"


def test_a_refund_of_less_than_nothing_is_refused() -> None:
    with pytest.raises(Unreadable, match="-5 as amount"):
        read_refund(so.refund(amount=-5))


def test_an_old_charge_lists_its_refunds() -> None:
    listed = so.refund()
    del listed["payment_intent"]

    (facts,) = read_charge_refunds(so.charge(refunds={"data": [listed]}))

    assert facts.id == "re_1"
    assert facts.payments == ("pi_1", "ch_1")
    assert read_charge_refunds(so.charge()) == []


@pytest.mark.parametrize(
    ("changes", "gross"),
    [
        ({}, 1_190),
        # A refund of its own counts by itself.
        ({"refunds": [{"amount_refunded": 1_190, "refund": "re_1"}]}, 0),
        ({"refunds": [{"amount_refunded": 1_000, "refund": "re_1"}]}, 190),
        ({"refund": "re_1"}, 0),
        # The next invoice will be paid with less.
        ({"customer_balance_transaction": "cbtxn_1"}, 0),
        ({"customer_balance_transaction": "cbtxn_1", "out_of_band_amount": 90}, 90),
        # Before the payment, the invoice just asks for less.
        ({"post_payment_amount": 0, "type": "pre_payment"}, 0),
        # The older shape has no amounts of its own.
        ({"post_payment_amount": None}, 1_190),
        ({"post_payment_amount": None, "type": "pre_payment"}, 0),
    ],
)
def test_a_credit_note_counts_what_nothing_else_counts(
    changes: dict[str, Any], gross: int
) -> None:
    facts = read_credit_note(so.credit_note(**changes))

    assert facts.gross_minor == gross
    assert facts.payments == ("in_1",)


def test_an_inquiry_moves_no_money() -> None:
    assert moves_money(read_dispute(so.dispute()))
    assert not moves_money(read_dispute(so.dispute(status="warning_needs_response")))
    assert not moves_money(read_dispute(so.dispute(status="prevented")))


def test_a_charge_names_its_invoice_only_in_the_older_shape() -> None:
    assert read_charge(so.charge()).invoice is None
    assert read_charge(so.charge(invoice="in_1")).invoice == "in_1"


def test_an_invoice_payment_names_invoice_and_payment() -> None:
    link = read_invoice_payment(so.invoice_payment())

    assert (link.invoice, link.payment_intents, link.charges) == ("in_1", ("pi_1",), ())
    with pytest.raises(Unreadable, match="invoice"):
        read_invoice_payment(so.invoice_payment(invoice=None))


def test_a_checkout_is_a_sale_when_it_is_paid_and_has_no_invoice() -> None:
    facts = read_checkout(so.checkout())
    assert (facts.is_sale, facts.paid_minor, facts.tax_minor) == (True, 5_000, 500)
    for changes in (
        {"invoice": "in_1"},
        {"mode": "subscription"},
        {"payment_status": "unpaid"},
    ):
        assert not read_checkout(so.checkout(**changes)).is_sale


def test_a_checkout_names_the_click_in_either_place() -> None:
    by_reference = so.checkout(client_reference_id="clk_a", metadata={"gh_click": "b"})
    assert read_checkout(by_reference).click == "clk_a"
    assert read_checkout(so.checkout(metadata={"gh_click": "clk_b"})).click == "clk_b"
    assert read_checkout(so.checkout()).click is None


def test_a_checkout_is_one_line_and_names_the_country() -> None:
    details = {"address": so.address("de"), "email": "ada@buyers.example"}
    totals = {"amount_discount": 1_000, "amount_tax": 500}

    facts = read_checkout(so.checkout(customer_details=details, total_details=totals))

    (line,) = facts.lines
    assert (line.net_minor, line.tax_minor, line.discount_minor) == (4_500, 500, 1_000)
    assert (line.product, line.units) == (None, 1)
    assert facts.customer_country == "DE"
    assert read_checkout(so.checkout(total_details=None)).lines[0].discount_minor == 0


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (None, None),
        ("DE", None),
        ({}, None),
        ({"country": None}, None),
        ({"country": ""}, None),
        ({"country": 49}, None),
        ({"country": "DEU"}, None),
        ({"country": "D1"}, None),
        ({"country": "ßß"}, None),
        ({"country": "de"}, "DE"),
        ({"country": "US"}, "US"),
    ],
)
def test_a_country_is_two_letters_or_unknown(address: object, code: str | None) -> None:
    assert country(address) == code


@pytest.mark.parametrize(
    ("changes", "has_begun", "day"),
    [
        ({}, True, None),
        ({"status": "trialing"}, True, None),
        ({"status": "past_due"}, True, None),
        ({"status": "incomplete"}, False, None),
        ({"status": "incomplete_expired", "ended_at": so.AT}, False, 0),
        ({"status": "canceled", "ended_at": so.AT, "canceled_at": 1}, True, 0),
        ({"status": "canceled", "canceled_at": so.AT}, True, 0),
        ({"status": "canceled"}, True, None),
        # It was told to end with the period, and runs until then.
        ({"canceled_at": so.AT, "cancel_at_period_end": True}, True, None),
    ],
)
def test_a_subscription_says_whether_it_ran_and_when_it_ended(
    changes: dict[str, Any], day: int | None, *, has_begun: bool
) -> None:
    facts = read_subscription(so.subscription(**changes))

    assert facts.has_begun is has_begun
    assert facts.ended_at == (None if day is None else NOW + timedelta(days=day))
