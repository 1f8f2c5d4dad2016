"""Certificates: issued, revoked, and the gates that hang on them."""

import secrets
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.certification import queries, rules, team, team_queries
from portal.certification.models import Attempt, Certificate
from portal.certification.team import Standing
from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.errors import Conflict, Forbidden, Invalid
from portal.kit.ids import new_id
from portal.partners import service as partners
from portal.programs.definition import Gate

_NUMBER_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_NUMBER_LENGTH = 28


class AlreadyRevoked(Conflict):
    """The certificate is revoked already."""

    code = "already_revoked"


def issue(session: Session, attempt: Attempt, *, now: datetime) -> Certificate:
    """Issue the certificate of a passed attempt and meet the gates that ask for it.

    Passed while an earlier one is valid, it renews that: it runs from where the other
    ends, so that renewing early costs no day.
    """
    held = queries.valid_certificate(
        session, attempt.certification_id, attempt.user_id, now
    )
    certificate = Certificate(
        id=new_id(),
        number=new_number(),
        certification=attempt.certification,
        attempt_id=attempt.id,
        user_id=attempt.user_id,
        partner_id=attempt.partner_id,
        holder_name=attempt.user.name,
        issued_at=now,
        expires_at=rules.valid_until(
            now,
            months=attempt.certification.valid_months,
            renews=held.expires_at if held else None,
        ),
    )
    session.add(certificate)
    audit.record(
        session,
        "certificate.issued",
        certificate.id,
        actor=attempt.user,
        at=now,
        number=certificate.number,
        renews=held.number if held else None,
    )
    meet_gates(session, attempt.partner_id, attempt.certification.key, now=now)
    return certificate


def new_number() -> str:
    """Return a certificate number such as 7KQ2-M3XA-... of seven groups of four.

    Thirty letters, 28 times, are 137 random bits. Numbers of four groups, 78 bits, were
    given out before and stay good.
    """
    letters = [secrets.choice(_NUMBER_ALPHABET) for _ in range(_NUMBER_LENGTH)]
    return "-".join("".join(letters[i : i + 4]) for i in range(0, _NUMBER_LENGTH, 4))


def revoke(
    session: Session,
    certificate: Certificate,
    *,
    actor: User,
    reason: str,
    now: datetime,
) -> None:
    """Take a certificate back; its gate closes unless another one holds it open.

    Args:
        session: The session that holds the open transaction.
        certificate: The certificate, locked by the caller, with its certification.
        actor: Who revokes it.
        reason: Why; shown to the partner and on the verification page's record.
        now: From when.

    Raises:
        AlreadyRevoked: It is revoked.
        Invalid: No reason is given.
    """
    if certificate.revoked_at is not None:
        raise AlreadyRevoked(_("This certificate is revoked already."))
    if not reason.strip():
        raise Invalid(_("Say why the certificate is revoked."), field="reason")
    certificate.revoked_at = now
    certificate.revocation_reason = reason.strip()
    audit.record(
        session, "certificate.revoked", certificate.id, actor=actor, at=now, why=reason
    )
    meet_gates(session, certificate.partner_id, certificate.certification.key, now=now)


def show_holder(
    session: Session,
    certificate: Certificate,
    *,
    shown: bool,
    actor: User,
    now: datetime,
) -> None:
    """Show the holder's name to those who check the number, or hide it.

    Args:
        session: The session that holds the open transaction.
        certificate: The certificate, locked by the caller.
        shown: Whether the public page and badge name the holder.
        actor: Who asks for it.
        now: From when.

    Raises:
        Forbidden: It is a colleague's certificate.
    """
    if certificate.user_id != actor.id:
        raise Forbidden(_("Only the holder decides whether the name is shown."))
    if certificate.hides_holder is not shown:
        return  # As it is.
    certificate.hides_holder = not shown
    audit.record(
        session,
        "certificate.holder_shown" if shown else "certificate.holder_hidden",
        certificate.id,
        actor=actor,
        at=now,
    )


def meet_gates(
    session: Session,
    partner_id: UUID,
    certification_key: str | None,
    *,
    now: datetime,
    since: datetime | None = None,
    note: str = "",
) -> None:
    """Bring the partner's certification gates in line with its people's certificates.

    A gate is met until enough certificates have expired, and is lost when too few are
    left. Safe to repeat.

    Args:
        session: The session that holds the open transaction.
        partner_id: Whose gates.
        certification_key: Only gates that ask for this exam; none: all.
        now: The moment.
        since: From when on; none: from `now` on.
        note: Why a gate is lost, for the log.
    """
    session.flush()  # A certificate issued or revoked a moment ago must count.
    spells, holdings = team_queries.team_facts(session, partner_id)
    for found in enrollments.of_partner(session, partner_id):
        if found.status is EnrollmentStatus.TERMINATED:
            continue
        for gate in found.version.definition.gates:
            if gate.exams and certification_key in (None, *gate.exams):
                enrollment = enrollments.get(session, found.id, lock=True)
                held = [one for one in holdings if one.exam in gate.exams]
                begins = max(since or now, enrollment.joined_at)
                for moment in team.turns(spells, held, since=begins, until=now):
                    stood = team.standing(gate.team, spells, held, moment)
                    _set_gate(session, enrollment, gate, stood, now=moment, note=note)


def follow_person(session: Session, user: User, *, is_in: bool, now: datetime) -> None:
    """Keep that somebody is on a team, or off it, and what it means for its gates.

    Args:
        session: The session that holds the open transaction.
        user: Who was let in, or is kept out.
        is_in: Which of the two.
        now: From when on.
    """
    partner_id = partners.note_presence(session, user, is_in=is_in, now=now)
    if partner_id is not None:
        note = f"{user.name} joined the team" if is_in else f"{user.name} left the team"
        meet_gates(session, partner_id, None, now=now, note=note)


def _set_gate(
    session: Session,
    enrollment: Enrollment,
    gate: Gate,
    stood: Standing,
    *,
    now: datetime,
    note: str,
) -> None:
    if not stood.is_met:
        why = note or ("no certificate" if not stood.found else "too few certificates")
        gates.lose_gate(session, enrollment, gate.key, now=now, note=why)
        return
    how = "passed"
    if gate.team is not None:
        how = f"{stood.found} of {stood.needed} {stood.counts.value}"
    gates.meet_gate(session, enrollment, gate.key, now=now, until=stood.until, note=how)
