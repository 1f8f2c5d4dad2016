"""What can happen to tax forms. Callers own the transaction."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments import service as gates
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.kit.clock import day_start
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.partners import queries as partners
from portal.programs.definition import Gate, GateKind
from portal.tax import emails, numbers, queries, rules, sealed
from portal.tax.drafts import Draft
from portal.tax.models import TaxForm, TaxFormSecret, VatDeclaration
from portal.tax.numbers import BadNumber, TaxNumber, TinKind
from portal.tax.rules import (
    US,
    FatcaClass,
    FormKind,
    FormStatus,
    ReviewReason,
)

TIN = "tin"
"""Name of the number among the sealed answers."""


class NothingChanged(Conflict):
    """The partner's last declaration about VAT says the same."""

    code = "vat_unchanged"


def submit(
    session: Session,
    partner_id: UUID,
    draft: Draft,
    *,
    signed_name: str,
    user: User,
    remote_address: str,
    keys: Sequence[str],
    now: datetime,
) -> TaxForm:
    """Keep a signed form; accept it at once where nothing is left to look at.

    A form of the partner that still waits is replaced; one that counts goes on
    counting until the new one is accepted.

    Args:
        session: The session that holds the open transaction.
        partner_id: Whose form it is.
        draft: What it says.
        signed_name: The name typed as the signature.
        user: Who signed.
        remote_address: From where.
        keys: What encrypts the secret part, the newest first.
        now: When; the day of the signature is that of UTC.

    Raises:
        Invalid: The number cannot be right, or the form and the country do not fit.
    """
    number = _number(draft)
    partners.get(session, partner_id, lock=True)  # One version after the other.
    before = queries.waiting(session, partner_id)
    if before is not None:
        before.move_to(FormStatus.REPLACED)
        session.flush()  # Only one form of a partner may wait.
    signed_on = now.astimezone(UTC).date()
    reasons = _review_reasons(draft, number)
    form = TaxForm(
        id=new_id(),
        partner_id=partner_id,
        version=queries.newest_version(session, partner_id) + 1,
        kind=draft.kind,
        revision=rules.REVISIONS[draft.kind],
        name=draft.name,
        country=draft.country,
        place=draft.place,
        tin_kind=draft.tin_kind,
        tin_last4=number.last4 if number else "",
        treaty_bps=draft.treaty_bps,
        details=dict(draft.details),
        review_reasons=[reason.value for reason in reasons],
        signed_name=signed_name,
        signed_on=signed_on,
        valid_until_on=rules.valid_until(draft.kind, signed_on),
        submitted_at=now,
        submitted_by_id=user.id,
        remote_address=remote_address,
    )
    session.add(form)
    session.flush()  # The secret names the form.
    secret = {**draft.secret, TIN: number.text if number else ""}
    session.add(
        TaxFormSecret(form_id=form.id, sealed=sealed.seal(secret, form.id, keys=keys))
    )
    audit.record(
        session,
        "tax_form.submitted",
        form.id,
        actor=user,
        at=now,
        form=draft.kind.label,
        version=form.version,
    )
    if not reasons:
        accept(session, form, actor=None, now=now)
    return form


def _number(draft: Draft) -> TaxNumber | None:
    is_w9 = draft.kind is FormKind.W9
    if is_w9 != (draft.country == US):
        raise Invalid(
            _("A W-9 is for US persons, a W-8 for everybody else."), field="country"
        )
    if draft.tin_kind is None:
        return None
    try:
        if draft.tin_kind is TinKind.FOREIGN:
            return numbers.foreign_number(draft.tin, draft.country)
        return numbers.us_number(draft.tin, draft.tin_kind)
    except BadNumber as error:
        raise Invalid(
            _(
                "This cannot be such a number: it has another length, or begins with "
                "digits that are never given out. Check it."
            ),
            field="tin",
        ) from error


def _review_reasons(draft: Draft, number: TaxNumber | None) -> list[ReviewReason]:
    reasons = []
    if number is None:
        reasons.append(ReviewReason.NO_NUMBER)
    elif not number.is_proven:
        reasons.append(ReviewReason.UNPROVEN_NUMBER)
    if draft.treaty_bps is not None:
        reasons.append(ReviewReason.TREATY)
    if draft.details.get("fatca_class") == FatcaClass.OTHER:
        reasons.append(ReviewReason.SPECIAL_ENTITY)
    return reasons


def accept(
    session: Session, form: TaxForm, *, actor: User | None, now: datetime
) -> None:
    """Let a form count from now on, in place of the one before.

    Args:
        session: The session that holds the open transaction.
        form: The form, locked by the caller or just made.
        actor: Who looked at it; none for the portal itself.
        now: The moment.

    Raises:
        TaxFormTransition: It is decided, or a newer one took its place.
    """
    before = queries.accepted(session, form.partner_id)
    if before is not None and form.status is FormStatus.SUBMITTED:
        before.move_to(FormStatus.REPLACED)
        session.flush()  # Only one form of a partner may count.
    form.move_to(FormStatus.ACCEPTED)
    form.decided_at = now
    form.decided_by_id = actor.id if actor else None
    audit.record(session, "tax_form.accepted", form.id, actor=actor, at=now)
    follow_gates(session, form.partner_id, now=now)


