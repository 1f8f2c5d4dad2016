"""What must hold before a reviewer may decide, and how it is refused."""

from collections.abc import Collection

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts import queries as account_queries
from portal.accounts.models import User
from portal.applications import review_queries, rules, words
from portal.applications.independence import ConflictKind, conflict
from portal.applications.models import DECIDED, Application
from portal.enrollments import queries as enrollment_queries
from portal.kit.errors import Conflict, Forbidden
from portal.partners import queries as partner_queries


class ConflictOfInterest(Forbidden):
    """The reviewer and the applicant belong together; `kind` says how."""

    code = "conflict_of_interest"

    def __init__(self, message: str, kind: ConflictKind) -> None:
        super().__init__(message)
        self.kind = kind


class AlreadyDecided(Conflict):
    """Somebody else was faster; the message says who, what and when."""

    code = "application_already_decided"


class StaffAddress(Conflict):
    """The applicant's address belongs to one of the vendor's own people."""

    code = "application_of_staff"


class AlreadyInProgram(Conflict):
    """The applicant's company is a partner in this program already."""

    code = "application_already_in_program"


class NotConfirmed(Conflict):
    """The program wants something checked before anybody is let in."""

    code = "application_not_confirmed"


class SecondReviewerNeeded(Conflict):
    """The program wants somebody else to agree as well."""

    code = "application_second_reviewer_needed"


def require_independence(
    session: Session, application: Application, reviewer: User
) -> None:
    """Keep away from an application whoever has a stake in it, of whatever role.

    Raises:
        ConflictOfInterest: Reviewer and applicant belong together.
    """
    kind = conflict(
        review_queries.ties_of(session, reviewer),
        application.id,
        application.email,
        application.answers,
    )
    if kind is not None:
        raise ConflictOfInterest(
            _(
                "You and this applicant belong together. "
                "Ask a colleague to decide: %(why)s",
                why=words.CONFLICTS[kind],
            ),
            kind,
        )


def require_undecided(application: Application) -> None:
    """Refuse a second decision, and say who made the first.

    Raises:
        AlreadyDecided: There is a decision already.
    """
    if application.status not in DECIDED:
        return
    who = application.decided_by.name if application.decided_by else _("The portal")
    when = f"{application.decided_at:%d %B %Y, %H:%M} UTC"
    raise AlreadyDecided(
        _(
            "%(who)s has %(status)s this application: %(when)s.",
            who=who,
            status=application.status,
            when=when,
        )
    )


def require_confirmed(application: Application, confirmed: Collection[str]) -> None:
    """Refuse to let somebody in before what the program wants checked is checked.

    Args:
        application: The application.
        confirmed: Keys of the gates that the reviewer checked.

    Raises:
        NotConfirmed: Some are missing; the message names them.
    """
    missing = [
        gate.title
        for gate in rules.confirmed_by_reviewer(application.definition)
        if gate.key not in confirmed
    ]
    if missing:
        raise NotConfirmed(
            _(
                "Check this first, and confirm it as you approve: %(gates)s.",
                gates="; ".join(missing),
            )
        )


def require_room(session: Session, application: Application) -> None:
    """Refuse what could never be completed."""
    user = account_queries.by_email(session, application.email)
    if user is None:
        return
    if user.is_staff:
        raise StaffAddress(
            _(
                "This address belongs to one of your own people. "
                "Ask the applicant to apply with another one."
            )
        )
    partner = partner_queries.of_user(session, user.id)
    if partner and enrollment_queries.of_partner_in(
        session, partner.id, application.program_id
    ):
        raise AlreadyInProgram(
            _("%(partner)s is in this program already.", partner=partner.name)
        )
