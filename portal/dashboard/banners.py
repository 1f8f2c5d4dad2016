"""The one thing that a partner should know or do now."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString

from portal.accounts.permissions import Permission
from portal.dashboard.queries.home import Standing
from portal.enrollments.models import EnrollmentStatus
from portal.enrollments.rules import GateStatus
from portal.enrollments.steps import next_step, page_of, unlocked_by
from portal.kit.money import Money
from portal.programs.definition import BY_HAND, GateKind
from portal.statements.models import Statement
from portal.tiers.queries import TierView
from portal.tiers.wording import day_of
from portal.web.formats import date_text, month

Allowed = Callable[[str], bool]
_SOON = timedelta(days=30)
"""How long before it something that ends is at the top of the page."""

_WHO_MEETS: Mapping[GateKind, Permission] = MappingProxyType(
    {
        GateKind.AGREEMENT: Permission.AGREEMENT_ACCEPT,
        GateKind.CERTIFICATION: Permission.CERTIFICATION_TAKE,
        GateKind.FEE: Permission.BILLING_PAY,
        GateKind.TAX_FORM: Permission.TAX_SIGN,
        GateKind.PAYOUT_ACCOUNT: Permission.PAYOUT_ACCOUNT_CHANGE,
    }
)
"""What a person needs to meet a gate of this kind; the others are not theirs."""
_BUTTONS: Mapping[GateKind, LazyString] = MappingProxyType(
    {
        GateKind.AGREEMENT: lazy_gettext("Read and accept"),
        GateKind.CERTIFICATION: lazy_gettext("Go to the exam"),
        GateKind.FEE: lazy_gettext("Pay the fee"),
        GateKind.TAX_FORM: lazy_gettext("Fill in the tax form"),
        GateKind.PAYOUT_ACCOUNT: lazy_gettext("Say where you are paid"),
    }
)


@dataclass(frozen=True, slots=True)
class Action:
    """A button; the first of a banner is its main one."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What to show at the top; `tone` as in the macro, `amount` beside the title."""

    title: str
    body: str
    actions: tuple[Action, ...] = ()
    tone: str | None = None
    amount: Money | None = None


def stopped(standings: Sequence[Standing]) -> Banner | None:
    """Return the news that staff paused the partner in a program."""
    for standing in standings:
        if standing.enrollment.status is EnrollmentStatus.SUSPENDED:
            return Banner(
                title=_("%(program)s: paused", program=standing.program_name),
                body=_("We have paused your place in this program. Write to us."),
                tone="bad",
            )
    return None


def unpaid_fee(
    standings: Sequence[Standing], past_due: Collection[UUID], allowed: Allowed
) -> Banner | None:
    """Return the news that the payment of a fee failed."""
    for standing in standings:
        if standing.is_running and standing.enrollment.id in past_due:
            pays = allowed(Permission.BILLING_PAY)
            label = _("Pay now") if pays else _("See the fee")
            return Banner(
                title=_("The payment of your fee failed"),
                body=_(
                    "%(program)s: bring your card up to date, so that you go on "
                    "earning.",
                    program=standing.program_name,
                ),
                actions=(Action(label, url_for("fees.index")),),
                tone="bad",
            )
    return None


def ended(standings: Sequence[Standing]) -> Banner | None:
    """Return the news that a place in a program has ended, if there is no other."""
    if not standings or any(standing.is_running for standing in standings):
        return None
    return Banner(
        title=_("%(program)s: ended", program=standings[0].program_name),
        body=_(
            "Your place in the program has ended. Sales made since then earn nothing. "
            "What you earned before stays yours."
        ),
        tone="bad",
    )


def ends_soon(
    standings: Sequence[Standing], allowed: Allowed, now: datetime
) -> Banner | None:
    """Return what comes to its end first within some weeks, and has to be renewed."""
    found = [
        (status.until, standing, status)
        for standing in standings
        if standing.is_running
        for status in standing.statuses
        if status.until is not None
        and status.until <= now + _SOON
        and not status.renews
        and not status.in_grace
        and _is_theirs(status, allowed)
    ]
    if not found:
        return None
    _until, standing, status = min(found, key=lambda one: one[0])
    address, button = (
        page_of(standing.enrollment, status),
        _BUTTONS.get(status.gate.kind),
    )
    return Banner(
        title=_(
            "“%(gate)s” ends on %(day)s",
            gate=status.gate.title,
            day=date_text(status.last_moment or now),
        ),
        body=_(
            "%(program)s: after that day you cannot %(what)s until it is done again.",
            program=standing.program_name,
            what=unlocked_by(status),
        ),
        actions=(Action(str(button), address),) if address and button else (),
        tone="warn",
    )


