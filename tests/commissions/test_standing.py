from datetime import timedelta

from sqlalchemy.orm import Session

from portal.enrollments import service as enrollments
from tests.commissions.story import Story
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

DAY = timedelta(days=1)


def test_sales_made_while_a_partner_was_suspended_earn_nothing(
    session: Session,
) -> None:
    story = Story(session)
    admin = UserFactory.create(admin=True)
    enrollments.suspend(
        session, story.enrollment, actor=admin, reason="Spam", now=NOW - 30 * DAY
    )
    enrollments.resume(
        session, story.enrollment, actor=admin, reason="Settled", now=NOW - 20 * DAY
    )
    customer = story.credited()
    for days_ago in (40, 25, 10):
        story.sale(customer, NOW - days_ago * DAY)

    story.recompute()

    before, during, after = story.lines()
    assert before.amount_minor == after.amount_minor > 0
    assert during.amount_minor == 0
    assert during.trace["gate"]["title"] == "Be in good standing"
