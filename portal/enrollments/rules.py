"""Gates: pure functions of what was met when.

A gate is met during half-open intervals, `[from, until)`. They are kept for good,
so that "could this partner earn at that moment?" has an answer for any past one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.programs.definition import Blocks, Gate, GateKind

STOPPED = "*stopped"
"""Key of the intervals in which staff had suspended or ended the enrollment. No gate
of a program can be called so."""

STANDING = Gate(
    key="standing",
    kind=GateKind.REVIEW,
    title="Be in good standing",
    blocks=(Blocks.EARN,),
)
"""What a stopped enrollment lacks: its links redirect, and its sales earn nothing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A time during which a gate was met; `until` none: it still is."""

    since: datetime
    until: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Tell whether `moment` lies in the interval."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class GateStatus:
    """How one gate stands at one moment.

    Attributes:
        gate: The gate.
        since: Since when it is met; none while it is not.
        until: When it will stop being met, such as a certificate's expiry; none when
            nobody knows of an end.
        due_at: By when it should be met; none when met, or without a deadline.
    """

    gate: Gate
    since: datetime | None
    until: datetime | None
    due_at: datetime | None

    @property
    def is_met(self) -> bool:
        """Whether the partner has what the gate asks for."""
        return self.since is not None


History = Mapping[str, Sequence[Interval]]
"""The intervals of each gate, by its key."""


def status_of(
    gate: Gate, history: History, *, joined_at: datetime, at: datetime
) -> GateStatus:
    """Return how `gate` stands at the moment `at`."""
    current = [i for i in history.get(gate.key, ()) if i.holds(at)]
    if current:
        # Overlapping intervals, such as two certificates, end with the later one.
        ends = [i.until for i in current]
        until = None if None in ends else max(end for end in ends if end is not None)
        return GateStatus(gate, min(i.since for i in current), until, None)
    due_at = (
        joined_at + timedelta(days=gate.deadline_days) if gate.deadline_days else None
    )
    return GateStatus(gate, None, None, due_at)


def checklist(
    gates: Sequence[Gate], history: History, *, joined_at: datetime, at: datetime
) -> list[GateStatus]:
    """Return how every gate stands at the moment `at`, in the program's order."""
    return [status_of(gate, history, joined_at=joined_at, at=at) for gate in gates]


def unmet(statuses: Sequence[GateStatus], blocks: Blocks) -> list[GateStatus]:
    """Return the gates that keep the partner from `blocks`, in order."""
    return [s for s in statuses if not s.is_met and blocks in s.gate.blocks]


def unmet_at(
    gates: Sequence[Gate], history: History, blocks: Blocks, moment: datetime
) -> list[Gate]:
    """Return the gates that kept the partner from `blocks` at a past moment.

    While staff had stopped the enrollment, that comes first.
    """
    stopped = any(interval.holds(moment) for interval in history.get(STOPPED, ()))
    return [STANDING] * (stopped and blocks in STANDING.blocks) + [
        gate
        for gate in gates
        if blocks in gate.blocks
        and not any(i.holds(moment) for i in history.get(gate.key, ()))
    ]


def is_open_throughout(statuses: Sequence[GateStatus]) -> bool:
    """Tell whether nothing keeps the partner from joining, linking or earning."""
    return not any(unmet(statuses, b) for b in (Blocks.JOIN, Blocks.LINK, Blocks.EARN))
