import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from portal.kit.ids import new_id, public_id
from portal.kit.money import Rounding, divide
from portal.sales import queries, service
from portal.sales.lines import LineFacts
from portal.sales.models import (
    Customer,
    CustomerSubscription,
    OtherPayment,
    ReferenceKind,
    Refund,
    RefundKind,
    Sale,
    SaleLine,
)
from portal.sales.service import OtherCurrency
from tests.factories.base_factory import NOW
from tests.factories.sales import CustomerFactory, RefundFactory, SaleFactory

DAY = timedelta(days=1)


def _sale(session: Session, **changes: object) -> tuple[Sale, bool]:
    values: dict[str, Any] = {
        "external_id": "in_1",
        "currency": "USD",
        "gross_minor": 11_900,
        "tax_minor": 1_900,
        "occurred_at": NOW,
        "now": NOW,
    }
    return service.record_sale(
        session, customer=CustomerFactory.create(), **values | changes
    )


def test_a_sale_is_recorded_once_and_stays_as_it_is(session: Session) -> None:
    first, is_new = _sale(session, description="=HYPERLINK(0)", product="prod_1")
    again, is_new_again = _sale(session, gross_minor=1, tax_minor=0)

    assert (is_new, is_new_again) == (True, False)
    assert again.id == first.id
    assert (first.net_minor, first.gross_minor) == (10_000, 11_900)
    assert first.description == "=HYPERLINK(0)"
    assert first.net.minor == 10_000
    assert first.public_id.startswith("sal_")
    assert queries.sales_of_customers(session, [first.customer_id]) == [first]


LINES = (
    LineFacts(
        product="prod_seat",
        units=12,
        description="12 × Seat",
        net_minor=9_000,
        discount_minor=1_000,
        tax_minor=1_710,
    ),
    LineFacts(net_minor=1_000, tax_minor=190),
)


