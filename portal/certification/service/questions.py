"""Keeping the bank and the people who sit its exams."""

from collections import Counter
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.certification import queries
from portal.certification.models import Certification, ExtraTime, Question
from portal.kit.errors import Conflict, Invalid

EXTRA_TIMES = (0, 25, 50, 100)
"""Percent of extra time that can be granted; 0 takes it away."""


class BankTooSmall(Conflict):
    """Without the question the bank could not fill an attempt."""

    code = "bank_too_small"


class AlreadyRetired(Conflict):
    """The question is retired already."""

    code = "already_retired"


def retire(session: Session, question: Question, *, actor: User, now: datetime) -> None:
    """Draw a question no more. Open attempts keep it, and so do those that are over.

    Args:
        session: The session that holds the open transaction.
        question: The question, locked by the caller, with its certification.
        actor: Who retires it.
        now: From when.

    Raises:
        AlreadyRetired: It is retired.
        BankTooSmall: Fewer questions would be left than one attempt asks.
    """
    if question.retired_at is not None:
        raise AlreadyRetired(_("This question is retired already."))
    if not _suffices_without(session, question.certification, question):
        raise BankTooSmall(
            _(
                "An attempt asks for as many questions as are left. Bring in another "
                "question of this topic first."
            )
        )
    question.retired_at = now
    audit.record(session, "question.retired", question.id, actor=actor, at=now)


def _suffices_without(
    session: Session, certification: Certification, question: Question
) -> bool:
    left = Counter(
        other.topic
        for other in queries.questions(session, certification.id)
        if other.retired_at is None and other.id != question.id
    )
    if left.total() < certification.question_count:
        return False
    counts = certification.topic_counts
    return all(left[topic] >= wanted for topic, wanted in counts.items())


def grant_extra_time(
    session: Session, user: User, percent: int, *, actor: User, now: datetime
) -> ExtraTime:
    """Give a person more time at every exam, from the next attempt on.

    Args:
        session: The session that holds the open transaction.
        user: Who gets it.
        percent: One of `EXTRA_TIMES`; 0 takes it away.
        actor: Who grants it.
        now: When.

    Raises:
        Invalid: It is not one of those.
    """
    if percent not in EXTRA_TIMES:
        raise Invalid(_("Choose one of the times shown."), field="percent")
    extra = session.get(ExtraTime, user.id)
    if extra is None:
        extra = ExtraTime(user_id=user.id)
        session.add(extra)
    extra.percent = percent
    extra.granted_by_id = actor.id
    extra.granted_at = now
    audit.record(
        session, "user.extra_time", user.id, actor=actor, at=now, percent=percent
    )
    return extra