def falls_soon(views: Sequence[TierView], now: datetime) -> Banner | None:
    """Return the tier that will be lost on a date, if nothing else happens."""
    for view in views:
        found = view.progress
        if (
            found is not None
            and found.is_waiting_to_fall
            and found.moves_at is not None
            and found.moves_at <= now + _SOON
        ):
            return Banner(
                title=_(
                    "You keep %(level)s until %(day)s",
                    level=found.level.name,
                    day=date_text(day_of(view.definition, found.moves_at)),
                ),
                body=_(
                    "%(program)s: as things stand, you move to %(earned)s then.",
                    program=view.definition.name,
                    earned=found.earned.name,
                ),
                actions=(Action(_("See what is missing"), url_for("tiers.show")),),
                tone="warn",
            )
    return None


def _is_theirs(status: GateStatus, allowed: Allowed) -> bool:
    """Tell whether it is this person who can do something about a gate."""
    permission = _WHO_MEETS.get(status.gate.kind)
    return permission is None or allowed(permission)


def gate_to_meet(standings: Sequence[Standing], allowed: Allowed) -> Banner | None:
    """Return the next step in the first program in which this person can do one."""
    for standing in standings:
        status = next_step(standing.statuses) if standing.is_running else None
        if status is None:
            continue
        if _is_theirs(status, allowed):
            return _of_gate(standing, status)
    return None


def _of_gate(standing: Standing, status: GateStatus) -> Banner:
    address = page_of(standing.enrollment, status)
    body = _("The next step in %(program)s.", program=standing.program_name)
    if status.gate.kind in BY_HAND:
        body += " " + (status.gate.how or _("There is nothing for you to do."))
        body += " " + _("We check this.")
    elif address is None:
        body += " " + _("There is nothing for you to do; we let you know.")
    if status.lost_at is not None:
        day = date_text(status.lost_at)
        body += " " + _("You had this until %(day)s.", day=day)
    if status.due_on is not None:
        body += " " + _("The last day for it: %(day)s.", day=date_text(status.due_on))
    button = _BUTTONS.get(status.gate.kind)
    return Banner(
        title=_("Next: %(gate)s", gate=status.gate.title),
        body=body,
        actions=(Action(str(button), address),) if address and button else (),
        tone="warn" if status.due_on or status.lost_at else None,
    )


def statement_ready(statement: Statement, formats: Sequence[str]) -> Banner:
    """Return the newest statement with its files, the first of them one click away."""
    if statement.pays_on is not None:
        body = _("Payment day: %(day)s.", day=date_text(statement.pays_on))
    else:
        body = _("Every amount on it, and the reason for it.")
    first, *others = (
        Action(
            fmt.upper(),
            url_for("statements.download", statement_id=statement.id, fmt=fmt),
        )
        for fmt in formats
    )
    view = url_for("statements.show", statement_id=statement.id)
    return Banner(
        title=_("%(month)s statement is ready", month=month(statement.starts_on)),
        body=f"{statement.program_name} · {body}",
        actions=(
            Action(_("Download %(format)s", format=first.label), first.url),
            *others,
            Action(_("View"), view),
        ),
        amount=statement.closing,
    )


def tip(*, has_customers: bool, has_link: bool) -> Banner | None:
    """Return what helps a partner on whom nothing else waits; none without a link."""
    if not has_link:
        return None
    links = (Action(_("Go to your links"), url_for("tracking.links")),)
    if has_customers:
        return Banner(
            title=_("Know which of your pages works best"),
            body=_("Make a link for each newsletter or page, and compare them."),
            actions=links,
        )
    return Banner(
        title=_("Pass your link on"),
        body=_("Put it where your clients read: your site, an offer, a newsletter."),
        actions=links,
    )