def test_all_locks_are_taken_in_one_statement(
    session: Session, count_queries: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    held = (
        select(func.count())
        .select_from(text("pg_locks"))
        .where(text("locktype = 'advisory' AND pid = pg_backend_pid()"))
    )
    before = session.scalar(held) or 0

    with count_queries() as statements:
        service.lock(session, ["in_2", "in_1", "in_2", "ch_1"])
        service.lock(session, [])

    assert len(statements) == 1
    assert session.scalar(held) == before + 3


def test_a_subscription_that_brings_nothing_new_changes_nothing(
    session: Session, count_queries: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    ended = NOW - 3 * DAY
    customer = service.record_customer(session, external_id="cus_9", seen_at=NOW)

    def told(*, has_begun: bool, ended_at: datetime | None = None) -> int:
        with count_queries() as statements:
            service.record_subscription(
                session,
                customer=customer,
                external_id="sub_9",
                has_begun=has_begun,
                ended_at=ended_at,
            )
        return len(statements)

    assert told(has_begun=False) == 2
    assert told(has_begun=True, ended_at=ended) == 2
    assert customer.left_at == ended
    assert told(has_begun=True) == 1
    assert told(has_begun=False, ended_at=ended - DAY) == 1
    assert customer.left_at == ended
    later = ended + DAY
    assert told(has_begun=True, ended_at=later) == 2
    assert customer.left_at == later


def test_a_sale_has_the_lines_it_was_recorded_with(
    session: Session, count_queries: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    sale, _ = _sale(session, lines=LINES)
    _sale(session, lines=LINES[:1])
    older, _ = _sale(session, external_id="in_0")

    with count_queries() as queries_made:
        found = queries.lines_of(session, [sale.id, older.id])

    assert found == {
        sale.id: (("prod_seat", 12, 9_000, 1_000, 1_710), (None, 1, 1_000, 0, 190))
    }
    assert found[sale.id][0].product == "prod_seat"
    assert len(queries_made) == 1
    rows = session.scalars(select(SaleLine).order_by(SaleLine.position)).all()
    assert [row.description for row in rows] == ["12 × Seat", ""]
    assert queries.lines_of(session, []) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        LINES[:1],
        (*LINES, LineFacts(net_minor=1, tax_minor=0)),
        (*LINES, LineFacts(net_minor=0, tax_minor=1)),
    ],
)
def test_lines_that_do_not_add_up_to_the_sale_are_impossible(
    session: Session, wrong: tuple[LineFacts, ...]
) -> None:
    with (
        pytest.raises(IntegrityError, match="do not add up to it"),
        session.begin_nested(),
    ):
        _sale(session, lines=wrong)
        session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    _sale(session, lines=LINES)
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def test_references_lead_to_the_sale(session: Session) -> None:
    sale, _ = _sale(session)

    service.add_references(session, sale.id, {"pi_1": ReferenceKind.PAYMENT_INTENT})
    service.add_references(session, sale.id, {"pi_1": ReferenceKind.PAYMENT_INTENT})
    service.add_references(session, sale.id, {})

    assert queries.sale_behind(session, ["ch_0", "pi_1"]) is sale
    assert queries.sale_behind(session, ["ch_0"]) is None


def test_payments_that_are_no_sales_are_remembered(session: Session) -> None:
    for reason in ("entry fee", "something else"):
        service.note_other_payments(session, ["pi_1", "pi_1"], reason=reason, now=NOW)
    service.note_other_payments(session, [], reason="nothing", now=NOW)

    found = queries.other_payment(session, ["pi_0", "pi_1"])
    assert isinstance(found, OtherPayment)
    assert found.reason == "entry fee"
    assert queries.other_payment(session, ["pi_0"]) is None


def test_a_refund_is_recorded_once(session: Session) -> None:
    sale, _ = _sale(session)
    values: dict[str, Any] = {
        "sale": sale,
        "external_id": "re_1",
        "kind": RefundKind.REFUND,
        "currency": "USD",
        "gross_minor": 5_950,
        "occurred_at": NOW,
        "now": NOW,
    }

    assert service.record_refund(session, **values)
    assert not service.record_refund(session, **values | {"gross_minor": 1})
    (refund,) = queries.refunds_of_sales(session, [sale.id])
    assert refund.net_minor == 5_000
    assert refund.public_id.startswith("rfd_")


def test_what_gives_back_is_negative(session: Session) -> None:
    sale, _ = _sale(session)
    for kind in (RefundKind.DISPUTE, RefundKind.DISPUTE_WON):
        service.record_refund(
            session,
            sale=sale,
            external_id=f"dp_1:{kind}",
            kind=kind,
            currency="USD",
            gross_minor=11_900,
            occurred_at=NOW + DAY * kind.gives_back,
            now=NOW,
        )

    rows = queries.refunds_of_sales(session, [sale.id])
    assert [row.net_minor for row in rows] == [10_000, -10_000]


def test_a_refund_in_another_currency_is_refused(session: Session) -> None:
    sale, _ = _sale(session)

    with pytest.raises(OtherCurrency, match="EUR"):
        service.record_refund(
            session,
            sale=sale,
            external_id="re_1",
            kind=RefundKind.REFUND,
            currency="EUR",
            gross_minor=1,
            occurred_at=NOW,
            now=NOW,
        )


def _expected(sale: Sale, grosses: list[int]) -> list[int]:
    """What each refund takes back: the difference of rounded totals."""
    totals = [0]
    refunded = 0
    for gross in grosses:
        refunded += gross
        within = min(max(refunded, 0), sale.gross_minor)
        totals.append(
            divide(within * sale.net_minor, sale.gross_minor, Rounding.HALF_AWAY)
        )
    return [after - before for before, after in pairwise(totals)]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    gross=st.integers(1, 10**11),
    tax_share=st.integers(0, 100),
    cuts=st.lists(st.integers(0, 10**11), max_size=6),
    seed=st.integers(0, 10**6),
)
def test_partial_refunds_of_the_whole_take_back_the_whole_net(
    session: Session, gross: int, tax_share: int, cuts: list[int], seed: int
) -> None:
    places = sorted({0, gross, *(cut % (gross + 1) for cut in cuts)})
    parts = [b - a for a, b in pairwise(places)]
    tax = gross * tax_share // 120
    sale = SaleFactory.create(
        external_id=str(new_id()),
        gross_minor=gross,
        tax_minor=tax,
        net_minor=gross - tax,
    )
    order = list(range(len(parts)))
    random.Random(seed).shuffle(order)  # noqa: S311 - a test's shuffle
    for i in order:
        RefundFactory.create(
            sale=sale,
            external_id=str(new_id()),
            gross_minor=parts[i],
            occurred_at=NOW + DAY * i,
        )

    rows = queries.refunds_of_sales(session, [sale.id])

    assert [row.gross_minor for row in rows] == parts
    assert [row.net_minor for row in rows] == _expected(sale, parts)
    assert sum(row.net_minor for row in rows) == sale.net_minor
    total = session.execute(
        select(Refund.sale_id, func.sum(Refund.net_minor))
        .where(Refund.sale_id == sale.id)
        .group_by(Refund.sale_id)
    ).one()
    assert total[1] == sale.net_minor


