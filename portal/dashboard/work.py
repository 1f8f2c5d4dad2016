"""The staff's inbox: pieces of work from every queue, as one sorted list."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.accounts.permissions import Permission
from portal.adjustments import queries as adjustments
from portal.adjustments.models import AdjustmentStatus
from portal.applications import queries as applications
from portal.applications.models import ApplicationStatus
from portal.dashboard.queries import inbox
from portal.dashboard.rules import urgency
from portal.kit.clock import day_start
from portal.payments.models import InboxStatus
from portal.programs.definition import ProgramDefinition
from portal.programs.rules import payout_date
from portal.statements.models import Period, PeriodStatus
from portal.threads import queries as threads
from portal.web.formats import month

Allowed = Callable[[str], bool]

SHOWN = inbox.SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """One thing that waits for a person.

    Attributes:
        kind: Its queue in a word or two.
        title: What it is.
        why: Why it is here.
        since: Since when it waits.
        due_at: By when somebody should have acted; none when nobody promised a day.
        button: What to do.
        url: Where.
        icon: The icon of its queue.
        more: How many others a line stands for; 0 for a thing of its own.
    """

    kind: str
    title: str
    why: str
    since: datetime
    due_at: datetime | None
    button: str
    url: str
    icon: str
    more: int = 0

    def is_overdue(self, now: datetime) -> bool:
        """Tell whether its day has passed."""
        return self.due_at is not None and self.due_at < now


def waiting(
    session: Session,
    definitions: Mapping[UUID, ProgramDefinition],
    periods: Mapping[UUID, Period],
    *,
    allowed: Allowed,
    now: datetime,
) -> list[WorkItem]:
    """Return everything that waits and that this person may see, overdue first.

    Args:
        session: The session to read from.
        definitions: The program in force, by program.
        periods: Each program's earliest month that is not closed.
        allowed: What this person may.
        now: The moment.
    """
    items: list[WorkItem] = []
    if allowed(Permission.APPLICATIONS_READ):
        items += _applications(session, may_decide=allowed(_REVIEW))
    if allowed(Permission.PERIODS_READ):
        items += _periods(definitions, periods, now, may_close=allowed(_CLOSE))
    if allowed(Permission.ADJUSTMENTS_PROPOSE):
        items += _adjustments(session)
    if allowed(Permission.THREADS_ANSWER):
        items += _threads(session)
    if allowed(Permission.EVENTS_READ):
        items += _events(session)
    if allowed(Permission.MAIL_READ):
        items += _mails(session)
    if allowed(Permission.FEES_READ):
        items += _fees(session)
    # A line that stands for many others comes after all single pieces.
    return sorted(
        items, key=lambda item: (bool(item.more), *_place(item, now), item.title)
    )


_REVIEW = Permission.APPLICATIONS_REVIEW
_CLOSE = Permission.PERIODS_CLOSE


def _place(item: WorkItem, now: datetime) -> tuple[bool, datetime]:
    return urgency(item.due_at, item.since, now=now)


def _applications(session: Session, *, may_decide: bool) -> Iterator[WorkItem]:
    rows = applications.awaiting_review(session, SHOWN)
    total = applications.counts(session)[ApplicationStatus.SUBMITTED]
    for row in rows:
        yield WorkItem(
            kind=_("Application"),
            title=row.company or row.email,
            why=_("Wants to join %(program)s", program=row.definition.name),
            since=row.submitted_at or row.created_at,
            due_at=row.answer_by,
            button=_("Review") if may_decide else _("Open"),
            url=url_for("applications_admin.show", application_id=row.id),
            icon="handshake",
        )
    if total > len(rows):
        more = total - len(rows)
        yield WorkItem(
            kind=_("Application"),
            title=ngettext(
                "%(num)s more application", "%(num)s more applications", more
            ),
            why=_("They are due later than those above"),
            since=rows[-1].submitted_at or rows[-1].created_at,
            due_at=None,
            button=_("See all"),
            url=url_for("applications_admin.queue"),
            icon="handshake",
            more=more,
        )


def _periods(
    definitions: Mapping[UUID, ProgramDefinition],
    periods: Mapping[UUID, Period],
    now: datetime,
    *,
    may_close: bool,
) -> Iterator[WorkItem]:
    for program_id, period in periods.items():
        definition = definitions[program_id]
        is_over = period.status is PeriodStatus.OPEN and period.ends_at <= now
        is_stuck = (
            period.status is PeriodStatus.CLOSING
            and period.close_began_at is not None
            and period.close_began_at + inbox.SLOW_CLOSE <= now
        )
        if not is_over and not is_stuck:
            continue
        names = {"month": month(period.first_day), "program": definition.name}
        pays_on = payout_date(definition, period.last_day)
        yield WorkItem(
            kind=_("Month"),
            title=_("%(program)s: %(month)s", **names),
            why=_("The month is over and can be closed")
            if is_over
            else _("The close began and has not come to its end"),
            since=period.ends_at,
            due_at=day_start(pays_on, definition.zone),
            button=_("Close") if is_over and may_close else _("Open"),
            url=url_for("statements_admin.period", period_id=period.id),
            icon="calendar",
        )


def _adjustments(session: Session) -> Iterator[WorkItem]:
    found = adjustments.waiting(session)
    if found:
        yield WorkItem(
            kind=_("Adjustment"),
            title=ngettext(
                "%(num)s adjustment waits", "%(num)s adjustments wait", found.count
            ),
            why=_("A second person must decide"),
            since=found.since,
            due_at=None,
            button=_("Decide"),
            url=url_for(
                "adjustments_admin.index", state=AdjustmentStatus.PROPOSED.value
            ),
            icon="coins",
        )


def _threads(session: Session) -> Iterator[WorkItem]:
    rows, total = threads.waiting(session, SHOWN)
    for row in rows:
        yield WorkItem(
            kind=_("Question"),
            title=row.statement.partner_name,
            why=_("Asks about statement %(number)s", number=row.statement.number),
            since=row.spoke_at,
            due_at=None,
            button=_("Answer"),
            url=url_for("threads_admin.show", thread_id=row.id),
            icon="inbox",
        )
    if total > len(rows):
        more = total - len(rows)
        yield WorkItem(
            kind=_("Question"),
            title=ngettext("%(num)s more question", "%(num)s more questions", more),
            why=_("They came later than those above"),
            since=rows[-1].spoke_at,
            due_at=None,
            button=_("See all"),
            url=url_for("threads_admin.index"),
            icon="inbox",
            more=more,
        )


def _events(session: Session) -> Iterator[WorkItem]:
    rows, total = inbox.stuck_events(session)
    for row in rows:
        failed = row.status is InboxStatus.FAILED
        yield WorkItem(
            kind=_("Stripe event"),
            title=row.type,
            why=_("Failed: %(note)s", note=row.note)
            if failed
            else _("Waits for %(object)s", object=row.parked_for or row.note),
            since=row.received_at,
            due_at=None,
            button=_("Open"),
            url=url_for("webhooks_admin.event", event_id=row.id),
            icon="bolt",
        )
    if total > len(rows):
        more = total - len(rows)
        yield WorkItem(
            kind=_("Stripe event"),
            title=ngettext("%(num)s more event", "%(num)s more events", more),
            why=_("They failed, or wait for something"),
            since=rows[-1].received_at,
            due_at=None,
            button=_("See all"),
            url=url_for("webhooks_admin.index"),
            icon="bolt",
            more=more,
        )


def _mails(session: Session) -> Iterator[WorkItem]:
    rows, total = inbox.failed_mails(session)
    for row in rows:
        yield WorkItem(
            kind=_("E-mail"),
            title=row.to,
            why=_("Not delivered: %(error)s", error=row.last_error or row.template),
            since=row.queued_at,
            due_at=None,
            button=_("Open"),
            url=url_for("mail_admin.detail", email_id=row.id),
            icon="mail",
        )
    if total > len(rows):
        more = total - len(rows)
        yield WorkItem(
            kind=_("E-mail"),
            title=ngettext("%(num)s more mail", "%(num)s more mails", more),
            why=_("They could not be delivered"),
            since=rows[-1].queued_at,
            due_at=None,
            button=_("See all"),
            url=url_for("mail_admin.index", status="failed"),
            icon="mail",
            more=more,
        )


def _fees(session: Session) -> Iterator[WorkItem]:
    rows, total = inbox.fees_past_due(session)
    for row in rows:
        definition = row.enrollment.version.definition
        failed_at = row.renewal_failed_at
        grace = timedelta(days=definition.fee.grace_days if definition.fee else 0)
        yield WorkItem(
            kind=_("Fee"),
            title=row.enrollment.partner.name,
            why=_("The fee for %(program)s is past due", program=definition.name),
            since=failed_at,
            due_at=failed_at + grace,
            button=_("Open"),
            url=url_for(
                "dashboard_admin.partner",
                partner_id=row.enrollment.partner_id,
                tab="fees",
            ),
            icon="card",
        )
    if total > len(rows):
        more = total - len(rows)
        yield WorkItem(
            kind=_("Fee"),
            title=ngettext("%(num)s more fee", "%(num)s more fees", more),
            why=_("They are past due"),
            since=rows[-1].renewal_failed_at,
            due_at=None,
            button=_("See all"),
            url=url_for("fees_admin.index", status="past_due"),
            icon="card",
            more=more,
        )
