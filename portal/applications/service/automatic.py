"""Decisions that a program's rules make."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.applications import emails, review_queries, rules
from portal.applications.automatic import Applicant, Judgement, judge, score_of
from portal.applications.models import Application, ApplicationStatus
from portal.applications.rules import CheckKey, RejectionReason
from portal.applications.service.conditions import (
    AlreadyInProgram,
    StaffAddress,
    require_room,
)
from portal.applications.service.deciding import (
    defer_completion,
)
from portal.audit import service as audit
from portal.programs.definition import DecisionRule, Verdict


def judge_and_decide(
    session: Session, application: Application, *, now: datetime
) -> None:
    """Let the program's rules decide on an application that was just sent.

    Score and findings are kept whether a rule decides or not. A decision is held as
    long as the program says; until then people can take it back unnoticed.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        now: The moment.
    """
    join = application.definition.join
    application.score = score_of(join, application.answers)
    if join.automatic is None:
        return
    found = review_queries.review_checks(session, application)
    checks = [check.key for check in found]
    if not _has_room(session, application):
        checks.append(CheckKey.KNOWN_PARTNER)
    applicant = Applicant(application.email, application.country, application.score)
    judgement = judge(join.automatic.rules, applicant, checks)
    if judgement.verdict is Verdict.APPROVE and (
        rules.confirmed_by_reviewer(application.definition)
        or rules.takes_two_reviewers(join, found)
    ):
        # People have to confirm something or agree first: a rule cannot.
        judgement = Judgement(None, None, judgement.matches)
    application.findings = judgement.as_json()
    if judgement.decided_by is None:
        return
    hold_until = now + timedelta(minutes=join.automatic.hold_minutes)
    if judgement.verdict is Verdict.APPROVE:
        _approve(session, application, judgement.decided_by, hold_until, now)
    else:
        _reject(session, application, judgement.decided_by, hold_until, now)


def _has_room(session: Session, application: Application) -> bool:
    try:
        require_room(session, application)
    except (StaffAddress, AlreadyInProgram):
        return False
    return True


def _approve(
    session: Session,
    application: Application,
    rule: DecisionRule,
    hold_until: datetime,
    now: datetime,
) -> None:
    application.decide(
        ApplicationStatus.APPROVED,
        reviewer=None,
        note="",
        hold_until=hold_until,
        now=now,
    )
    audit.record(
        session,
        "application.approved",
        application.id,
        actor=None,
        at=now,
        rule=rule.key,
    )
    defer_completion(session, application)


def _reject(
    session: Session,
    application: Application,
    rule: DecisionRule,
    hold_until: datetime,
    now: datetime,
) -> None:
    definition = application.definition
    application.decide(
        ApplicationStatus.REJECTED,
        reviewer=None,
        note=rule.says or "",
        hold_until=hold_until,
        now=now,
    )
    reapply_on = rules.reapply_on(
        now, definition.join.reapply_after_days, definition.zone
    )
    application.reason = _reason_of(rule)
    application.reapply_on = reapply_on
    audit.record(
        session,
        "application.rejected",
        application.id,
        actor=None,
        at=now,
        reason=application.reason.value,
        rule=rule.key,
    )
    mail = emails.send_rejected(
        session,
        application,
        reason=application.reason,
        reapply_on=reapply_on,
        hold_until=hold_until,
        now=now,
    )
    session.flush()  # The application's foreign key needs the mail to be there.
    application.decision_mail_id = mail.id


def _reason_of(rule: DecisionRule) -> RejectionReason:
    """Return the kind of reason; the rule's own words say the rest."""
    if rule.when.countries:
        return RejectionReason.COUNTRY
    if rule.when.email_domains or rule.when.disposable_email is not None:
        return RejectionReason.NOT_VERIFIED
    return RejectionReason.NOT_A_FIT