def test_a_dispute_after_a_partial_refund_takes_only_the_rest(session: Session) -> None:
    sale = SaleFactory.create()
    for day, (key, kind, gross) in enumerate(
        [
            ("re_1", RefundKind.REFUND, 3_967),
            ("dp_1", RefundKind.DISPUTE, 11_900),
            ("dp_1:won", RefundKind.DISPUTE_WON, -11_900),
        ]
    ):
        RefundFactory.create(
            sale=sale,
            external_id=key,
            kind=kind,
            gross_minor=gross,
            occurred_at=NOW + DAY * day,
        )

    rows = queries.refunds_of_sales(session, [sale.id])
    grosses = [row.gross_minor for row in rows]
    assert [row.net_minor for row in rows] == _expected(sale, grosses)
    assert sum(row.net_minor for row in rows) == rows[0].net_minor
    assert rows[1].net_minor == sale.net_minor - rows[0].net_minor


@pytest.mark.parametrize("table", ["sales", "sale_lines", "refunds", "sale_references"])
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_portal_may_not_rewrite_what_was_paid(
    session: Session, table: str, verb: str
) -> None:
    RefundFactory.create()
    column = "product" if table == "sale_lines" else "external_id"
    statements = {
        "UPDATE": f"UPDATE {table} SET {column} = NULL",  # noqa: S608 - our own tables
        "DELETE": f"DELETE FROM {table}",  # noqa: S608 - our own tables
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }

    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(text(statements[verb]))


def test_a_sale_over_nothing_is_impossible(session: Session) -> None:
    with (
        pytest.raises(IntegrityError, match="ck_sales_paid"),
        session.begin_nested(),
    ):
        SaleFactory.create(gross_minor=0, tax_minor=0, net_minor=0)


def _told(session: Session, **changes: object) -> Customer:
    values: dict[str, Any] = {"external_id": "cus_x", "seen_at": NOW} | changes
    return service.record_customer(session, **values)


def test_a_customer_is_one_row_whatever_is_told_in_which_order(
    session: Session,
) -> None:
    early, late = public_id("clk", new_id()), public_id("clk", new_id())
    messages: list[dict[str, Any]] = [
        {"email": "old@x.example", "name": "=HYPERLINK(1)", "described_at": NOW},
        {"email": "new@x.example", "name": "Ada", "described_at": NOW + DAY},
        {"email": "alt@x.example", "name": "Ada", "described_at": NOW + DAY},
        {"seen_at": NOW - DAY},
        {"click_reference": late, "click_told_at": NOW + DAY},
        {"click_reference": early, "click_told_at": NOW},
        {"click_reference": "not-a-click"},
    ]
    seen = set()
    for seed in range(12):
        shuffled = messages * 2
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - a test's shuffle
        for message in shuffled:
            row = _told(session, external_id=f"cus_{seed}", **message)
        seen.add(
            (row.email, row.name, row.first_seen_at, row.click_reference, row.click_id)
        )

    assert len(seen) == 1
    (told,) = seen
    assert told[:4] == ("new@x.example", "Ada", NOW - DAY, early)


