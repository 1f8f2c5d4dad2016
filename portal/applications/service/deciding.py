"""What reviewers decide, and how they take it back."""

from collections.abc import Collection
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts.models import User
from portal.applications import emails, review_queries, rules
from portal.applications.models import (
    Application,
    ApplicationMessage,
    ApplicationStatus,
)
from portal.applications.rules import RejectionReason
from portal.applications.service.conditions import (
    SecondReviewerNeeded,
    StaffAddress,
    require_confirmed,
    require_independence,
    require_room,
    require_undecided,
)
from portal.audit import service as audit
from portal.kit.errors import Conflict
from portal.mail.models import OutboxEmail

COMPLETE_APPROVAL = "applications.complete_approval"


class TooLateToUndo(Conflict):
    """The decision has left the house."""

    code = "too_late_to_undo"


def ask(
    session: Session,
    application: Application,
    *,
    reviewer: User,
    question: str,
    now: datetime,
) -> None:
    """Ask the applicant something; the answer brings the application back.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        reviewer: Who asks.
        question: The words that the applicant reads.
        now: The moment.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
        AlreadyDecided: There is a decision already.
        ApplicationTransition: The application does not wait for us.
    """
    require_independence(session, application, reviewer)
    require_undecided(application)
    application.move_to(ApplicationStatus.INFO_REQUESTED)
    application.forget_first_approval()  # of answers that were not all yet
    application.updated_at = now
    session.add(
        ApplicationMessage(
            application_id=application.id,
            author_id=reviewer.id,
            text=question,
            written_at=now,
        )
    )
    audit.record(
        session, "application.info_requested", application.id, actor=reviewer, at=now
    )
    emails.send_question(session, application, question=question, now=now)


def approve(
    session: Session,
    application: Application,
    *,
    reviewer: User,
    note: str = "",
    confirmed: Collection[str] = (),
    hold_seconds: int,
    now: datetime,
) -> bool:
    """Let the applicant in, once the time to undo it is over.

    Until then nothing exists but the decision: partner, user, enrollment and mail are
    made by `complete_approval`. Approving again what one approved changes nothing.

    Returns:
        Whether it is decided; if not, a second reviewer has to agree.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        reviewer: Who decides.
        note: Own words to the applicant.
        confirmed: Keys of the gates that block joining and that the reviewer checked;
            it takes all of them.
        hold_seconds: How long the decision can be undone.
        now: The moment.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
        AlreadyDecided: Somebody else decided, or it was rejected.
        StaffAddress: The address is a staff member's.
        AlreadyInProgram: The company of this address is in the program.
        NotConfirmed: Something is to be checked first; the message names it.
        SecondReviewerNeeded: The reviewer agreed already; somebody else has to.
        ApplicationTransition: The application does not wait for us.
    """
    require_independence(session, application, reviewer)
    if _is_repeated(application, ApplicationStatus.APPROVED, reviewer):
        return True
    require_undecided(application)
    require_room(session, application)
    require_confirmed(application, confirmed)
    if not _is_agreed(session, application, reviewer=reviewer, now=now):
        return False
    _decide(
        application,
        ApplicationStatus.APPROVED,
        reviewer=reviewer,
        note=note,
        hold_seconds=hold_seconds,
        now=now,
    )
    checked = [gate.key for gate in rules.confirmed_by_reviewer(application.definition)]
    audit.record(
        session,
        "application.approved",
        application.id,
        actor=reviewer,
        at=now,
        **({"confirmed": ", ".join(checked)} if checked else {}),
    )
    defer_completion(session, application)
    return True


def approve_of_itself(
    session: Session, application: Application, *, now: datetime
) -> None:
    """Let in somebody who applied to a program that takes in everybody.

    Nobody decides, so there is nothing to undo: it is completed at once.

    Args:
        session: The session that holds the open transaction.
        application: The application that was just sent, locked by the caller.
        now: The moment.

    Raises:
        StaffAddress: The address is a staff member's.
        AlreadyInProgram: The company of this address is in the program.
    """
    try:
        require_room(session, application)
    except StaffAddress as error:
        raise StaffAddress(
            _(
                "This address belongs to somebody who works here. "
                "Apply with another one."
            )
        ) from error
    _decide(
        application,
        ApplicationStatus.APPROVED,
        reviewer=None,
        note="",
        hold_seconds=0,
        now=now,
    )
    audit.record(
        session,
        "application.approved",
        application.id,
        actor=None,
        at=now,
        why="open to everybody",
    )
    defer_completion(session, application)


