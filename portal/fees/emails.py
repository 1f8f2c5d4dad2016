from datetime import datetime

from sqlalchemy.orm import Session

from portal.fees.models import FeeInvoice, FeeMove, FeeSubscription
from portal.kit.money import Money
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.partners.models import Partner
from portal.web.formats import format_money


def send_paid(
    session: Session, partner: Partner, invoice: FeeInvoice, *, now: datetime
) -> None:
    """Send the receipt to the partner's owners."""
    _send(session, partner, invoice, "fees/paid", now=now)


def send_failed(
    session: Session,
    partner: Partner,
    invoice: FeeInvoice,
    *,
    grace_until: datetime,
    now: datetime,
) -> None:
    """Say that a renewal failed, and until when nothing changes."""
    _send(
        session,
        partner,
        invoice,
        "fees/failed",
        now=now,
        grace_until=grace_until.date().isoformat(),
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


def _send(
    session: Session,
    partner: Partner,
    about: FeeInvoice | FeeSubscription,
    template: str,
    *,
    now: datetime,
    **more: str | bool | Money,
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
                **{
                    name: format_money(value, owner.locale)
                    if isinstance(value, Money)
                    else value
                    for name, value in more.items()
                },
            },
        )
