from datetime import date, datetime, timedelta

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.enrollments.models import Enrollment
from portal.fees.models import FeeInvoice, FeeMove, FeeSubscription
from portal.kit.money import Money
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.partners.models import Partner
from portal.web.formats import format_money

Shown = str | bool | date | Money
"""What a mail can tell."""


def send_paid(
    session: Session,
    partner: Partner,
    invoice: FeeInvoice,
    *,
    was_late: bool,
    now: datetime,
) -> None:
    """Send the receipt to the owners; if it was late, say that all is well."""
    _send(session, partner, invoice, "fees/paid", now=now, was_late=was_late)


def send_failed(
    session: Session,
    partner: Partner,
    invoice: FeeInvoice,
    *,
    stops_at: datetime,
    now: datetime,
) -> None:
    """Say that a payment failed, and when what stops, or that it has stopped."""
    _send(
        session,
        partner,
        invoice,
        "fees/failed",
        now=now,
        stops_at=stops_at.date(),
        is_over=stops_at <= now,
    )


def send_paid_twice(
    session: Session, partner: Partner, subscription: FeeSubscription, *, now: datetime
) -> None:
    """Say that the fee was paid twice, and that the second payment comes back."""
    _send(session, partner, subscription, "fees/paid_twice", now=now)


def send_moved(
    session: Session,
    partner: Partner,
    subscription: FeeSubscription,
    move: FeeMove,
    *,
    now: datetime,
) -> None:
    """Say that the fee has another price now, and how the difference is settled."""
    _send(
        session,
        partner,
        subscription,
        "fees/moved",
        now=now,
        before=Money(move.from_minor, move.currency),
        is_dearer=move.to_minor > move.from_minor,
        interval=subscription.interval,
    )


def send_waived(
    session: Session,
    enrollment: Enrollment,
    *,
    reason: str,
    until_at: datetime,
    now: datetime,
) -> None:
    """Say that the fee is waived, until when, and why."""
    last_on = (until_at - timedelta.resolution).astimezone(
        enrollment.version.definition.zone
    )
    for owner in partners.owners(session, enrollment.partner_id):
        mail.enqueue(
            session,
            to=owner.email,
            template="fees/waived",
            locale=owner.locale,
            now=now,
            context={
                "name": owner.name,
                "partner": enrollment.partner.name,
                "program": enrollment.version.definition.name,
                "reason": reason,
                "last_on": _shown(last_on.date(), owner.locale),
                "path": "/app/billing",
            },
        )


def _send(
    session: Session,
    partner: Partner,
    about: FeeInvoice | FeeSubscription,
    template: str,
    *,
    now: datetime,
    **more: Shown,
) -> None:
    for owner in partners.owners(session, partner.id):
        mail.enqueue(
            session,
            to=owner.email,
            template=template,
            locale=owner.locale,
            now=now,
            context={
                "name": owner.name,
                "partner": partner.name,
                "number": about.number if isinstance(about, FeeInvoice) else "",
                "amount": format_money(about.amount, owner.locale),
                "path": "/app/billing",
                **{name: _shown(value, owner.locale) for name, value in more.items()},
            },
        )


def _shown(value: Shown, locale: str) -> str | bool:
    """Return a fact as the template takes it: money and days in the reader's words."""
    if isinstance(value, Money):
        return format_money(value, locale)
    if isinstance(value, date):
        return format_date(value, "long", locale=locale)
    return value