def defer_completion(session: Session, application: Application) -> None:
    """Queue the completion of an approval for the moment its hold ends."""
    jobs.defer(
        session,
        COMPLETE_APPROVAL,
        {"application_id": str(application.id)},
        at=application.held_until,
    )


def reject(
    session: Session,
    application: Application,
    *,
    reviewer: User,
    reason: RejectionReason,
    note: str = "",
    hold_seconds: int,
    now: datetime,
) -> None:
    """Turn the applicant down, with the reason and the day to try again.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        reviewer: Who decides.
        reason: Why; the applicant reads it in words.
        note: Own words to the applicant.
        hold_seconds: How long the mail waits, so that the decision can be undone.
        now: The moment.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
        AlreadyDecided: Somebody else decided, or it was approved.
        ApplicationTransition: The application cannot be rejected.
    """
    require_independence(session, application, reviewer)
    if _is_repeated(application, ApplicationStatus.REJECTED, reviewer):
        return
    require_undecided(application)
    hold_until = _decide(
        application,
        ApplicationStatus.REJECTED,
        reviewer=reviewer,
        note=note,
        hold_seconds=hold_seconds,
        now=now,
    )
    definition = application.definition
    application.reason = reason
    reapply_on = rules.reapply_on(
        now, definition.join.reapply_after_days, definition.zone
    )
    application.reapply_on = reapply_on
    audit.record(
        session,
        "application.rejected",
        application.id,
        actor=reviewer,
        at=now,
        reason=reason.value,
    )
    mail = emails.send_rejected(
        session,
        application,
        reason=reason,
        reapply_on=reapply_on,
        hold_until=hold_until,
        now=now,
    )
    session.flush()  # The application's foreign key needs the mail to be there.
    application.decision_mail_id = mail.id


def undo_decision(
    session: Session, application: Application, *, actor: User, now: datetime
) -> None:
    """Take a decision back while nobody outside knows of it.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        actor: Who takes it back.
        now: The moment.

    Raises:
        TooLateToUndo: The hold is over, or there is no decision.
    """
    if not application.is_held(now):
        raise TooLateToUndo(
            _("It is too late to undo this: the applicant knows of it by now.")
        )
    take_back(session, application, now=now, actor=actor)


def take_back(
    session: Session,
    application: Application,
    *,
    now: datetime,
    actor: User | None = None,
) -> None:
    """Make a held decision as if it had not been; only the audit trail knows.

    Raises:
        TooLateToUndo: The mail left a moment ago.
    """
    if application.decision_mail_id is not None:
        mail = session.get(
            OutboxEmail, application.decision_mail_id, with_for_update=True
        )
        if mail is None or not mail.cancel():
            raise TooLateToUndo(_("It is too late to undo this: the mail has left."))
    was = application.status
    application.move_to(application.decided_from or ApplicationStatus.SUBMITTED)
    application.forget_decision(now)
    audit.record(
        session,
        "application.decision_undone",
        application.id,
        actor=actor,
        at=now,
        was=was.value,
    )


def _decide(
    application: Application,
    status: ApplicationStatus,
    *,
    reviewer: User | None,
    note: str,
    hold_seconds: int,
    now: datetime,
) -> datetime:
    """Note the decision and return until when it is held."""
    hold_until = now + timedelta(seconds=hold_seconds)
    application.decide(
        status, reviewer=reviewer, note=note, hold_until=hold_until, now=now
    )
    return hold_until


def _is_repeated(
    application: Application, status: ApplicationStatus, reviewer: User
) -> bool:
    return application.status is status and application.decided_by_id == reviewer.id


def _is_agreed(
    session: Session, application: Application, *, reviewer: User, now: datetime
) -> bool:
    """Tell whether as many reviewers agree as the program wants; note the first."""
    checks = review_queries.review_checks(session, application)
    if not rules.takes_two_reviewers(application.definition.join, checks):
        return True
    if application.first_approver_id == reviewer.id:
        raise SecondReviewerNeeded(
            _("You have approved this already. It takes a second reviewer.")
        )
    if application.first_approver_id is not None:
        return True
    if application.status is not ApplicationStatus.SUBMITTED:
        application.move_to(ApplicationStatus.APPROVED)  # refuses, in the same words
    application.first_approver_id = reviewer.id
    application.first_approved_at = now
    application.updated_at = now
    audit.record(
        session,
        "application.approved_first",
        application.id,
        actor=reviewer,
        at=now,
        warnings=rules.warnings(checks),
    )
    return False
