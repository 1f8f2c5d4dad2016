"""Who may not decide an application because they have a stake in it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from portal.applications.rules import Answer, shares_company

REFERRER_QUESTION = "referred-by"
"""Key of the question that asks an applicant who sent them."""


class ConflictKind(StrEnum):
    """How a reviewer and an applicant belong together."""

    SAME_PERSON = "same_person"
    SAME_DOMAIN = "same_domain"
    MEMBER = "member"
    REFERRED_BY = "referred_by"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties a reviewer to applicants."""

    email: str
    name: str
    partner_emails: frozenset[str] = frozenset()
    """Addresses of everybody at the partners of which the reviewer is a member."""
    declared: frozenset[UUID] = field(default_factory=frozenset)
    """The applications that the reviewer declared they have a stake in."""


def conflict(
    ties: Ties, application_id: UUID, email: str, answers: Mapping[str, Answer]
) -> ConflictKind | None:
    """Return how a reviewer and an applicant belong together; none if they do not.

    Args:
        ties: The reviewer's.
        application_id: The application.
        email: The applicant's address.
        answers: The applicant's, by question key.
    """
    if ties.email.lower() == email.lower():
        return ConflictKind.SAME_PERSON
    if shares_company(ties.email, email):
        return ConflictKind.SAME_DOMAIN
    if any(shares_company(other, email) for other in ties.partner_emails):
        return ConflictKind.MEMBER
    referrer = str(answers.get(REFERRER_QUESTION, "")).strip().casefold()
    if referrer and referrer in {ties.email.casefold(), ties.name.strip().casefold()}:
        return ConflictKind.REFERRED_BY
    return ConflictKind.DECLARED if application_id in ties.declared else None
