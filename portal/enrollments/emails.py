from datetime import datetime

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments.models import Enrollment
from portal.enrollments.notices import Notice, NoticeKind
from portal.enrollments.rules import GateStatus
from portal.kit.money import Money
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.programs.definition import Fee, GateKind
from portal.web.formats import format_money

_PATHS = {
    GateKind.CERTIFICATION: "/app/certifications",
    GateKind.FEE: "/app/billing",
    GateKind.TAX_FORM: "/app/tax",
    GateKind.PAYOUT_ACCOUNT: "/app/payouts",
}


def send_warning(
    session: Session,
    enrollment: Enrollment,
    notice: Notice,
    status: GateStatus,
    *,
    now: datetime,
) -> None:
    """Say what comes to its end when, what stops then, and what to do."""
    today = now.astimezone(enrollment.version.definition.zone).date()
    _send(
        session,
        enrollment,
        notice,
        status,
        "enrollments/gate_warning",
        now=now,
        days_left=(notice.last_day - today).days,
    )


def send_shut(
    session: Session,
    enrollment: Enrollment,
    notice: Notice,
    status: GateStatus,
    *,
    was_taken: bool,
    now: datetime,
) -> None:
    """Say what is shut since when and why, and what to do.

    `was_taken`: it did not come to its end by itself.
    """
    _send(
        session,
        enrollment,
        notice,
        status,
        "enrollments/gate_shut",
        now=now,
        was_taken=was_taken,
    )


def _send(
    session: Session,
    enrollment: Enrollment,
    notice: Notice,
    status: GateStatus,
    template: str,
    *,
    now: datetime,
    **more: int | bool,
) -> None:
    definition = enrollment.version.definition
    gate = status.gate
    fee = definition.fee if gate.kind is GateKind.FEE else None
    for owner in partners.owners(session, enrollment.partner_id):
        mail.enqueue(
            session,
            to=owner.email,
            template=template,
            locale=owner.locale,
            now=now,
            context={
                "name": owner.name,
                "partner": enrollment.partner.name,
                "program": definition.name,
                "gate": gate.title,
                "how": gate.how,
                "kind": gate.kind.value,
                "blocks": [one.value for one in gate.blocks],
                "sales": gate.sales_while_unmet.value,
                "about": notice.kind.value,
                "day": _day(notice, owner),
                "is_final": notice.kind is not NoticeKind.SHUT
                and notice.kind is not NoticeKind.EXPIRY
                and gate.shuts_at_deadline,
                "price": _price(fee, enrollment, owner),
                "interval": fee.interval if fee else None,
                "path": _path(enrollment, gate.kind),
                **more,
            },
        )


def _day(notice: Notice, owner: User) -> str:
    return format_date(notice.last_day, "long", locale=owner.locale)


def _price(fee: Fee | None, enrollment: Enrollment, owner: User) -> str | None:
    if fee is None:
        return None
    minor = fee.price(enrollment.tier, enrollment.partner.country)
    return format_money(Money(minor, fee.currency), owner.locale)


def _path(enrollment: Enrollment, kind: GateKind) -> str:
    if kind is GateKind.AGREEMENT:
        return f"/app/programs/{enrollment.public_id}/agreement"
    return _PATHS.get(kind, "/app/programs")
