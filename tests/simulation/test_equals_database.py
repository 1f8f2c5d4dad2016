"""A simulation comes to what the database comes to on the same events."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from portal.attribution import care
from portal.programs.documents import dump_json, load_json
from portal.sales.models import Customer, RefundKind, Sale, SaleLine
from tests.commissions.facts import bands, rule
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.factories.base_factory import NOW
from tests.simulation.programs import only

STEPS = bands((0, 500), (50_000, 1_000), (200_000, 2_000))
PROGRAMS: dict[str, dict[str, Any]] = {
    "marginal by month": {"rules": [rule(window="month", bands=STEPS)]},
    "whole by customer": {
        "rules": [rule(window="life", per="customer", mode="whole", bands=STEPS)]
    },
    "rolling": {
        "rules": [rule(window="rolling", rolling_months=2, mode="whole", bands=STEPS)]
    },
    "by product, capped": {
        "rules": [
            rule(
                key="pro",
                when={"products": ["pro"]},
                caps=[{"per": "month", "most_minor": 9_000}],
            ),
            rule(
                key="seats",
                measure="units",
                bands=[{"from_value": 0, "each_minor": 99}],
            ),
        ]
    },
    "highest of two, held": {
        "rules": [
            rule(key="a", duration_months=2),
            rule(key="b", bands=bands((0, 900))),
        ],
        "combine": "highest",
        "hold": {"days": 20, "to_month_end": True},
    },
    "by level": {"based_on": "monday-affiliate"},
    "while managed": {"rules": [rule(when={"managed_from": "2025-10-01"})]},
    "budget, prepaid": {
        "rules": [rule()],
        "budget": {"per": "month", "most_minor": 20_000},
        "clawback": {"prepaid_months": 3},
    },
}
"""Rules of every kind of window, measure and combination."""


HUGE = 9 * 10**15


@dataclass(frozen=True)
class Bought:
    """What one customer paid, and what of it went back or was disputed.

    Attributes:
        customer: Which of three customers.
        hours: How many hours before now.
        net: In minor units, without tax.
        pro: How much of it is for the product "pro".
        currency: In which it was paid.
        back: Percent of it that is refunded, and how many hours later.
        disputed: Percent of it that the bank takes, and whether the vendor wins.
    """

    customer: int
    hours: int
    net: int
    pro: int = 0
    currency: str = "USD"
    back: tuple[int, int] | None = None
    disputed: tuple[int, bool] | None = None


bought = st.builds(
    Bought,
    customer=st.integers(0, 2),
    hours=st.integers(1, 24 * 300),
    net=st.one_of(st.integers(0, 90_000), st.just(HUGE)),
    pro=st.integers(0, 90_000),
    currency=st.sampled_from(["USD", "USD", "USD", "EUR"]),
    back=st.none() | st.tuples(st.integers(1, 60), st.integers(0, 2_000)),
    disputed=st.none() | st.tuples(st.integers(1, 40), st.booleans()),
)
ORDINARY = [
    Bought(0, 5_000, 60_000, pro=100, back=(50, 30)),
    Bought(0, 4_000, 80_000, disputed=(40, True)),
    Bought(1, 3_000, 250_000, pro=250_000, disputed=(30, False), back=(60, 0)),
    Bought(1, 2_000, 0, pro=1),
    Bought(1, 1_000, 40_000),
    Bought(2, 200, HUGE, back=(1, 1)),
    Bought(2, 100, 5_000, currency="EUR"),
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_simulate_equals_the_database_path_on_the_same_events(
    session: Session, name: str
) -> None:
    version = a_version(**PROGRAMS[name])
    paid: list[int] = []

    @settings(
        max_examples=5,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @example(purchases=ORDINARY, leaves=24, let_go=2_500)
    @given(
        purchases=st.lists(bought, max_size=6),
        leaves=st.none() | st.integers(1, 24 * 200),
        let_go=st.none() | st.integers(1, 24 * 200),
    )
    def both_come_to_the_same(
        purchases: list[Bought], leaves: int | None, let_go: int | None
    ) -> None:
        with session.begin_nested() as savepoint:
            played = _Played(Story(session, version))
            for purchase in purchases:
                played.buy(purchase)
            played.leave(leaves)
            played.let_go(let_go)
            paid.append(_compare(played))
            savepoint.rollback()

    both_come_to_the_same()
    assert any(paid)


def _compare(played: "_Played") -> int:
    """Work it out on both sides; return how much was paid in all."""
    story = played.story
    story.recompute()
    definition = load_json(dump_json(story.version.definition))

    run = only(reversed(played.events), definition, until=_text(NOW))

    expected = [
        (line.rule_key, line.base_minor, line.amount_minor, line.clears_at)
        for line in story.lines()
    ]
    simulated = [
        (line.rule_key, line.base_minor, line.amount_minor, line.clears_at)
        for line in run.lines
    ]
    assert sorted(simulated, key=repr) == sorted(expected, key=repr)
    return sum(abs(line.amount_minor) for line in run.lines)


class _Played:
    """The same story as rows and as events."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.customers = [story.credited() for _number in range(3)]
        self.events: list[dict[str, Any]] = [
            {"event": "join", "partner": "noor", "at": _text(LONG_AGO)}
        ]
        self.events += [
            {
                "event": "gate_met",
                "partner": "noor",
                "gate": gate.key,
                "at": _text(LONG_AGO),
            }
            for gate in story.version.definition.gates
            if gate.kind in {"certification", "fee", "confirmation"}
        ]

    def buy(self, purchase: Bought) -> None:
        when = NOW - timedelta(hours=purchase.hours)
        customer = self.customers[purchase.customer]
        sold = self.story.sale(
            customer,
            when,
            purchase.net,
            purchase.currency,
            # Nothing is a sale only with tax; of others, all that goes back is net.
            tax_minor=0 if purchase.net else 1,
        )
        pro = min(purchase.pro, purchase.net)
        self._lines(sold, pro)
        self.events.append(
            {
                "event": "sale",
                "id": sold.external_id,
                "partner": "noor",
                "customer": customer.external_id,
                "currency": purchase.currency,
                "at": _text(when),
                "items": [
                    {"product": "pro", "units": 2, "net": pro},
                    {"units": 1, "net": purchase.net - pro},
                ],
            }
        )
        if purchase.back:
            percent, hours = purchase.back
            later = min(when + timedelta(hours=hours), NOW - timedelta(seconds=1))
            self._back(sold, later, percent, RefundKind.REFUND)
        if purchase.disputed:
            percent, is_won = purchase.disputed
            self._back(sold, when, percent, RefundKind.DISPUTE)
            if is_won:
                later = NOW - timedelta(minutes=1)
                self._back(sold, later, -percent, RefundKind.DISPUTE_WON)

    def let_go(self, hours: int | None) -> None:
        """Let the partner stop to look after one who bought, so many hours ago."""
        customer = self.customers[1]
        if hours is None or not self._has_bought(customer):
            return
        since = NOW - timedelta(hours=hours)
        key = self.story.enrollment.id
        care.stop_managing(
            self.story.session,
            care.credit(self.story.session, key, customer.id),
            since=since,
            reason="Told",
            actor=None,
            now=NOW,
        )
        self.story.session.flush()
        self.events.append(
            {"event": "unmanage", "customer": customer.external_id, "at": _text(since)}
        )

    def _has_bought(self, customer: Customer) -> bool:
        return customer.external_id in {event.get("customer") for event in self.events}

    def leave(self, hours: int | None) -> None:
        """Let a customer who bought leave so many hours before now."""
        customer = self.customers[0]
        if hours is None or not self._has_bought(customer):
            return
        customer.left_at = NOW - timedelta(hours=hours)
        self.story.session.flush()
        self.events.append(
            {
                "event": "cancel",
                "customer": customer.external_id,
                "at": _text(customer.left_at),
            }
        )

    def _back(self, sold: Sale, when: datetime, percent: int, kind: RefundKind) -> None:
        share = abs(percent) * sold.net_minor // 100
        if share == 0:
            return
        given = self.story.refund(sold, when, share if percent > 0 else -share, kind)
        self.events.append(
            {
                "event": kind.value,
                "id": given.external_id,
                "sale": sold.external_id,
                "net": share,
                "at": _text(when),
            }
        )

    def _lines(self, sold: Sale, pro: int) -> None:
        for position, (product, units, net, tax) in enumerate(
            [("pro", 2, pro, 0), (None, 1, sold.net_minor - pro, sold.tax_minor)]
        ):
            self.story.session.add(
                SaleLine(
                    sale_id=sold.id,
                    position=position,
                    product=product,
                    description="",
                    units=units,
                    net_minor=net,
                    discount_minor=0,
                    tax_minor=tax,
                )
            )
        self.story.session.flush()


def _text(moment: datetime) -> str:
    return moment.isoformat()
