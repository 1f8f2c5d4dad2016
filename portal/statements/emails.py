from collections.abc import Sequence
from datetime import datetime, timedelta

from babel import Locale
from babel.dates import format_date, format_skeleton
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.mail import service as mail
from portal.partners import queries as partners
from portal.statements.models import Statement
from portal.statements.rules import Payment
from portal.web.formats import format_money

_UNDO_TIME = timedelta(minutes=30)


def send_statements(
    session: Session, statements: Sequence[Statement], *, now: datetime
) -> None:
    """Tell the partners that their statements are ready, and when money comes.

    Goes to the people of each partner who look after money, half an hour later, so
    that a mistake seen at once can be announced first.
    """
    readers = partners.money_readers(session, {row.partner_id for row in statements})
    for statement in statements:
        is_held = statement.payment is Payment.HELD
        for user in readers.get(statement.partner_id, ()):
            mail.enqueue(
                session,
                to=user.email,
                template="statements/held" if is_held else "statements/ready",
                locale=user.locale,
                now=now,
                hold_until=now + _UNDO_TIME,
                context=_context(statement, user),
            )


def send_reversals(
    session: Session, reversals: Sequence[Statement], *, now: datetime
) -> None:
    """Tell the partners that their statements are taken back, and what follows.

    A mail about the former statement that has not left yet goes out all the same: it
    names a number that both mails explain.
    """
    readers = partners.money_readers(session, {row.partner_id for row in reversals})
    for statement in reversals:
        for user in readers.get(statement.partner_id, ()):
            mail.enqueue(
                session,
                to=user.email,
                template="statements/reversed",
                locale=user.locale,
                now=now,
                context={
                    **_context(statement, user),
                    "former": statement.refers_to,
                    "path": "/app/statements",
                },
            )


def _context(statement: Statement, user: User) -> dict[str, str]:
    language = Locale.parse(user.locale)
    return {
        "name": user.name,
        "number": statement.number,
        "program": statement.program_name,
        "month": str(format_skeleton("yMMMM", statement.starts_on, locale=language)),
        "closing": format_money(statement.closing, language),
        "pays_on": format_date(statement.pays_on, locale=language)
        if statement.pays_on
        else "",
        "payment": statement.payment.value,
        "gate": statement.payment_gate,
        "path": f"/app/statements/{statement.public_id}",
    }
