"""What an approval brings about once it cannot be undone any more."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts import queries as account_queries
from portal.accounts import service as accounts
from portal.accounts.permissions import Role
from portal.applications import emails, rules
from portal.applications.models import Application, ApplicationStatus
from portal.audit import service as audit
from portal.enrollments import queries as enrollment_queries
from portal.enrollments import service as enrollments
from portal.partners import queries as partner_queries
from portal.partners import service as partners
from portal.partners.models import Partner
from portal.programs import queries as program_queries

WORKSPACE = "/app/programs"


def complete_approval(
    session: Session, application: Application, *, now: datetime
) -> None:
    """Make partner, user and enrollment of an approval whose hold is over.

    Anything else, such as an approval that was undone or is completed, stays as it is;
    so a job may run this twice.

    Args:
        session: The session that holds the open transaction.
        application: The application, locked by the caller.
        now: The moment.
    """
    is_due = (
        application.status is ApplicationStatus.APPROVED
        and application.partner_id is None
        and not application.is_held(now)
    )
    if not is_due:
        return
    partner, path, is_new_user = _admit(session, application, now=now)
    version = program_queries.current_version(session, application.program_id, now)
    if not enrollment_queries.of_partner_in(session, partner.id, version.program_id):
        checked = rules.confirmed_by_reviewer(application.definition)
        enrollments.join(
            session,
            partner=partner,
            version=version,
            now=now,
            confirmed=[gate.key for gate in checked],
            confirmed_by=application.decided_by,
        )
    application.partner_id = partner.id
    application.updated_at = now
    audit.record(
        session,
        "application.completed",
        application.id,
        actor=None,
        at=now,
        partner=partner.public_id,
    )
    emails.send_approved(
        session,
        application,
        path=path,
        is_new_user=is_new_user,
        is_open=application.decided_by_id is None and not application.decided_by_rule,
        now=now,
    )


def _admit(
    session: Session, application: Application, *, now: datetime
) -> tuple[Partner, str, bool]:
    """Return the applicant's partner, where they go on, and if they need to join."""
    user = account_queries.by_email(session, application.email)
    if user is not None:
        partner = partner_queries.of_user(session, user.id)
        if user.password_hash is None:
            path = accounts.invitation_path(session, user, now=now)
        else:
            path = WORKSPACE
    else:
        partner = None
        user, path = accounts.invite(
            session,
            email=application.email,
            name=str(application.answer("name")) or application.company,
            role=Role.PARTNER_OWNER,
            now=now,
            locale=application.locale,
        )
    if partner is None:
        partner = partners.create(
            session,
            name=application.company,
            country=application.country,
            website=str(application.answer("website")),
            now=now,
        )
        partners.add_member(session, partner, user, now=now)
        session.flush()  # The enrollment's foreign key needs the partner to be there.
    return partner, path, user.password_hash is None
