"""The gates as a list of things to do, in words: for `enrollments/_checklist.html`.

The pages that meet a gate live above this package, so they are known by the names of
their endpoints; one that the portal does not have gets no link.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from flask import url_for
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from portal.enrollments.models import Enrollment
from portal.enrollments.rules import GateStatus
from portal.kit.money import Money
from portal.programs.definition import BY_HAND, Blocks, GateKind
from portal.programs.sentences import team_sentences
from portal.web.formats import date_text, money_text
from portal.web.navigation import link_to

UNLOCKS: Mapping[Blocks, LazyString] = MappingProxyType(
    {
        Blocks.JOIN: _("join the program"),
        Blocks.LINK: _("get your link"),
        Blocks.EARN: _("earn commission"),
        Blocks.PAYOUT: _("get paid"),
    }
)
_PAGES: Mapping[GateKind, str] = MappingProxyType(
    {
        GateKind.CERTIFICATION: "certification.index",
        GateKind.FEE: "fees.index",
        GateKind.TAX_FORM: "tax.index",
        GateKind.PAYOUT_ACCOUNT: "payouts.index",
    }
)
_COUNTED_BY_HAND: Mapping[GateKind, LazyString] = MappingProxyType(
    {
        GateKind.DEALS: _(
            "Your registered deals are not counted here: we look at them and "
            "confirm it."
        ),
        GateKind.CREDENTIAL: _(
            "Exams of others are not known here: we look at your certificates and "
            "confirm it."
        ),
    }
)
"""What is said about facts that the portal does not have."""


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One gate for the macro `task_list`.

    `state` is done, ending (done, but a payment failed), now, todo, check (staff
    confirm it) or missed.
    """

    title: str
    hint: str
    state: str
    url: str | None
    label: str | None = None
    how: str = ""
    """What to do, or what was done: the hint without what follows below."""
    unlocks: str = ""
    """What it is needed for."""
    cost: str | None = None
    """What it costs, with how often; none: nothing."""
    last_day: date | None = None
    """The last day for it, or of what is done; none: nobody knows of one."""


def checklist_items(
    enrollment: Enrollment,
    statuses: Sequence[GateStatus],
    teams: Mapping[str, str] = MappingProxyType({}),
) -> list[ChecklistItem]:
    """Return what is done, what is next, and what each step unlocks, by when.

    Args:
        enrollment: The partner in the program.
        statuses: Its gates, in the program's order.
        teams: Who has it and who still has to, by the key of a gate that asks for
            several people, in words.
    """
    following = next_step(statuses)
    return [
        ChecklistItem(
            title=status.gate.title,
            hint=_hint(enrollment, status, teams.get(status.gate.key, "")),
            state=_state(status, is_next=status is following),
            url=None if status.is_missed else page_of(enrollment, status),
            label=_label(status),
            how=_how(status, teams.get(status.gate.key, "")),
            unlocks=unlocked_by(status),
            cost=_cost(enrollment, status),
            last_day=status.due_on or _last_day(enrollment, status),
        )
        for status in statuses
    ]


def next_step(statuses: Sequence[GateStatus]) -> GateStatus | None:
    """Return the first gate that is not met and still can be, if there is one."""
    return next(
        (status for status in statuses if not (status.is_met or status.is_missed)),
        None,
    )


def page_of(enrollment: Enrollment, status: GateStatus) -> str | None:
    """Return where the partner meets the gate, or reads how they did."""
    kind = status.gate.kind
    if kind is GateKind.AGREEMENT:
        return url_for("agreements.show", enrollment_id=enrollment.id)
    return link_to(_PAGES[kind]) if kind in _PAGES else None


def _state(status: GateStatus, *, is_next: bool) -> str:
    if status.is_met:
        return "ending" if status.in_grace else "done"
    if status.is_missed:
        return "missed"
    if status.gate.kind in BY_HAND:
        return "check"
    return "now" if is_next else "todo"


def _label(status: GateStatus) -> str | None:
    """Return the words of the tag where the state alone does not say them."""
    if status.in_grace and status.last_moment is not None:
        return str(gettext("Done until %(day)s", day=date_text(status.last_moment)))
    return None


def _hint(enrollment: Enrollment, status: GateStatus, team: str) -> str:
    """Return everything about a gate in sentences."""
    gate = status.gate
    parts = [_how(status, team)]
    if not (status.is_met or status.is_missed):
        parts.append(gettext("You need this to: %(what)s.", what=unlocked_by(status)))
        cost = _cost(enrollment, status)
        if cost is not None:
            parts.append(gettext("It costs %(price)s.", price=cost))
        if status.due_on is not None:
            parts.append(_deadline(status, status.due_on))
        if gate.forfeits_after_months is not None:
            parts.append(_forfeits(gate.forfeits_after_months))
    return " ".join(str(part) for part in parts if part)


def _how(status: GateStatus, team: str) -> str:
    """Return what to do, or what was done; not what for, at what price and by when."""
    if status.since is not None:
        return f"{_hint_of_met(status, status.since)} {team}".strip()
    if status.is_missed and status.due_on is not None:
        return str(
            gettext(
                "Missed on %(day)s: that was the last day. It cannot be done any more.",
                day=date_text(status.due_on),
            )
        )
    gate = status.gate
    parts: list[object] = []
    if status.lost_at is not None:
        day = date_text(status.lost_at)
        parts.append(gettext("You had this until %(day)s.", day=day))
    parts += [gate.how, *team_sentences(gate), team, _COUNTED_BY_HAND.get(gate.kind)]
    return " ".join(str(part) for part in parts if part)


def _forfeits(months: int) -> str:
    return str(
        ngettext(
            "A customer's sales earn nothing if it is not done within %(num)d "
            "month of the first one.",
            "A customer's sales earn nothing if it is not done within %(num)d "
            "months of the first one.",
            months,
        )
    )


def unlocked_by(status: GateStatus) -> str:
    """Return what a gate is needed for, in words."""
    return ", ".join(str(UNLOCKS[blocks]) for blocks in status.gate.blocks)


def _cost(enrollment: Enrollment, status: GateStatus) -> str | None:
    """Return what the gate costs at the partner's level, and how often."""
    fee = enrollment.version.definition.fee
    if fee is None or status.gate.kind is not GateKind.FEE:
        return None
    minor = fee.price(enrollment.tier, enrollment.partner.country)
    price = money_text(Money(minor, fee.currency))
    if fee.interval == "year":
        return str(gettext("%(price)s a year", price=price))
    return str(gettext("%(price)s a month", price=price))


def _last_day(enrollment: Enrollment, status: GateStatus) -> date | None:
    if status.last_moment is None:
        return None
    return status.last_moment.astimezone(enrollment.version.definition.zone).date()


def _hint_of_met(status: GateStatus, since: datetime) -> str:
    done = gettext("Done on %(day)s.", day=date_text(since))
    if status.last_moment is None:
        return str(done)
    day = date_text(status.last_moment)
    if status.in_grace:
        failed = gettext(
            "The last payment failed. Pay by %(day)s to keep it.",
            day=day,
        )
        return f"{done} {failed}"
    until = gettext("Holds until %(day)s.", day=day)
    return f"{done} {until}"


def _deadline(status: GateStatus, last_day: date) -> str:
    day = date_text(last_day)
    if status.is_overdue:
        return str(gettext("It was due on %(day)s; do it now.", day=day))
    if status.gate.shuts_at_deadline:
        return str(
            gettext("Do it by %(day)s; after that, it is not possible.", day=day)
        )
    return str(gettext("Do it by %(day)s.", day=day))
