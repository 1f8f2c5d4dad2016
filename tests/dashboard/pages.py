"""What the tests of the home pages share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from html import unescape

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.payouts import service as payouts
from portal.payouts.models import Payout
from portal.statements.models import Statement
from portal.statements.rules import month_of
from tests.commissions.story import Story
from tests.factories.people import UserFactory
from tests.statements.books import ZONE, a_period, close

DAY = timedelta(days=1)
SignIn = Callable[[User], FlaskClient]
CountQueries = Callable[[], AbstractContextManager[list[str]]]


def page(client: FlaskClient, address: str = "/app") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return unescape(response.get_data(as_text=True))


def issue(session: Session, story: Story, moment: datetime) -> Statement:
    """Close the month of a moment; return the story's statement."""
    month = month_of(moment, ZONE)
    notes = dict.fromkeys(("new-terms", "negative-balances"), "known")
    rows = close(
        session, a_period(session, story.version.program_id, month.label), notes=notes
    )
    return next(row for row in rows if row.enrollment_id == story.enrollment.id)


def pay(session: Session, story: Story, amount: Money, now: datetime) -> Payout:
    """Note a bank transfer to the partner."""
    number = new_id()
    return payouts.record(
        session,
        enrollment_id=story.enrollment.id,
        amount=amount,
        paid_on=now.date(),
        reference=str(number),
        form_id=number,
        actor=UserFactory.create(finance=True),
        now=now,
    )
