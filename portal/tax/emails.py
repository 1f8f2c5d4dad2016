from datetime import datetime

from babel.dates import format_date
from sqlalchemy.orm import Session

from portal.mail import service as mail
from portal.partners import queries as partners
from portal.tax.models import TaxForm


def send_returned(session: Session, form: TaxForm, *, now: datetime) -> None:
    """Say why a form does not count, and where to fill it in again."""
    _send(session, form, "tax/returned", now=now, reason=form.return_reason)


def send_expiring(
    session: Session, form: TaxForm, *, days_left: int, now: datetime
) -> None:
    """Say until when a form is good, and what stops after that."""
    _send(session, form, "tax/expiring", now=now, days_left=days_left)


def _send(
    session: Session,
    form: TaxForm,
    template: str,
    *,
    now: datetime,
    **more: str | int,
) -> None:
    readers = partners.money_readers(session, [form.partner_id])
    for user in readers.get(form.partner_id, ()):
        mail.enqueue(
            session,
            to=user.email,
            template=template,
            locale=user.locale,
            now=now,
            context={
                "name": user.name,
                "form": form.kind.label,
                "last_day": _last_day(form, user.locale),
                "path": "/app/tax",
                **more,
            },
        )


def _last_day(form: TaxForm, locale: str) -> str:
    last_day = form.valid_until_on
    return str(format_date(last_day, locale=locale)) if last_day else ""
