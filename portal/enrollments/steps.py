"""The gates as a list of things to do, in words: for `enrollments/_checklist.html`.

The pages that meet a gate live above this package, so they are known by the names of
their endpoints; one that the portal does not have gets no link.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from flask import url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from portal.enrollments.models import Enrollment
from portal.enrollments.rules import GateStatus
from portal.programs.definition import Blocks, GateKind
from portal.web.formats import date_text
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
    {GateKind.CERTIFICATION: "certification.index", GateKind.FEE: "fees.index"}
)


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One gate for the macro `task_list`; `state` is done, now or todo."""

    title: str
    hint: str
    state: str
    url: str | None
    label: str | None = None


def checklist_items(
    enrollment: Enrollment, statuses: Sequence[GateStatus]
) -> list[ChecklistItem]:
    """Return what is done, what is next, and what each step unlocks, by when."""
    following = next_step(statuses)
    return [
        ChecklistItem(
            title=status.gate.title,
            hint=_hint(status),
            state=_state(status, is_next=status is following),
            url=page_of(enrollment, status),
        )
        for status in statuses
    ]


def next_step(statuses: Sequence[GateStatus]) -> GateStatus | None:
    """Return the first gate that is not met, if there is one."""
    return next((status for status in statuses if not status.is_met), None)


def page_of(enrollment: Enrollment, status: GateStatus) -> str | None:
    """Return where the partner meets the gate, or reads how they did."""
    kind = status.gate.kind
    if kind is GateKind.AGREEMENT:
        return url_for("enrollments.agreement", enrollment_id=enrollment.id)
    return link_to(_PAGES[kind]) if kind in _PAGES else None


def _state(status: GateStatus, *, is_next: bool) -> str:
    if status.is_met:
        return "done"
    return "now" if is_next else "todo"


def _hint(status: GateStatus) -> str:
    if status.since is not None:
        done = gettext("Done on %(day)s.", day=date_text(status.since))
        if status.until is None:
            return str(done)
        until = gettext("Holds until %(day)s.", day=date_text(status.until))
        return f"{done} {until}"
    unlocked = ", ".join(str(UNLOCKS[blocks]) for blocks in status.gate.blocks)
    needed = gettext("You need this to: %(what)s.", what=unlocked)
    if status.due_at is None:
        return str(needed)
    due = gettext("Do it by %(day)s.", day=date_text(status.due_at))
    return f"{needed} {due}"
