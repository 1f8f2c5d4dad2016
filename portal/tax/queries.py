from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload

from portal.enrollments.models import Enrollment
from portal.kit.errors import NotFound
from portal.partners.models import Partner
from portal.tax import rules
from portal.tax.models import (
    TaxForm,
    TaxFormSecret,
    VatDeclaration,
    counts_as_us_person,
)
from portal.tax.rules import FormFacts, FormStatus

_WITH = (
    joinedload(TaxForm.partner),
    joinedload(TaxForm.submitted_by),
    joinedload(TaxForm.decided_by),
)


def get(
    session: Session,
    form_id: UUID,
    *,
    partner_id: UUID | None = None,
    lock: bool = False,
) -> TaxForm:
    """Return one form with its partner and the people who signed and decided.

    Args:
        session: The session to read from.
        form_id: Which one.
        partner_id: Whose it must be; partner views always pass it.
        lock: Hold the row until the transaction ends; pass it before deciding.

    Raises:
        NotFound: There is none, or it is another partner's.
    """
    query = select(TaxForm).where(TaxForm.id == form_id).options(*_WITH)
    if partner_id is not None:
        query = query.where(TaxForm.partner_id == partner_id)
    if lock:
        query = query.with_for_update(of=TaxForm).execution_options(
            populate_existing=True
        )
    form = session.scalar(query)
    if form is None:
        raise NotFound(_("There is no such tax form."))
    return form


def of_partner(session: Session, partner_id: UUID) -> Sequence[TaxForm]:
    """Return all that the partner sent, newest first."""
    return session.scalars(
        select(TaxForm)
        .where(TaxForm.partner_id == partner_id)
        .options(*_WITH)
        .order_by(TaxForm.version.desc())
    ).all()


def accepted(session: Session, partner_id: UUID) -> TaxForm | None:
    """Return the partner's form that counts, if there is one; it may be expired."""
    return session.scalar(
        select(TaxForm).where(
            TaxForm.partner_id == partner_id, TaxForm.status == FormStatus.ACCEPTED
        )
    )


def accepted_of(
    session: Session, partner_ids: Collection[UUID]
) -> Mapping[UUID, TaxForm]:
    """Return the form that counts of each partner that has one; it may be expired."""
    rows = session.scalars(
        select(TaxForm).where(
            TaxForm.partner_id.in_(partner_ids), TaxForm.status == FormStatus.ACCEPTED
        )
    )
    return {form.partner_id: form for form in rows}


def waiting(session: Session, partner_id: UUID) -> TaxForm | None:
    """Return the partner's form that staff have to look at, if there is one."""
    return session.scalar(
        select(TaxForm).where(
            TaxForm.partner_id == partner_id, TaxForm.status == FormStatus.SUBMITTED
        )
    )


def newest_version(session: Session, partner_id: UUID) -> int:
    """Return the number of the partner's newest form; 0 without any."""
    newest = session.scalar(
        select(func.max(TaxForm.version)).where(TaxForm.partner_id == partner_id)
    )
    return newest or 0


def for_staff(
    session: Session, status: FormStatus | None, *, limit: int
) -> Sequence[TaxForm]:
    """Return the forms of all partners; those that wait, oldest first."""
    order = (
        (TaxForm.submitted_at, TaxForm.id)
        if status is FormStatus.SUBMITTED
        else (TaxForm.submitted_at.desc(), TaxForm.id.desc())
    )
    query = select(TaxForm).options(*_WITH).order_by(*order).limit(limit)
    return session.scalars(
        query.where(TaxForm.status == status) if status else query
    ).all()


def counts(session: Session) -> dict[FormStatus, int]:
    """Return how many forms there are of each status."""
    found: dict[FormStatus, int] = dict(
        session.execute(
            select(TaxForm.status, func.count()).group_by(TaxForm.status)
        ).all()
    )
    return found


def secret(session: Session, form_id: UUID) -> str | None:
    """Return the sealed part of a form; none when it was erased."""
    return session.scalar(
        select(TaxFormSecret.sealed).where(TaxFormSecret.form_id == form_id)
    )


def secrets(
    session: Session, after: UUID | None, *, limit: int
) -> Sequence[TaxFormSecret]:
    """Return some sealed parts in the order of their ids, locked."""
    query = select(TaxFormSecret).order_by(TaxFormSecret.form_id).limit(limit)
    if after is not None:
        query = query.where(TaxFormSecret.form_id > after)
    return session.scalars(query.with_for_update()).all()


def ending(session: Session, *, since: date, until: date) -> Sequence[UUID]:
    """Return the accepted forms whose last day lies in these days, soonest first."""
    return session.scalars(
        select(TaxForm.id)
        .where(
            TaxForm.status == FormStatus.ACCEPTED,
            TaxForm.valid_until_on.between(since, until),
        )
        .order_by(TaxForm.valid_until_on, TaxForm.id)
    ).all()


def joined_with_form(session: Session, *, since: datetime) -> Sequence[UUID]:
    """Return the partners with a form that counts who joined a program lately."""
    return session.scalars(
        select(Enrollment.partner_id)
        .join(TaxForm, TaxForm.partner_id == Enrollment.partner_id)
        .where(Enrollment.joined_at >= since, TaxForm.status == FormStatus.ACCEPTED)
        .distinct()
        .order_by(Enrollment.partner_id)
    ).all()


@dataclass(frozen=True, slots=True)
class Payee:
    """What is known of a partner that decides about US tax."""

    form: FormFacts | None
    is_us_person: bool
    is_corporation: bool = False

    def withholding(self, on: date) -> rules.Withholding:
        """Return what has to be withheld from a payment on that day."""
        return rules.withholding(self.form, is_us_person=self.is_us_person, on=on)


def payees(session: Session, partner_ids: Collection[UUID]) -> Mapping[UUID, Payee]:
    """Return each partner as a payee, in two statements however many there are.

    A partner without an accepted form counts as a US person if registered in the US.
    """
    forms = accepted_of(session, partner_ids)
    partners = session.scalars(select(Partner).where(Partner.id.in_(partner_ids)))
    return {partner.id: _payee(partner, forms.get(partner.id)) for partner in partners}


def _payee(partner: Partner, form: TaxForm | None) -> Payee:
    if form is None:
        return Payee(None, is_us_person=counts_as_us_person(partner))
    return Payee(form.facts, form.is_us_person, form.is_corporation)


def vat_history(session: Session, partner_id: UUID) -> Sequence[VatDeclaration]:
    """Return what the partner declared about VAT, the latest beginning first."""
    return session.scalars(
        select(VatDeclaration)
        .where(VatDeclaration.partner_id == partner_id)
        .options(joinedload(VatDeclaration.declared_by))
        .order_by(
            VatDeclaration.from_on.desc(),
            VatDeclaration.declared_at.desc(),
            VatDeclaration.id.desc(),
        )
    ).all()


def vat_on(
    session: Session, partner_ids: Collection[UUID], on: date
) -> Mapping[UUID, VatDeclaration]:
    """Return what holds for each partner's VAT on a day; none declared, no entry."""
    rows = session.scalars(
        select(VatDeclaration)
        .ext(distinct_on(VatDeclaration.partner_id))
        .where(VatDeclaration.partner_id.in_(partner_ids), VatDeclaration.from_on <= on)
        .order_by(
            VatDeclaration.partner_id,
            VatDeclaration.from_on.desc(),
            VatDeclaration.declared_at.desc(),
            VatDeclaration.id.desc(),
        )
    )
    return {row.partner_id: row for row in rows}
