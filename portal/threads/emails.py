from collections.abc import Iterable
from datetime import datetime

from babel import Locale
from sqlalchemy.orm import Session

from portal.accounts import queries as accounts
from portal.accounts.models import User
from portal.accounts.permissions import GRANTS, Permission, Role
from portal.adjustments.models import Adjustment
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.threads.models import Thread
from portal.web.formats import format_money

_WORKSPACE = "/app/questions"
_STAFF = "/admin/questions"


def asked(session: Session, thread: Thread, text: str, *, now: datetime) -> None:
    """Tell finance what a partner wrote; the admins where there is no finance."""
    people = [user for user in accounts.staff(session) if user.is_active]
    finance = [user for user in people if user.role is Role.FINANCE] or [
        user for user in people if Permission.THREADS_ANSWER in GRANTS[user.role]
    ]
    _tell(
        session,
        finance,
        "threads/asked",
        thread,
        now=now,
        path=f"{_STAFF}/{thread.public_id}",
        text=text,
    )


def answered(session: Session, thread: Thread, text: str, *, now: datetime) -> None:
    """Tell the partner's people who look after money what finance answered."""
    _tell(
        session,
        _readers(session, thread),
        "threads/answered",
        thread,
        now=now,
        path=f"{_WORKSPACE}/{thread.public_id}",
        text=text,
    )


def adjusted(
    session: Session, thread: Thread, adjustment: Adjustment, *, now: datetime
) -> None:
    """Tell the partner that the balance changes because of what they asked."""
    for user in _readers(session, thread):
        amount = format_money(adjustment.amount, Locale.parse(user.locale))
        _tell(
            session,
            [user],
            "threads/adjusted",
            thread,
            now=now,
            path=f"{_WORKSPACE}/{thread.public_id}",
            amount=amount,
            note=adjustment.note,
        )


def _readers(session: Session, thread: Thread) -> list[User]:
    partner_id = thread.statement.partner_id
    return partners.money_readers(session, {partner_id}).get(partner_id, [])


def _tell(
    session: Session,
    users: Iterable[User],
    template: str,
    thread: Thread,
    *,
    now: datetime,
    **facts: str,
) -> None:
    for user in users:
        mail.enqueue(
            session,
            to=user.email,
            template=template,
            context={
                "name": user.name,
                "partner": thread.statement.partner_name,
                "number": thread.statement.number,
                "line": thread.line.what if thread.line else "",
                **facts,
            },
            now=now,
            locale=user.locale,
        )
