"""Two people, or two workers, at the same moment; each test with its control."""

from datetime import date
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import service as ledger
from portal.ledger.models import LedgerAccount
from portal.payouts import service as payouts
from portal.statements import queries, service
from portal.statements.models import PeriodStatus, PeriodTransition, Statement
from tests.commissions.story import Story, a_version
from tests.committed import at_once, committed
from tests.factories import base_factory
from tests.factories.people import UserFactory
from tests.statements.books import a_month, a_period, at, begin, close

__all__ = ["committed"]


@pytest.mark.parametrize(("lock", "winners"), [(True, 1), (False, 2)])
def test_of_two_who_close_at_once_one_wins(
    committed: Engine,
    lock: bool,  # noqa: FBT001 - a parameter of the test
    winners: int,
) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        period = a_period(session, a_version().program_id, "2026-01")
        period_id, ends_at = period.id, period.ends_at
        session.commit()

    def click(_number: int, together: Barrier) -> bool:
        with Session(committed) as session:
            together.wait()
            period = queries.period(session, period_id, lock=lock)
            if not lock:
                together.wait()
            try:
                service.begin_close(
                    session,
                    period,
                    actor=None,
                    issuer_name="Acme Inc.",
                    acknowledged={},
                    now=ends_at,
                )
                session.commit()
            except PeriodTransition:
                return False
            return True

    assert sum(at_once(click)) == winners


def test_workers_at_once_number_without_gaps_and_finish_once(
    committed: Engine,
) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        version = a_version()
        for _ in range(8):
            story = Story(session, version)
            story.sale(story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10"))
            story.recompute()
        period = a_period(session, version.program_id, "2026-01")
        period_id, ends_at = period.id, period.ends_at
        begin(session, period, chunk_size=2)
        session.commit()

    def work(number: int, together: Barrier) -> int:
        together.wait()
        issued = 0
        for chunk in (number + 1, number + 2, 5 - number, 4, 3, 2, 1):
            with Session(committed) as session:
                issued += service.close_chunk(session, period_id, chunk)
                session.commit()
        return issued

    assert sum(at_once(work, workers=4)) == 8
    with Session(committed) as session:
        service.finish_close(session, period_id, now=ends_at)
        session.commit()
        counts = session.scalars(
            select(Statement.count)
            .where(Statement.period_id == period_id)
            .order_by(Statement.count)
        ).all()
        assert counts == list(range(1, 9))
        assert queries.period(session, period_id).status is PeriodStatus.CLOSED


@pytest.mark.parametrize(("lock", "winners"), [(True, 1), (False, 2)])
def test_two_payouts_at_once_cannot_take_the_same_balance(
    committed: Engine,
    lock: bool,  # noqa: FBT001 - a parameter of the test
    winners: int,
) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        story = Story(session)
        close(session, a_month(story))
        finance = UserFactory.create(finance=True)
        enrollment_id = story.enrollment.id
        partner_id, program_id = story.enrollment.partner_id, story.version.program_id
        actor_id = finance.id
        session.commit()

    def pay(number: int, together: Barrier) -> bool:
        with Session(committed) as session:
            together.wait()
            if not lock:
                return pay_unlocked(session, partner_id, program_id, together, number)
            try:
                payouts.record(
                    session,
                    enrollment_id=enrollment_id,
                    amount=Money(12_000, "USD"),
                    paid_on=date(2026, 2, 3),
                    reference=f"E2E-{number}",
                    form_id=new_id(),
                    actor=session.get_one(type(finance), actor_id),
                    now=at("2026-02-03"),
                )
                session.commit()
            except payouts.MoreThanOwed:
                return False
            return True

    assert sum(at_once(pay)) == winners


def pay_unlocked(
    session: Session, partner_id: UUID, program_id: UUID, together: Barrier, number: int
) -> bool:
    """Pay as `record` does, but look at the balance without holding the enrollment."""
    owed = payouts.payable(
        session, partner_id=partner_id, program_id=program_id, currency="USD"
    )
    together.wait()
    if owed.minor < 12_000:
        return False
    amount = Money(12_000, "USD")
    ledger.book(
        session,
        f"payout:unlocked:{partner_id}:{number}",
        [
            ledger.Line(account, side, partner_id, program_id)
            for account, side in (
                (LedgerAccount.PARTNER_PAYABLE, -amount),
                (LedgerAccount.PAYOUT_CLEARING, amount),
            )
        ],
        occurred_at=at("2026-02-03"),
        now=at("2026-02-03"),
    )
    session.commit()
    return True
