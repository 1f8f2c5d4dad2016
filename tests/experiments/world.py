"""Books with something of everything, for whoever wants to attack them."""

from datetime import timedelta

from sqlalchemy.orm import Session

from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import sealing
from portal.payouts import service
from tests.commissions.story import Story
from tests.factories import base_factory
from tests.factories.adjustments import AdjustmentFactory
from tests.factories.people import UserFactory
from tests.payouts.paying import NOW, an_account, finance, make, sent_batch
from tests.statements.books import a_period, at, close, settle


def fill(session: Session) -> Story:
    """Two closed months, a transfer, a sent batch, a draft, what waits. Commits."""
    base_factory.bind(session)
    story = Story(session)
    customer = story.credited(first_seen_at=at("2026-01-02"))
    sale = story.sale(customer, at("2026-01-10"))
    for day, minor in (("2026-01-12", 10_000), ("2026-01-15", 33_333)):
        story.sale(customer, at(day), minor)
    story.recompute()
    program = story.version.program_id
    close(session, a_period(session, program, "2026-01"))
    service.record(
        session,
        enrollment_id=story.enrollment.id,
        amount=Money(2_000, "USD"),
        paid_on=at("2026-02-03").date(),
        reference="E2E-1",
        form_id=new_id(),
        actor=UserFactory.create(finance=True),
        now=at("2026-02-03"),
    )
    story.refund(sale, at("2026-02-05"), 10_000)
    story.sale(customer, at("2026-02-07"), 70_000)
    story.recompute(at("2026-02-07"))
    close(session, a_period(session, program, "2026-02"))
    an_account(session, story.enrollment.partner)
    sent_batch(session)
    later = Story(session, story.version)
    later.sale(later.credited(first_seen_at=at("2026-03-02")), at("2026-03-10"))
    later.recompute(at("2026-03-20"))
    close(session, a_period(session, program, "2026-03"))
    an_account(session, later.enrollment.partner)
    make(session, finance(), now=NOW + timedelta(hours=1))
    AdjustmentFactory.create(enrollment=story.enrollment)
    settle(session)
    sealing.seal(session, now=NOW)
    session.commit()
    return story