def send_back(
    session: Session, form: TaxForm, *, actor: User, reason: str, now: datetime
) -> None:
    """Return a form to the partner; one that counted counts no more.

    Args:
        session: The session that holds the open transaction.
        form: The form, locked by the caller.
        actor: Who returns it.
        reason: What is wrong; the partner reads it.
        now: The moment.

    Raises:
        TaxFormTransition: It was returned before, or a newer one took its place.
        Invalid: No reason is given.
    """
    if not reason.strip():
        raise Invalid(_("Say what is wrong with the form."), field="reason")
    form.move_to(FormStatus.RETURNED)
    form.decided_at = now
    form.decided_by_id = actor.id
    form.return_reason = reason.strip()
    audit.record(
        session, "tax_form.returned", form.id, actor=actor, at=now, why=reason.strip()
    )
    emails.send_returned(session, form, now=now)
    follow_gates(session, form.partner_id, now=now)


def show_number(
    session: Session,
    form: TaxForm,
    *,
    keys: Sequence[str],
    actor: User,
    now: datetime,
) -> dict[str, str]:
    """Return the secret part of a form, and keep in the log who saw it.

    Nothing is returned, and nothing kept, for a form whose secret part was erased.

    Raises:
        UnreadableSecret: The key is gone.
    """
    secret = queries.secret(session, form.id)
    if secret is None:
        return {}
    audit.record(session, "tax_form.number_shown", form.id, actor=actor, at=now)
    return sealed.opened(secret, form.id, keys=keys)


def follow_gates(session: Session, partner_id: UUID, *, now: datetime) -> None:
    """Bring the partner's tax gates in line with the form that counts.

    The gate is met to the end of the form's last day in the program's time zone, and
    is lost when no form counts. Safe to repeat.
    """
    session.flush()  # A form accepted or returned a moment ago must count.
    form = queries.accepted(session, partner_id)
    for found in enrollments.of_partner(session, partner_id):
        if found.status is EnrollmentStatus.TERMINATED or not list(_tax_gates(found)):
            continue
        enrollment = enrollments.get(session, found.id, lock=True)
        until = _end_of(form, enrollment.version.definition.zone)
        for gate in _tax_gates(enrollment):
            if form is None or (until is not None and until <= now):
                gates.lose_gate(session, enrollment, gate.key, now=now, note="no form")
            else:
                gates.meet_gate(
                    session,
                    enrollment,
                    gate.key,
                    now=now,
                    until=until,
                    note=f"{form.kind.label}, version {form.version}",
                )


def _end_of(form: TaxForm | None, zone: ZoneInfo) -> datetime | None:
    if form is None or form.valid_until_on is None:
        return None
    return day_start(form.valid_until_on + timedelta(days=1), zone)


def _tax_gates(enrollment: Enrollment) -> Iterator[Gate]:
    for gate in enrollment.version.definition.gates:
        if gate.kind is GateKind.TAX_FORM:
            yield gate


def remind(session: Session, form: TaxForm, *, now: datetime) -> int | None:
    """Remind the partner that a form ends, once 60, 30 and 7 days before.

    Nothing is sent while a newer form waits: the partner has done their part.

    Args:
        session: The session that holds the open transaction.
        form: The form, locked by the caller.
        now: The moment; days are those of UTC.

    Returns:
        Which reminder was sent, by its days; none when none was due.
    """
    if form.status is not FormStatus.ACCEPTED or form.valid_until_on is None:
        return None
    days_left = (form.valid_until_on - now.astimezone(UTC).date()).days
    due = rules.reminder_due(days_left, form.reminded_days)
    if due is None or queries.waiting(session, form.partner_id) is not None:
        return None
    form.reminded_days = due
    emails.send_expiring(session, form, days_left=days_left, now=now)
    return due


def declare_vat(
    session: Session,
    partner_id: UUID,
    *,
    country: str,
    number: str,
    from_on: date,
    user: User,
    remote_address: str,
    now: datetime,
) -> VatDeclaration:
    """Keep what a partner says about VAT from a day on.

    Args:
        session: The session that holds the open transaction.
        partner_id: Who declares.
        country: Where the partner is, or would be, registered.
        number: The VAT number; empty: not registered.
        from_on: The first day.
        user: Who says so.
        remote_address: From where.
        now: The moment.

    Raises:
        Invalid: The country's rules refuse the number.
        NothingChanged: That is what holds already.
    """
    partners.get(session, partner_id, lock=True)  # One declaration after the other.
    try:
        vat = numbers.vat_number(number, country) if number.strip() else None
    except BadNumber as error:
        raise Invalid(
            _("This cannot be a VAT number of this country. Check it."), field="number"
        ) from error
    text = vat.text if vat else ""
    holding = queries.vat_on(session, [partner_id], from_on).get(partner_id)
    if holding is not None and (holding.country, holding.number) == (country, text):
        raise NothingChanged(_("This is what you declared before; nothing changed."))
    declaration = VatDeclaration(
        id=new_id(),
        partner_id=partner_id,
        is_registered=vat is not None,
        country=country,
        number=text,
        is_proven=vat is not None and vat.is_proven,
        from_on=from_on,
        declared_at=now,
        declared_by_id=user.id,
        remote_address=remote_address,
    )
    session.add(declaration)
    audit.record(
        session,
        "partner.vat_declared",
        partner_id,
        actor=user,
        at=now,
        number=text or None,
        country=country,
        since=from_on.isoformat(),
    )
    return declaration
