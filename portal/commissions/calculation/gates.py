"""Whether a partner could earn at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from portal.commissions.calculation.facts import Outcome
from portal.enrollments.rules import History, Interval, unmet_at
from portal.kit.clock import add_months, day_start
from portal.programs.definition import Blocks, Gate, WhileUnmet


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gates say about a sale.

    Attributes:
        outcome: Rated, held or forfeited.
        gate: The gate that stood in the way; none if there was none.
        opened_at: When the last of the gates that held the sale was met; none
            while one still is not.
    """

    outcome: Outcome
    gate: Gate | None = None
    opened_at: datetime | None = None


def verdict(gates: Sequence[Gate], history: History, moment: datetime) -> Verdict:
    """Return whether a sale at `moment` earns.

    One unmet gate that forfeits is enough to forfeit; otherwise one that holds holds.
    """
    unmet = unmet_at(gates, history, Blocks.EARN, moment)
    for gate in unmet:
        if gate.sales_while_unmet is WhileUnmet.FORFEITED:
            return Verdict(outcome=Outcome.FORFEITED, gate=gate)
    if not unmet:
        return Verdict(outcome=Outcome.RATED)
    openings = [_opens_after(history.get(gate.key, ()), moment) for gate in unmet]
    known = [opening for opening in openings if opening is not None]
    return Verdict(
        outcome=Outcome.HELD,
        gate=unmet[openings.index(None)] if None in openings else unmet[0],
        opened_at=max(known) if len(known) == len(unmet) else None,
    )


def _opens_after(intervals: Sequence[Interval], moment: datetime) -> datetime | None:
    return min(
        (interval.since for interval in intervals if interval.since > moment),
        default=None,
    )


def missed_papers(
    gates: Sequence[Gate],
    history: History,
    first: datetime,
    *,
    zone: ZoneInfo,
    as_of: datetime | None,
) -> Gate | None:
    """Return the gate that was not met in time after a customer's first sale.

    Args:
        gates: Those of the enrollment that must be met in time.
        history: When each of them was met.
        first: When the customer first bought.
        zone: The program's time zone; the last day counts whole.
        as_of: When this is asked. A gate that was never met is missed only once its
            time is over; none: never.
    """
    for gate in gates:
        last = add_months(first, gate.forfeits_after_months or 0, zone)
        last_day = last.astimezone(zone).date()
        over = day_start(last_day + timedelta(days=1), zone)
        met = [i.since for i in history.get(gate.key, ()) if i.since < over]
        late = [i.since for i in history.get(gate.key, ()) if i.since >= over]
        if not met and (late or (as_of is not None and as_of >= over)):
            return gate
    return None
