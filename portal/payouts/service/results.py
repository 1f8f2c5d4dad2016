"""What the bank answers, taken in whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit.errors import Invalid
from portal.payouts import emails, queries
from portal.payouts.files import results
from portal.payouts.files.results import Answer, Problem, Result
from portal.payouts.models import (
    BOOKED_BACK,
    BatchRow,
    BatchStatus,
    PayoutBatch,
    RowStatus,
)
from portal.payouts.rules import batch_name
from portal.payouts.service.sending import book

_TAKEN = (BatchStatus.SENT, BatchStatus.SETTLED)


class ResultsRefused(Invalid):
    """The file is wrong; `problems` names every line, and nothing was written."""

    code = "payout_results_refused"

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = len(problems)
        super().__init__(
            ngettext(
                "Nothing was taken in: one line of the file is wrong.",
                "Nothing was taken in: %(num)s lines of the file are wrong.",
                count,
            ),
            field="file",
        )
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Imported:
    """How many payouts the file brought an answer for.

    Attributes:
        paid: Newly paid.
        failed: Newly failed or come back.
        known: Answered before, in the same way.
    """

    paid: int
    failed: int
    known: int


def import_results(
    session: Session, batch: PayoutBatch, content: bytes, *, actor: User, now: datetime
) -> Imported:
    """Take in the bank's answers. The same file twice changes nothing.

    A payout that failed or came back is booked back: it is owed again, and the next
    batch may hold it.

    Args:
        session: The session that holds the open transaction.
        batch: The batch, locked by the caller.
        content: The file: end-to-end id, result, reason.
        actor: Who brings it.
        now: The moment.

    Raises:
        ResultsRefused: Some line is wrong; nothing is written.
        PayoutTransition: The batch was not sent.
    """
    if batch.status not in _TAKEN:
        batch.require_move_to(BatchStatus.SETTLED)
    answers, problems = results.read(content)
    rows = {row.end_to_end_id: row for row in batch.rows}
    problems += _strangers(session, batch, answers, rows)
    changes, contradictions = _changes(answers, rows)
    problems += contradictions
    if problems:
        raise ResultsRefused(sorted(problems, key=lambda problem: problem.line))
    for row, status, reason in changes:
        _answer(session, row, status, reason, actor=actor, now=now)
    is_done = all(row.status is not RowStatus.SENT for row in batch.rows)
    if is_done and batch.status is BatchStatus.SENT:
        batch.move_to(BatchStatus.SETTLED)
    back = [row for row, status, _reason in changes if status in BOOKED_BACK]
    imported = Imported(
        paid=len(changes) - len(back),
        failed=len(back),
        known=len(answers) - len(changes),
    )
    audit.record(
        session,
        "payout_batch.answered",
        batch.id,
        actor=actor,
        at=now,
        name=batch.name,
        paid=imported.paid,
        failed=imported.failed,
        known=imported.known,
    )
    emails.payouts_failed(session, back, now=now)
    return imported


def _strangers(
    session: Session,
    batch: PayoutBatch,
    answers: Sequence[Answer],
    rows: dict[str, BatchRow],
) -> list[Problem]:
    """Return a problem for each answer that is about no payout of the batch."""
    strange = [one for one in answers if one.end_to_end_id not in rows]
    owners = queries.owners_of_ids(session, [one.end_to_end_id for one in strange])
    return [
        Problem(
            one.line,
            _(
                "%(name)s belongs to the batch %(other)s, not to %(batch)s.",
                name=one.end_to_end_id,
                other=batch_name(owners[one.end_to_end_id]),
                batch=batch.name,
            )
            if one.end_to_end_id in owners
            else _("No batch has a payout %(name)s.", name=one.end_to_end_id),
        )
        for one in strange
    ]


def _changes(
    answers: Sequence[Answer], rows: dict[str, BatchRow]
) -> tuple[list[tuple[BatchRow, RowStatus, str]], list[Problem]]:
    """Return which rows get another status, and what contradicts earlier answers."""
    changes: list[tuple[BatchRow, RowStatus, str]] = []
    problems: list[Problem] = []
    for one in answers:
        row = rows.get(one.end_to_end_id)
        if row is None:
            continue
        if row.status is RowStatus.CANCELED:
            text = _("%(name)s was left out of the file.", name=one.end_to_end_id)
            problems.append(Problem(one.line, text))
        elif one.result is Result.PAID and row.status in BOOKED_BACK:
            text = _(
                "%(name)s failed before and is owed again; it cannot be paid now.",
                name=one.end_to_end_id,
            )
            problems.append(Problem(one.line, text))
        elif one.result is Result.PAID and row.status is RowStatus.SENT:
            changes.append((row, RowStatus.PAID, ""))
        elif one.result is Result.FAILED and row.status is RowStatus.SENT:
            changes.append((row, RowStatus.FAILED, one.reason))
        elif one.result is Result.FAILED and row.status is RowStatus.PAID:
            changes.append((row, RowStatus.RETURNED, one.reason))
    return changes, problems


def _answer(
    session: Session,
    row: BatchRow,
    status: RowStatus,
    reason: str,
    *,
    actor: User,
    now: datetime,
) -> None:
    row.move_to(status)
    row.answered_at = now
    row.reason = reason
    if status in BOOKED_BACK:
        book(session, row, key=f"payout:{row.id}:return", amount=-row.amount, now=now)
    audit.record(
        session,
        f"payout.{status.value}",
        row.id,
        actor=actor,
        at=now,
        name=row.end_to_end_id,
        why=reason or None,
    )
