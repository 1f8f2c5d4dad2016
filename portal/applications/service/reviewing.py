"""What reviewers do to an application besides deciding it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from flask_babel import gettext as _
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.applications import emails
from portal.applications.likeness import fingerprints
from portal.applications.models import (
    ONE_OPEN_PER_EMAIL,
    Application,
    ApplicationStatus,
)
from portal.applications.review_models import (
    ApplicationComment,
    ApplicationConflict,
    ApplicationFingerprint,
    ApplicationLook,
)
from portal.applications.service.conditions import (
    require_independence,
)
from portal.audit import service as audit
from portal.kit.db import violates
from portal.kit.errors import Conflict


class NotWaitingForReview(Conflict):
    """The application is not ours to look at now."""

    code = "application_not_waiting_for_review"


class NotReopenable(Conflict):
    """There is no rejection that could be reversed."""

    code = "application_not_reopenable"


def note_fingerprints(
    session: Session, application: Application, documents: Iterable[bytes] = ()
) -> None:
    """Keep what shows that another application is of the same person or company.

    Args:
        session: The session that holds the open transaction.
        application: The application that is sent.
        documents: SHA-256 of each of its files, as it was sent.
    """
    found = fingerprints(application.email, application.answers, documents)
    session.add_all(
        ApplicationFingerprint(application_id=application.id, kind=kind, digest=digest)
        for kind, digest in sorted(found)
    )


def comment(
    session: Session,
    application: Application,
    *,
    author: User,
    text: str,
    now: datetime,
) -> None:
    """Note something for the other reviewers.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
    """
    require_independence(session, application, author)
    session.add(
        ApplicationComment(
            application_id=application.id,
            author_id=author.id,
            text=text,
            written_at=now,
        )
    )
    audit.record(session, "application.commented", application.id, actor=author, at=now)


def snooze(
    session: Session,
    application: Application,
    *,
    reviewer: User,
    days: int,
    now: datetime,
) -> None:
    """Put an application out of sight for some days; with 0, bring it back.

    The day by which the applicant expects an answer stays as it is.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
        NotWaitingForReview: It does not need a review now.
    """
    require_independence(session, application, reviewer)
    _require_waiting(application)
    application.snoozed_until = now + timedelta(days=days) if days else None
    audit.record(
        session,
        "application.snoozed" if days else "application.woken",
        application.id,
        actor=reviewer,
        at=now,
        days=days or None,
    )


def assign(
    session: Session,
    application: Application,
    *,
    reviewer: User,
    is_taken: bool,
    now: datetime,
) -> None:
    """Note that the reviewer takes care of an application, or does so no more.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
        NotWaitingForReview: It is decided or withdrawn.
    """
    require_independence(session, application, reviewer)
    if application.status is not ApplicationStatus.INFO_REQUESTED:
        _require_waiting(application)
    application.assigned_to_id = reviewer.id if is_taken else None
    audit.record(
        session,
        "application.assigned" if is_taken else "application.unassigned",
        application.id,
        actor=reviewer,
        at=now,
    )


def declare_conflict(
    session: Session, application: Application, *, reviewer: User, now: datetime
) -> None:
    """Keep a reviewer away from an application because they say so, for good."""
    added = session.execute(
        insert(ApplicationConflict)
        .values(user_id=reviewer.id, application_id=application.id, declared_at=now)
        .on_conflict_do_nothing()
        .returning(ApplicationConflict.application_id)
    ).first()
    if added is None:
        return
    if application.assigned_to_id == reviewer.id:
        application.assigned_to_id = None
    if application.first_approver_id == reviewer.id:
        application.forget_first_approval()
    audit.record(
        session, "application.conflict_declared", application.id, actor=reviewer, at=now
    )


def look(
    session: Session, application_id: object, *, reviewer: User, now: datetime
) -> None:
    """Note that a reviewer has an application open, so that colleagues know."""
    session.execute(
        insert(ApplicationLook)
        .values(application_id=application_id, user_id=reviewer.id, looked_at=now)
        .on_conflict_do_update(
            index_elements=["application_id", "user_id"], set_={"looked_at": now}
        )
    )


def reopen(
    session: Session, application: Application, *, actor: User | None, now: datetime
) -> None:
    """Put a rejected application back into the queue, and tell the applicant.

    Staff may reverse any rejection. The applicant may ask for it where a rule decided:
    nobody is turned down by a rule alone. While the decision is held, undoing it does
    the same and nobody outside notices.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        actor: The reviewer who reverses the decision; none for the applicant.
        now: The moment.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
        NotReopenable: It is not rejected, it can still be undone, a person rejected it
            and the applicant asks, or the applicant has a newer one that is open.
    """
    if actor is not None:
        require_independence(session, application, actor)
    if application.status is not ApplicationStatus.REJECTED:
        raise NotReopenable(_("Only a rejected application can be opened again."))
    if application.is_held(now):
        raise NotReopenable(_("Undo the decision instead: nobody knows of it yet."))
    reason, rule = application.reason, application.decided_by_rule
    if actor is None and not rule:
        raise NotReopenable(_("A person has decided already."))
    try:
        with session.begin_nested():
            answer_by = application.reopen(now)
    except IntegrityError as error:
        if not violates(error, ONE_OPEN_PER_EMAIL):
            raise
        raise NotReopenable(
            _("There is a newer application of this address: decide on that one.")
        ) from error
    audit.record(
        session,
        "application.reopened",
        application.id,
        actor=actor,
        at=now,
        reason=reason.value if reason else None,
        rule=rule or None,
    )
    emails.send_received(session, application, answer_by=answer_by, now=now)


def _require_waiting(application: Application) -> None:
    if application.status is not ApplicationStatus.SUBMITTED:
        raise NotWaitingForReview(
            _("This application does not wait for a review any more.")
        )
