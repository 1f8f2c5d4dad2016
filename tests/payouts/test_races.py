"""Two people at the same moment; with the lock, with the index alone, with neither."""

from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.kit.ids import new_id
from portal.payouts import service
from portal.payouts.models import COMMITTED, ONE_OPEN_ROW, BatchRow, PayoutBatch
from portal.payouts.rules import FileFormat
from portal.payouts.service.batches import add_rows
from tests.committed import at_once, committed, without_index
from tests.factories import base_factory
from tests.factories.people import UserFactory
from tests.payouts.paying import NOW, PAY_ON, PAYER, collected, owed_120

__all__ = ["committed"]


@pytest.mark.parametrize(
    ("locked", "indexed", "winners"),
    [(True, True, 1), (False, True, 1), (False, False, 2)],
    ids=["lock and index", "index alone", "control: neither"],
)
def test_of_two_who_collect_at_once_one_gets_the_payout(
    committed: Engine,
    locked: bool,  # noqa: FBT001 - a parameter of the test
    indexed: bool,  # noqa: FBT001 - a parameter of the test
    winners: int,
) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        enrollment_id = owed_120(session).enrollment.id
        people = [UserFactory.create(finance=True).id for _ in range(2)]
        session.commit()

    def press(number: int, together: Barrier) -> bool:
        with Session(committed) as session:
            found = collected(session, file_format=FileFormat.CSV)
            actor = session.get_one(User, people[number])
            together.wait()
            try:
                if locked:
                    service.make_batch(
                        session,
                        currency="USD",
                        file_format=FileFormat.CSV,
                        pay_on=PAY_ON,
                        fingerprint=found.fingerprint,
                        form_id=new_id(),
                        payer=PAYER,
                        four_eyes=True,
                        actor=actor,
                        now=NOW,
                    )
                else:
                    # What the program would do if it forgot to lock and look again.
                    add_rows(session, a_batch(session, actor.id), found.payable)
                session.commit()
            except (service.NothingDue, service.PreviewOutdated):
                return False
            return True

    with without_index(committed, ONE_OPEN_ROW, gone=not indexed):
        assert sum(at_once(press)) == winners
        with Session(committed) as session:
            rows = session.scalar(
                select(func.count()).where(
                    BatchRow.enrollment_id == enrollment_id,
                    BatchRow.status.in_(COMMITTED),
                )
            )
            assert rows == winners
            session.execute(text("UPDATE payout_batch_rows SET status = 'paid'"))
            session.commit()


def a_batch(session: Session, maker: UUID) -> PayoutBatch:
    batch = PayoutBatch(
        id=new_id(),
        currency="USD",
        format=FileFormat.CSV,
        pay_on=PAY_ON,
        four_eyes=True,
        form_id=new_id(),
        made_at=NOW,
        made_by_id=maker,
    )
    session.add(batch)
    session.flush()
    return batch
