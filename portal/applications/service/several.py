"""Approving several applications at once: those about which there is no doubt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.applications import independence, review_queries, rules
from portal.applications.independence import Ties
from portal.applications.models import Application, ApplicationStatus
from portal.applications.queries import WITH
from portal.applications.rules import Check
from portal.applications.service.deciding import (
    approve,
)
from portal.kit.errors import Conflict

AT_ONCE = 50


class Obstacle(StrEnum):
    """Why an application is not approved together with others."""

    CONFLICT = "conflict"
    WARNINGS = "warnings"
    TO_CONFIRM = "to_confirm"
    TWO_REVIEWERS = "two_reviewers"
    NOT_WAITING = "not_waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Left:
    """An application that was left as it is; `message` is what was refused, if so."""

    application: Application
    obstacle: Obstacle
    message: str = ""


def obstacle_to(
    application: Application, checks: Sequence[Check], ties: Ties
) -> Obstacle | None:
    """Return why a person must look at the application before it is approved.

    Args:
        application: The application.
        checks: What a reviewer should know about it.
        ties: The reviewer's.
    """
    if application.status is not ApplicationStatus.SUBMITTED:
        return Obstacle.NOT_WAITING
    kind = independence.conflict(
        ties, application.id, application.email, application.answers
    )
    if kind is not None:
        return Obstacle.CONFLICT
    if rules.warnings(checks):
        return Obstacle.WARNINGS
    if rules.confirmed_by_reviewer(application.definition):
        return Obstacle.TO_CONFIRM
    if rules.takes_two_reviewers(application.definition.join, checks):
        return Obstacle.TWO_REVIEWERS
    return None


def approve_several(
    session: Session,
    application_ids: Collection[UUID],
    *,
    reviewer: User,
    hold_seconds: int,
    now: datetime,
) -> tuple[list[Application], list[Left]]:
    """Approve the applications about which there is no doubt; leave the others.

    Everything is judged anew with the rows locked: what changed since the preview, or
    was decided by a colleague, is left. Rows are locked in one order, so that two
    reviewers at once wait for each other and never in a circle.

    Args:
        session: The session that holds the open transaction.
        application_ids: What the reviewer chose; at most `AT_ONCE` are looked at.
        reviewer: Who decides.
        hold_seconds: How long each decision can be undone.
        now: The moment.

    Returns:
        What is approved, and what is left and why.
    """
    rows = session.scalars(
        select(Application)
        .where(Application.id.in_(application_ids))
        .options(*WITH)
        .order_by(Application.id)
        .limit(AT_ONCE)
        .with_for_update(of=Application)
        .execution_options(populate_existing=True)
    ).all()
    checks = review_queries.checks_of(session, rows)
    ties = review_queries.ties_of(session, reviewer)
    approved: list[Application] = []
    left: list[Left] = []
    for row in rows:
        obstacle = obstacle_to(row, checks[row.id], ties)
        if obstacle is not None:
            left.append(Left(row, obstacle))
            continue
        try:
            approve(session, row, reviewer=reviewer, hold_seconds=hold_seconds, now=now)
        except Conflict as refusal:
            left.append(Left(row, Obstacle.REFUSED, refusal.message))
        else:
            approved.append(row)
    return approved, left
