"""Customers that several partners of one program share, as rows."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from portal.attribution import service
from portal.programs.definition import CreditModel
from portal.sales.models import Customer
from tests.commissions.story import Story, a_version
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)
CAME = NOW - 60 * DAY


def partners(
    session: Session,
    number: int,
    model: CreditModel = CreditModel.POSITION,
    **parts: Any,  # noqa: ANN401 - any part of a definition
) -> list[Story]:
    """Some partners of one program that credits by `model`."""
    version = a_version(attribution={"model": model, "window_days": 90}, **parts)
    return [Story(session, version) for _ in range(number)]


def clicked(*path: Story, visitor: str = "v", **parts: Any) -> Customer:  # noqa: ANN401 - any column
    """A customer who clicked a link of each of these, one a day, and then came."""
    clicks = [
        story.click(CAME - (len(path) - day) * DAY, visitor=visitor)
        for day, story in enumerate(path)
    ]
    return path[0].customer(clicks[-1], **{"first_seen_at": CAME, **parts})


def shared(*path: Story, **parts: Any) -> Customer:  # noqa: ANN401 - any column
    """Such a customer, with the credit given."""
    customer = clicked(*path, **parts)
    service.attribute(path[0].session, customer, now=NOW)
    return customer
