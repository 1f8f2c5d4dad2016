"""What to look at before a month is closed."""

from collections.abc import Iterator
from datetime import datetime

import flask_babel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.adjustments import queries as adjustments
from portal.attribution import queries as attribution
from portal.commissions.calculation.facts import Outcome
from portal.commissions.models import Commission
from portal.kit.money import Money
from portal.payments.models import InboxEvent, InboxStatus
from portal.programs.models import ProgramVersion
from portal.sales.models import Sale
from portal.statements import queries
from portal.statements.models import Period
from portal.statements.rules import Check, Severity
from portal.statements.service.preview import Preview, preview
from portal.web.formats import money_text

_ = flask_babel.gettext
ngettext = flask_babel.ngettext


def check(
    session: Session,
    period: Period,
    now: datetime,
    *,
    withholds_us_tax: bool = False,
) -> list[Check]:
    """Return what was looked at before a close, and what was found.

    Nothing is written. A month can be closed when no check stops it and every
    warning is answered with a note.
    """
    figures = preview(session, period, withholds_us_tax=withholds_us_tax)
    return [
        _is_over(period, now),
        _earlier_months(session, period),
        *_events(session, period),
        *_credits(session, period),
        *_other_currency(session, period),
        *_adjustments(session, period),
        _negative_balances(figures),
        _new_terms(session, period),
    ]


def _is_over(period: Period, now: datetime) -> Check:
    if now < period.ends_at:
        return Check(
            key="month_over",
            severity=Severity.STOP,
            text=_("The month is not over."),
            detail=_("Close it from %(day)s on.", day=f"{period.ends_at:%Y-%m-%d}"),
        )
    return Check(key="month_over", severity=Severity.FINE, text=_("The month is over."))


def _earlier_months(session: Session, period: Period) -> Check:
    earlier = queries.unclosed_before(session, period)
    if earlier:
        return Check(
            key="earlier_months",
            severity=Severity.STOP,
            text=_(
                "An earlier month is not closed: %(month)s.", month=earlier[0].label
            ),
            detail=_("Close the months one after the other."),
        )
    return Check(
        key="earlier_months",
        severity=Severity.FINE,
        text=_("All earlier months are closed."),
    )


def _events(session: Session, period: Period) -> Iterator[Check]:
    counts = dict(
        session.execute(
            select(InboxEvent.status, func.count())
            .where(
                InboxEvent.occurred_at < period.ends_at,
                InboxEvent.status.in_(
                    [InboxStatus.RECEIVED, InboxStatus.FAILED, InboxStatus.PARKED]
                ),
            )
            .group_by(InboxEvent.status)
        ).all()
    )
    waiting = counts.get(InboxStatus.RECEIVED, 0)
    failed = counts.get(InboxStatus.FAILED, 0)
    parked = counts.get(InboxStatus.PARKED, 0)
    if waiting:
        yield Check(
            key="events_waiting",
            severity=Severity.STOP,
            text=ngettext(
                "%(num)d Stripe event is not handled yet.",
                "%(num)d Stripe events are not handled yet.",
                waiting,
            ),
            detail=_("Wait a minute; is the worker running?"),
        )
    if failed:
        yield Check(
            key="events_failed",
            severity=Severity.STOP,
            text=ngettext(
                "%(num)d Stripe event failed.", "%(num)d Stripe events failed.", failed
            ),
            detail=_("Look at it under Events and try it again."),
        )
    if not waiting and not failed:
        yield Check(
            key="events",
            severity=Severity.FINE,
            text=_("Every Stripe event of the month is handled."),
        )
    if parked:
        yield Check(
            key="events_parked",
            severity=Severity.WARNING,
            text=ngettext(
                "%(num)d Stripe event waits for something that has not arrived.",
                "%(num)d Stripe events wait for something that has not arrived.",
                parked,
            ),
            detail=_("What it changes goes on the next statement."),
        )


def _credits(session: Session, period: Period) -> Iterator[Check]:
    waiting = len(attribution.undecided(session, seen_before=period.ends_at))
    if waiting:
        yield Check(
            key="credits_waiting",
            severity=Severity.STOP,
            text=ngettext(
                "For %(num)d customer it is not decided yet who gets the credit.",
                "For %(num)d customers it is not decided yet who gets the credit.",
                waiting,
            ),
            detail=_("Wait a minute; is the worker running?"),
        )


def _other_currency(session: Session, period: Period) -> Iterator[Check]:
    unrated = select(Commission.sale_id).where(
        Commission.program_id == period.program_id,
        Commission.frozen_at.is_(None),
        Commission.clears_at < period.ends_at,
        Commission.trace["outcome"].as_string() == Outcome.OTHER_CURRENCY,
    )
    rows = session.execute(
        select(Sale.currency, func.count(), func.sum(Sale.net_minor))
        .where(Sale.id.in_(unrated))
        .group_by(Sale.currency)
        .order_by(Sale.currency)
    ).all()
    for currency, count, total in rows:
        yield Check(
            key=f"other_currency_{currency.lower()}",
            severity=Severity.WARNING,
            text=ngettext(
                "%(num)d sale was not rated because it was paid in another currency.",
                "%(num)d sales were not rated because they were paid in another "
                "currency.",
                count,
            ),
            detail=money_text(Money(int(total), currency)),
        )


def _adjustments(session: Session, period: Period) -> Iterator[Check]:
    waiting = adjustments.waiting_in(session, period.program_id)
    if waiting:
        yield Check(
            key="adjustments_waiting",
            severity=Severity.WARNING,
            text=ngettext(
                "%(num)d adjustment waits for a second person.",
                "%(num)d adjustments wait for a second person.",
                waiting,
            ),
            detail=_("What is approved after the close goes on the next statement."),
        )


def _negative_balances(figures: Preview) -> Check:
    below = figures.negative
    if not below:
        return Check(
            key="negative_balances",
            severity=Severity.FINE,
            text=_("No balance is below zero."),
        )
    total = sum(row.totals.closing for row in below)
    return Check(
        key="negative_balances",
        severity=Severity.WARNING,
        text=ngettext(
            "%(num)d balance is below zero: %(total)s.",
            "%(num)d balances are below zero: %(total)s.",
            len(below),
            total=money_text(Money(total, figures.currency)),
        ),
        detail=_("It is carried to the next statement."),
    )


def _new_terms(session: Session, period: Period) -> Check:
    numbers = session.scalars(
        select(ProgramVersion.number)
        .where(
            ProgramVersion.program_id == period.program_id,
            ProgramVersion.effective_from >= period.starts_at,
            ProgramVersion.effective_from < period.ends_at,
            ProgramVersion.number > 1,
        )
        .order_by(ProgramVersion.number)
    ).all()
    if not numbers:
        return Check(
            key="new_terms",
            severity=Severity.FINE,
            text=_("The terms did not change in the month."),
        )
    return Check(
        key="new_terms",
        severity=Severity.NOTE,
        text=_(
            "New terms began in the month: version %(numbers)s.",
            numbers=", ".join(str(number) for number in numbers),
        ),
    )
