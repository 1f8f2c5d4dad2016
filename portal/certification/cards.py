"""The exams that are asked of a partner, as one of its people sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.orm import Session

from portal.certification import demands, queries, rules
from portal.certification.courses import queries as courses
from portal.certification.courses.rules import Progress
from portal.certification.demands import Demand
from portal.certification.models import (
    Attempt,
    AttemptStatus,
    Certificate,
    Certification,
)
from portal.partners import queries as partners


class Standing(StrEnum):
    """How somebody stands with an exam."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    FAILED = "failed"
    PASSED = "passed"
    EXPIRING = "expiring"
    """Passed, and it can be renewed already."""
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Card:
    """One exam.

    Attributes:
        exam: The exam.
        demands: Which programs ask for it.
        standing: How this person stands with it.
        running: The open attempt, if there is one.
        certificate: The one that this person holds or held.
        retry_at: From when the next attempt is possible; none when at once.
        certified: How many people of the team hold a valid certificate.
        team: How many people the team has.
        course: How far this person is in the course.
    """

    exam: Certification
    demands: Sequence[Demand]
    standing: Standing
    running: Attempt | None
    certificate: Certificate | None
    retry_at: datetime | None
    certified: int
    team: int
    course: Progress


def cards_of(
    session: Session, user_id: UUID, partner_id: UUID, *, now: datetime
) -> list[Card]:
    """Return the exams that the partner's programs ask for, by title.

    The number of queries does not depend on how many there are.
    """
    asked = demands.of_partner(session, partner_id)
    exams = queries.by_keys(session, list(asked))
    attempts = queries.attempts_of(session, user_id)
    certificates = queries.certificates_of_partner(session, partner_id)
    team = {member.user_id for member in partners.members(session, partner_id)}
    progress = courses.progress_of(session, [exam.id for exam in exams], user_id)
    return [
        _card(
            exam,
            asked[exam.key],
            [one for one in attempts if one.certification_id == exam.id],
            [one for one in certificates if one.certification_id == exam.id],
            user_id=user_id,
            team=team,
            course=progress[exam.id],
            now=now,
        )
        for exam in exams
    ]


def _card(
    exam: Certification,
    asked: Sequence[Demand],
    attempts: Sequence[Attempt],
    certificates: Sequence[Certificate],
    *,
    user_id: UUID,
    team: set[UUID],
    course: Progress,
    now: datetime,
) -> Card:
    valid = [
        one for one in certificates if one.state(now) is rules.CertificateState.VALID
    ]
    mine = [one for one in certificates if one.user_id == user_id]
    held = max(
        mine, key=lambda one: (one in valid, one.expires_at, one.id), default=None
    )
    running = next((one for one in attempts if _is_open(one)), None)
    earliest = rules.earliest_start(
        [one.submitted_at for one in attempts if _failed(one) and one.submitted_at],
        allowed=exam.attempts_allowed,
        wait=timedelta(hours=exam.wait_hours),
        now=now,
    )
    return Card(
        exam=exam,
        demands=asked,
        standing=_standing(exam, attempts, held, now),
        running=running,
        certificate=held,
        retry_at=earliest if earliest > now else None,
        certified=len({one.user_id for one in valid} & team),
        team=len(team),
        course=course,
    )


def _is_open(attempt: Attempt) -> bool:
    return attempt.status is AttemptStatus.IN_PROGRESS


def _failed(attempt: Attempt) -> bool:
    return attempt.status is AttemptStatus.FAILED


def _standing(
    exam: Certification,
    newest_first: Sequence[Attempt],
    held: Certificate | None,
    now: datetime,
) -> Standing:
    if any(map(_is_open, newest_first)):
        return Standing.IN_PROGRESS
    state = held.state(now) if held else None
    if held and state is rules.CertificateState.VALID:
        renewable = rules.renewable_from(held.expires_at, exam.renewal_days)
        return Standing.EXPIRING if renewable <= now else Standing.PASSED
    last = newest_first[0] if newest_first else None
    if last and _failed(last) and (held is None or last.started_at > held.issued_at):
        return Standing.FAILED
    if state is rules.CertificateState.REVOKED:
        return Standing.REVOKED
    return Standing.EXPIRED if held else Standing.NOT_STARTED
