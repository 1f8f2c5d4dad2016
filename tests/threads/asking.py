"""Questions about statements, for the tests of everything that shows them."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.kit.ids import new_id
from portal.statements.models import Statement
from portal.threads import service
from portal.threads.models import Thread
from tests.factories.base_factory import NOW

QUESTION = "Why is it so little?\nWe expected 25 %."


def a_question(
    session: Session,
    statement: Statement,
    asker: User,
    *,
    position: int | None = 1,
    now: datetime = NOW,
) -> Thread:
    """What a partner asks about a line; with no position, about the statement."""
    thread = service.ask(
        session,
        statement,
        position=position,
        text=QUESTION,
        form_id=new_id(),
        actor=asker,
        now=now,
    )
    session.flush()
    return thread
