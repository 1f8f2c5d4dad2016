"""Visits, purchases, refunds and a dispute."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.demo.shop import PLANS
from portal.demo.story import cast
from portal.demo.story.cast import Cast
from portal.demo.story.dates import MONTHS
from portal.demo.story.people import enrollment_of
from portal.demo.story.stage import Stage, StoryBroken
from portal.extensions import db
from portal.kit.db import transaction
from portal.tracking import service as tracking
from portal.tracking.models import ReferralLink
from portal.tracking.rules import Visit

_CHURN_PERCENT = 35
_FIRST_TO_LEAVE = 4
"""Customers of the first months stay."""
_FAITHFUL = (cast.BLUE_FERN, cast.SORREL)
"""Whose customers leave, if at all, where the script says so."""
_BOTS_PERCENT = 8
_VISITS = (6, 22)
"""How many visits a link gets in a month, without those of buyers."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer and what they do."""

    name: str
    email: str
    plan: str
    partner: Cast
    buys_at: datetime
    stops_after_months: int | None


class Market:
    """The customers of the story, by name."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._customers: dict[str, str] = {}
        self.buyers = list(_buyers(stage))

    def of(self, partner: Cast) -> list[Buyer]:
        """Return a partner's customers, the first one first."""
        return [buyer for buyer in self.buyers if buyer.partner is partner]

    def open(self) -> None:
        """Note what the customers do and when."""
        stage = self._stage
        for buyer in self.buyers:
            self._note(buyer)
        for partner in cast.PARTNERS:
            if not partner.arrivals:
                continue
            for month in range(min(partner.arrivals), MONTHS + 1):
                moment = stage.dates.on(month, 1, 0)
                self._note_visits(partner, moment)

    def _note(self, buyer: Buyer) -> None:
        stage = self._stage
        click: list[str] = []

        def visits(now: datetime) -> None:
            click.append(visit(stage, buyer.partner, now))

        def buys(now: datetime) -> None:
            del now
            self._customers[buyer.name] = _buy(stage, buyer, click[0])

        def stops(now: datetime) -> None:
            del now
            self._stop(buyer.name)

        thinks = timedelta(minutes=stage.rng.randint(5, 60 * 24 * 4))
        stage.at(buyer.buys_at - thinks, visits)
        stage.at(buyer.buys_at, buys)
        if buyer.stops_after_months is not None:
            after = timedelta(days=30 * buyer.stops_after_months + 12)
            stage.at(buyer.buys_at + after, stops)

    def _note_visits(self, partner: Cast, month: datetime) -> None:
        stage = self._stage
        moments = sorted(
            month + timedelta(minutes=stage.rng.randint(60, 60 * 24 * 27))
            for _ in range(stage.rng.randint(*_VISITS))
        )
        moments = [moment for moment in moments if moment <= stage.dates.now]

        def come(now: datetime) -> None:
            del now
            with transaction(db.session()) as session:
                link = _link_of(session, partner)
                if link is not None:
                    for moment in moments:
                        if moment >= link.created_at:
                            is_bot = stage.rng.randrange(100) < _BOTS_PERCENT
                            kind = Visit.BOT if is_bot else Visit.OPENED
                            _record(stage, link, partner, moment, kind)

        if moments:
            stage.at(moments[-1], come)

    def _stop(self, name: str) -> None:
        client = self._stage.shop.client
        found = client.v1.subscriptions.list({"customer": self._customers[name]})
        for subscription in found.data:
            client.v1.subscriptions.update(
                subscription.id, {"cancel_at_period_end": True}
            )

    def refund(self, name: str, *, payments: int = 1, half: bool = False) -> None:
        """Give a customer the last payments back, or half of them."""
        for charge in self._charges(name)[:payments]:
            self._stage.sandbox.refund(charge[0], charge[1] // 2 if half else None)

    def dispute(self, name: str) -> None:
        """Let a customer's bank take the last payment back."""
        self._stage.sandbox.open_dispute(
            self._charges(name)[0][0], "product_not_received"
        )

    def leave(self, name: str) -> None:
        """End a customer's subscription with the running month."""
        self._stop(name)

    def _charges(self, name: str) -> list[tuple[str, int]]:
        """Return the payments of a customer with their amounts, the last one first."""
        customer = self._customers.get(name)
        if customer is None:
            raise StoryBroken(f"{name} has not bought yet.")
        found = self._stage.shop.client.v1.charges.list(
            {"customer": customer, "limit": 100}
        )
        return [(charge.id, charge.amount) for charge in found.data if charge.paid]


def make_link(stage: Stage, who: Cast, now: datetime) -> None:
    """Let a partner make a link of their own."""
    with stage.acting(who.email) as (session, owner):
        tracking.create_link(
            session,
            enrollment_of(session, who, lock=True),
            name=who.link,
            code=who.code,
            actor=owner,
            now=now,
        )


def visit(stage: Stage, partner: Cast, now: datetime) -> str:
    """Follow a partner's link; return the click as the shop learns of it."""
    with transaction(db.session()) as session:
        link = _link_of(session, partner)
        if link is None:
            raise StoryBroken(f"{partner.company} has no link yet.")
        return _record(stage, link, partner, now, Visit.OPENED)


def _link_of(session: Session, partner: Cast) -> ReferralLink | None:
    """Return a partner's link by its code, as a visitor comes to it."""
    return session.scalar(
        select(ReferralLink).where(
            ReferralLink.code == partner.code, ReferralLink.disabled_at.is_(None)
        )
    )


def _record(
    stage: Stage, link: ReferralLink, partner: Cast, now: datetime, kind: Visit
) -> str:
    click = tracking.record_click(
        db.session(),
        link_id=link.id,
        visitor=f"{stage.rng.getrandbits(128):032x}",
        visit=kind,
        referrer_host=stage.rng.choice(partner.sites or ("",)),
        landing_url=f"{stage.setting.shop_url}/",
        now=now,
    )
    return click.public_id


def _buy(stage: Stage, buyer: Buyer, click: str) -> str:
    """Buy a plan in the shop; return the customer's id at Stripe."""
    checkout = stage.shop.open_checkout(
        PLANS[buyer.plan],
        click=click,
        success_url=f"{stage.setting.shop_url}/welcome?session={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{stage.setting.shop_url}/",
    )
    paid = stage.sandbox.complete_checkout(
        checkout.id, name=buyer.name, email=buyer.email
    )
    return str(paid["customer"])


def _buyers(stage: Stage) -> Iterator[Buyer]:
    names = iter(cast.buyers())
    for partner in cast.PARTNERS:
        for month, plans in partner.arrivals.items():
            for letter in plans:
                name, email = next(names)
                day = stage.rng.randint(4, 26)
                hour, minute = stage.rng.randint(7, 20), stage.rng.randint(0, 59)
                buys_at = stage.dates.on(month, day, hour, minute)
                if month == MONTHS:  # it may have begun just now
                    buys_at = stage.dates.ago(days=stage.rng.uniform(0.3, 6))
                may_leave = month >= _FIRST_TO_LEAVE and partner not in _FAITHFUL
                leaves = may_leave and stage.rng.randrange(100) < _CHURN_PERCENT
                yield Buyer(
                    name=name,
                    email=email,
                    plan=cast.PLAN_OF[letter],
                    partner=partner,
                    buys_at=buys_at,
                    stops_after_months=stage.rng.randint(1, 5) if leaves else None,
                )
