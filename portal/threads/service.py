"""What partners and finance say to each other about statements.

Callers own the transaction. Sending the same form again says nothing twice.
"""

from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.audit import service as audit
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.partners import queries as partners
from portal.statements.models import Statement
from portal.threads import emails, queries
from portal.threads.models import (
    ONE_OPEN_THREAD,
    Thread,
    ThreadAdjustment,
    ThreadMessage,
    ThreadStatus,
)

MOST_OPEN = 20
"""How many questions of one partner may wait for finance at a time."""


class AlreadyAsked(Conflict):
    """The partner asked about the same thing, and that goes on."""

    code = "already_asked"


class TooManyOpen(Conflict):
    """Many questions of the partner wait already."""

    code = "too_many_open_threads"


class OtherPartner(Invalid):
    """The adjustment is not about the balance that the thread is about."""

    code = "thread_of_other_enrollment"


def ask(
    session: Session,
    statement: Statement,
    *,
    position: int | None,
    text: str,
    form_id: UUID,
    actor: User,
    now: datetime,
) -> Thread:
    """Ask finance about a statement or one line of it, and mail them.

    Args:
        session: The session that holds the open transaction.
        statement: The partner's own, with its lines.
        position: Of the line; none for the statement as a whole.
        text: The question.
        form_id: Names the rendered form.
        actor: Who asks.
        now: The moment.

    Raises:
        NoSuchLine: The statement has no such line.
        AlreadyAsked: A question about it is not resolved yet.
        TooManyOpen: Too many of the partner's questions wait.
    """
    if position is not None:
        queries.line(statement, position)
    partners.get(session, statement.partner_id, lock=True)  # so that the count holds
    first = queries.of_form(session, statement.id, form_id)
    if first is not None:
        return first
    if queries.open_count(session, statement.partner_id) >= MOST_OPEN:
        raise TooManyOpen(
            _(
                "%(count)s of your questions wait for an answer. Ask more once we "
                "have answered some of them.",
                count=MOST_OPEN,
            )
        )
    thread = Thread(
        id=new_id(),
        statement_id=statement.id,
        position=position,
        form_id=form_id,
        status=ThreadStatus.OPEN,
        asked_at=now,
        spoke_at=now,
    )
    _add_once(session, thread)
    _write(session, thread, text=text, form_id=form_id, actor=actor, now=now)
    _record(session, "thread.asked", thread, actor=actor, now=now)
    emails.asked(session, queries.get(session, thread.id), text, now=now)
    return thread


def _add_once(session: Session, thread: Thread) -> None:
    try:
        with session.begin_nested():
            session.add(thread)
    except IntegrityError as error:
        if not violates(error, ONE_OPEN_THREAD):
            raise
        raise AlreadyAsked(
            _("You have asked about this, and it is not resolved: write there.")
        ) from error


def reply(
    session: Session,
    thread: Thread,
    *,
    text: str,
    form_id: UUID,
    actor: User,
    now: datetime,
) -> None:
    """Write on as the partner; it is finance's turn again. `thread` is locked."""
    if queries.message_of_form(session, thread.id, form_id):
        return
    if thread.status is not ThreadStatus.OPEN:
        thread.move_to(ThreadStatus.OPEN, now=now)
    _write(session, thread, text=text, form_id=form_id, actor=actor, now=now)
    _record(session, "thread.replied", thread, actor=actor, now=now)
    emails.asked(session, thread, text, now=now)


def answer(
    session: Session,
    thread: Thread,
    *,
    text: str,
    resolves: bool,
    form_id: UUID,
    actor: User,
    now: datetime,
) -> None:
    """Answer as finance, and mail the partner. `thread` is locked.

    Raises:
        ThreadTransition: It is resolved: the partner may write on, finance may not.
    """
    if queries.message_of_form(session, thread.id, form_id):
        return
    wanted = ThreadStatus.RESOLVED if resolves else ThreadStatus.ANSWERED
    if thread.status is not wanted or resolves:
        thread.move_to(wanted, actor=actor, now=now)
    _write(
        session,
        thread,
        text=text,
        form_id=form_id,
        actor=actor,
        from_staff=True,
        now=now,
    )
    _record(session, "thread.answered", thread, actor=actor, now=now)
    if resolves:
        _record(session, "thread.resolved", thread, actor=actor, now=now)
    emails.answered(session, thread, text, now=now)


def resolve(session: Session, thread: Thread, *, actor: User, now: datetime) -> None:
    """Say that it is settled, as the partner or as finance. `thread` is locked.

    Raises:
        ThreadTransition: It is resolved already.
    """
    thread.move_to(ThreadStatus.RESOLVED, actor=actor, now=now)
    _record(session, "thread.resolved", thread, actor=actor, now=now)


def link(
    session: Session,
    thread: Thread,
    adjustment: Adjustment,
    *,
    actor: User,
    now: datetime,
) -> None:
    """Say that a thread led to an adjustment that was just proposed.

    The thread shows it, and when it is approved the partner is told; see
    `tell_adjusted`. Linking the same two again changes nothing.

    Raises:
        OtherPartner: The adjustment is about another balance.
    """
    if adjustment.enrollment_id != thread.statement.enrollment_id:
        raise OtherPartner(
            _(
                "This question is about another balance. Open the adjustment from "
                "the page of the question."
            ),
            field="thread",
        )
    session.flush()  # The adjustment must be there before what points at it.
    if session.get(ThreadAdjustment, adjustment.id) is not None:
        return
    session.add(ThreadAdjustment(adjustment_id=adjustment.id, thread_id=thread.id))
    audit.record(
        session,
        "thread.adjustment_proposed",
        thread.id,
        actor=actor,
        at=now,
        adjustment=adjustment.public_id,
    )


def tell_adjusted(session: Session, adjustment: Adjustment, *, now: datetime) -> None:
    """Mail the partner that a question led to a change, once it is approved.

    An adjustment that is not approved, or that no thread led to, tells nobody.
    """
    if adjustment.status is not AdjustmentStatus.APPROVED:
        return
    thread = queries.behind(session, adjustment.id)
    if thread is not None:
        emails.adjusted(session, thread, adjustment, now=now)


def _write(
    session: Session,
    thread: Thread,
    *,
    text: str,
    form_id: UUID,
    actor: User,
    from_staff: bool = False,
    now: datetime,
) -> None:
    thread.spoke_at = now
    session.flush()  # The thread must be there before its message.
    session.add(
        ThreadMessage(
            id=new_id(),
            thread_id=thread.id,
            form_id=form_id,
            author_id=actor.id,
            from_staff=from_staff,
            text=text,
            written_at=now,
        )
    )


def _record(
    session: Session, action: str, thread: Thread, *, actor: User, now: datetime
) -> None:
    audit.record(
        session,
        action,
        thread.id,
        actor=actor,
        at=now,
        statement=str(thread.statement_id),
        line=thread.position,
    )
