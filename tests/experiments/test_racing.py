"""Many at the same moment: one payout, one winner; with the lock and without.

`make experiments` does the first with 1,000 requests on 50 connections.
"""

from collections import Counter
from datetime import date
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.adjustments import queries as adjustments
from portal.adjustments import service as adjusting
from portal.adjustments.models import Adjustment
from portal.kit.errors import DomainError
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.payouts import queries, service
from portal.payouts.models import BatchStatus, Payout, PayoutBatch
from tests.commissions.story import Story
from tests.committed import at_once, committed
from tests.factories import base_factory
from tests.factories.adjustments import AdjustmentFactory
from tests.factories.people import UserFactory
from tests.payouts.paying import KEYS, NOW, PAYER, make, owed_120
from tests.statements.books import a_month, at, close
from tests.statements.test_races import pay_unlocked

__all__ = ["committed"]

REQUESTS, CONNECTIONS = 40, 10
STAFF = 20


def owed(engine: Engine) -> tuple[UUID, UUID, UUID, UUID]:
    """Return enrollment, partner, program and a person of finance."""
    with Session(engine) as session:
        base_factory.bind(session)
        story = Story(session)
        close(session, a_month(story))
        finance = UserFactory.create(finance=True).id
        found = (
            story.enrollment.id,
            story.enrollment.partner_id,
            story.version.program_id,
            finance,
        )
        session.commit()
    return found


def request_payouts(engine: Engine, *, requests: int, connections: int) -> Counter[str]:
    """Have everybody ask for the whole balance; return how often it went how."""
    enrollment_id, partner_id, _program_id, actor_id = owed(engine)

    def work(worker: int, together: Barrier) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        together.wait()
        for number in range(worker, requests, connections):
            with Session(engine) as session:
                try:
                    service.record(
                        session,
                        enrollment_id=enrollment_id,
                        amount=Money(12_000, "USD"),
                        paid_on=date(2026, 2, 3),
                        reference=f"R-{number}",
                        form_id=new_id(),
                        actor=session.get_one(User, actor_id),
                        now=at("2026-02-03"),
                    )
                    session.commit()
                    outcomes["paid"] += 1
                except DomainError as refusal:
                    outcomes[refusal.code] += 1
        return outcomes

    total = sum(at_once(work, workers=connections), Counter[str]())
    with Session(engine) as session:
        total["rows"] = (
            session.scalar(
                select(func.count(Payout.id)).where(Payout.partner_id == partner_id)
            )
            or 0
        )
    return total


def request_unlocked(engine: Engine, *, connections: int) -> int:
    """Do the same without the lock; return how many payouts were booked."""
    _enrollment_id, partner_id, program_id, _actor_id = owed(engine)

    def work(number: int, together: Barrier) -> bool:
        with Session(engine) as session:
            return pay_unlocked(session, partner_id, program_id, together, number)

    return sum(at_once(work, workers=connections))


def test_however_many_ask_one_payout_is_made(committed: Engine) -> None:
    outcomes = request_payouts(committed, requests=REQUESTS, connections=CONNECTIONS)

    assert outcomes == {"paid": 1, "payout_above_balance": REQUESTS - 1, "rows": 1}


def test_control_without_the_lock_more_than_one_is_made(committed: Engine) -> None:
    assert request_unlocked(committed, connections=CONNECTIONS) > 1


@pytest.fixture
def crowd(committed: Engine) -> tuple[Engine, list[UUID]]:
    with Session(committed) as session:
        base_factory.bind(session)
        people = [UserFactory.create(finance=True).id for _ in range(STAFF)]
        session.commit()
    return committed, people


def many(committed: Engine) -> Engine:
    return create_engine(committed.url, pool_size=STAFF)


def test_of_twenty_who_approve_a_batch_one_does(
    crowd: tuple[Engine, list[UUID]],
) -> None:
    committed, people = crowd
    with Session(committed) as session:
        base_factory.bind(session)
        owed_120(session)
        batch_id = make(session, UserFactory.create(finance=True)).id
        session.commit()
    engine = many(committed)

    def click(number: int, together: Barrier) -> str:
        with Session(engine) as session:
            together.wait()
            batch = queries.batch(session, batch_id, lock=True)
            try:
                service.approve(
                    session,
                    batch,
                    payer=PAYER,
                    keys=KEYS,
                    actor=session.get_one(User, people[number]),
                    now=NOW,
                )
                session.commit()
            except DomainError as refusal:
                return refusal.code
            return "approved"

    outcomes = Counter(at_once(click, workers=STAFF))
    engine.dispose()

    assert outcomes == {"approved": 1, "payout_transition": STAFF - 1}
    with Session(committed) as session:
        assert session.get_one(PayoutBatch, batch_id).status is BatchStatus.APPROVED


@pytest.mark.parametrize("lock", [True, False], ids=["lock", "control"])
def test_of_twenty_who_decide_on_an_adjustment_one_does(
    crowd: tuple[Engine, list[UUID]],
    lock: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    committed, people = crowd
    with Session(committed) as session:
        base_factory.bind(session)
        adjustment_id = AdjustmentFactory.create(
            enrollment=Story(session).enrollment
        ).id
        session.commit()
    engine = many(committed)

    def click(number: int, together: Barrier) -> bool:
        decide = adjusting.approve if number % 2 else adjusting.reject
        with Session(engine) as session:
            together.wait()
            found = adjustments.get(session, adjustment_id, lock=lock)
            if not lock:
                together.wait()
            try:
                decide(
                    session,
                    found,
                    note="Seen.",
                    actor=session.get_one(User, people[number]),
                    now=NOW,
                )
                session.commit()
            except DomainError:
                return False
            return True

    winners = sum(at_once(click, workers=STAFF))
    engine.dispose()

    assert winners == 1 if lock else winners > 1
    with Session(committed) as session:
        decided = session.get_one(Adjustment, adjustment_id)
        assert decided.decided_by_id in people