def test_details_of_an_unknown_age_only_fill_gaps(session: Session) -> None:
    _told(session)
    _told(session, email="ada@x.example")
    row = _told(session, email="other@x.example", name="Ada")

    assert (row.email, row.name) == ("ada@x.example", "Ada")
    fresher = _told(session, email=None, name="Ada L.", described_at=NOW)
    assert (fresher.email, fresher.name) == (None, "Ada L.")
    assert _told(session, email="late@x.example").email is None


def test_the_latest_country_counts_and_is_not_forgotten(session: Session) -> None:
    messages: list[dict[str, Any]] = [
        {"country": "DE", "described_at": NOW},
        {"country": "US", "described_at": NOW + DAY},
        {"country": "FR", "described_at": NOW + DAY},
        {"country": None, "described_at": NOW + 2 * DAY},
        {"country": "AT", "seen_at": NOW - DAY},
    ]
    seen = set()
    for number, order in enumerate(permutations(messages)):
        for message in order:
            row = _told(session, external_id=f"cus_{number}", **message)
        seen.add((row.country, row.country_told_at))

    assert seen == {("US", NOW + DAY)}


def _left(session: Session, told: Iterable[dict[str, Any]]) -> datetime | None:
    customer = _told(session, external_id=str(new_id()))
    for one in told:
        prefix = str(customer.id)
        values = one | {"external_id": prefix + one["external_id"]}
        service.record_subscription(session, customer=customer, **values)
    return customer.left_at


def _told_of(key: str, ended: int | None = None, *, ran: bool = True) -> dict[str, Any]:
    moment = None if ended is None else NOW + DAY * ended
    return {"external_id": key, "has_begun": ran, "ended_at": moment}


@pytest.mark.parametrize(
    ("told", "left_on"),
    [
        ([_told_of("a")], None),
        ([_told_of("a"), _told_of("a", 3)], 3),
        ([_told_of("a"), _told_of("a", 3), _told_of("b")], None),
        ([_told_of("a", 3), _told_of("b", 5), _told_of("a"), _told_of("b")], 5),
        # A first payment that failed brings nobody back, and nobody leaves by it.
        ([_told_of("a", 3), _told_of("b", ran=False)], 3),
        ([_told_of("a", 3), _told_of("b", 9, ran=False)], 3),
        ([_told_of("b", ran=False)], None),
        ([_told_of("a", 3), _told_of("b", ran=False), _told_of("b")], None),
        ([_told_of("a", ran=False), _told_of("a"), _told_of("a", 4)], 4),
    ],
)
def test_a_customer_left_when_the_last_subscription_ended(
    session: Session, told: list[dict[str, Any]], left_on: int | None
) -> None:
    expected = None if left_on is None else NOW + DAY * left_on

    seen = {_left(session, order) for order in permutations(told)}

    assert seen == {expected}


def test_subscriptions_of_another_customer_do_not_count(session: Session) -> None:
    _left(session, [_told_of("a")])

    assert _left(session, [_told_of("b", 1)]) == NOW + DAY
    assert session.scalar(select(func.count()).select_from(CustomerSubscription)) == 2


def test_customers_are_found(session: Session) -> None:
    row = _told(session)

    assert queries.customer_of(session, "cus_x") is row
    assert queries.customer(session, row.id) is row
    assert row.public_id.startswith("cus_")
    assert queries.customer_of(session, "cus_y") is None
    with pytest.raises(queries.NoSuchCustomer):
        queries.customer(session, new_id())
