"""A close that needs two people: one proposes it, another confirms or sends it back."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit.errors import Conflict, Forbidden, Invalid
from portal.statements.models import Period, PeriodStatus
from portal.statements.rules import Check, Severity
from portal.statements.service.checks import check
from portal.statements.service.preview import preview


class NotReadyToClose(Conflict):
    """A check stops the close; the message names it."""

    code = "period_not_ready"


class WarningsUnanswered(Invalid):
    """A warning has no tick, or no note."""

    code = "warnings_unanswered"


class SecondPersonNeeded(Forbidden):
    """The close needs two people."""

    code = "second_person_needed"


class AlreadyProposed(Conflict):
    """Somebody proposed the close, or it has begun."""

    code = "close_already_proposed"


class NotProposed(Conflict):
    """Nobody proposed the close."""

    code = "close_not_proposed"


class FiguresChanged(Conflict):
    """The month comes to something else than what was proposed."""

    code = "figures_changed"


def propose_close(
    session: Session,
    period: Period,
    *,
    actor: User,
    acknowledged: Mapping[str, str],
    withholds_us_tax: bool = False,
    now: datetime,
) -> None:
    """Say that the month is ready; a second person confirms it with `begin_close`.

    Args:
        session: The session that holds the open transaction.
        period: The month, locked by the caller.
        actor: Who looked at it.
        acknowledged: A note for each warning, by the key of its check.
        withholds_us_tax: Whether the vendor withholds what US rules ask for.
        now: The moment.

    Raises:
        AlreadyProposed: Somebody did, or it is being closed, or is closed.
        NotReadyToClose: A check stops it.
        WarningsUnanswered: A warning has no note.
    """
    if period.status is not PeriodStatus.OPEN or period.proposed_by_id:
        raise AlreadyProposed(
            _(
                "The close of %(label)s is proposed or begun already.",
                label=period.label,
            )
        )
    checks = check(session, period, now, withholds_us_tax=withholds_us_tax)
    period.acknowledged = answered(checks, acknowledged)
    figures = preview(session, period, withholds_us_tax=withholds_us_tax)
    period.proposed_by_id, period.proposed_at = actor.id, now
    period.proposed_figures = figures.fingerprint
    audit.record(
        session,
        "period.close_proposed",
        period.id,
        actor=actor,
        at=now,
        month=period.label,
        statements=len(figures.rows),
        closing_minor=figures.totals.closing,
        acknowledged=notes_in_words(period.acknowledged),
    )


def send_back(
    session: Session, period: Period, *, reason: str, actor: User, now: datetime
) -> None:
    """Take the proposal away, with a reason. `period` is locked.

    Raises:
        NotProposed: There is none, or the close has begun.
        Invalid: There is no reason.
    """
    if period.status is not PeriodStatus.OPEN or not period.proposed_by_id:
        raise NotProposed(
            _("The close of %(label)s is not proposed.", label=period.label)
        )
    if not reason.strip():
        raise Invalid(_("Say why, in a sentence."), field="reason")
    period.proposed_by_id = period.proposed_at = None
    period.proposed_figures, period.acknowledged = "", {}
    audit.record(
        session,
        "period.close_sent_back",
        period.id,
        actor=actor,
        at=now,
        month=period.label,
        reason=reason.strip(),
    )


def confirmed(
    session: Session,
    period: Period,
    *,
    actor: User | None,
    withholds_us_tax: bool,
) -> Mapping[str, str]:
    """Return the notes of a proposal that `actor` may confirm.

    Raises:
        NotProposed: Nobody proposed the close.
        SecondPersonNeeded: The actor did, or nobody is named.
        FiguresChanged: The month comes to something else by now.
    """
    if not period.proposed_by_id:
        raise NotProposed(
            _(
                "The close needs two people: propose it first, and let a second "
                "person confirm it."
            )
        )
    if actor is None or actor.id == period.proposed_by_id:
        raise SecondPersonNeeded(
            _("A second person, signed in to the portal, must confirm the close.")
        )
    figures = preview(session, period, withholds_us_tax=withholds_us_tax)
    if figures.fingerprint != period.proposed_figures:
        raise FiguresChanged(
            _(
                "The month comes to something else than what was proposed. Send it "
                "back, so that somebody looks at it again."
            )
        )
    return {str(key): str(note) for key, note in period.acknowledged.items()}


def answered(
    checks: Sequence[Check], acknowledged: Mapping[str, str]
) -> dict[str, str]:
    """Return the note on each warning, once no check stops the close.

    Raises:
        NotReadyToClose: A check stops it.
        WarningsUnanswered: A warning has no note.
    """
    for found in checks:
        if found.severity is Severity.STOP:
            raise NotReadyToClose(f"{found.text} {found.detail}".strip())
    notes = {key: note.strip() for key, note in acknowledged.items()}
    warnings = [row.key for row in checks if row.severity is Severity.WARNING]
    for key in warnings:
        if not notes.get(key):
            raise WarningsUnanswered(
                _("Write a short note on each warning: what did you find?"),
                field=f"note_{key}",
            )
    return {key: notes[key] for key in warnings}


def notes_in_words(notes: Mapping[str, str]) -> str | None:
    """Return the notes as one text for the audit log; none without any."""
    return "; ".join(f"{key}: {note}" for key, note in notes.items()) or None
