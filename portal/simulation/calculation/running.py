"""From events to what a program pays for them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from portal.commissions.calculation import Commissioned, RatedLine, Terms, rate
from portal.enrollments.rules import STOPPED, History, Interval, unmet_at
from portal.programs.definition import Blocks, ProgramDefinition
from portal.rewards.calculation import Due, rewards_due
from portal.simulation.calculation.gathering import Bought, Facts, gather, of_partner
from portal.simulation.calculation.referrals import approvals_of, referrals
from portal.simulation.calculation.result import PartnerRun, Result
from portal.simulation.events import Adjust, Event, Fact, Join, Tier
from portal.statements.rules import LineKind
from portal.statements.settled import Entry, Settlement
from portal.statements.settlement import settle
from portal.tiers.facts import TierFact, TierInputs, TierOverride, in_order
from portal.tiers.rules import Timeline, timeline

_NUMBER = 1
"""One definition is simulated at a time, so there is one version of it."""


def simulate(
    definition: ProgramDefinition,
    events: Sequence[Event],
    *,
    until: datetime | None = None,
) -> Result:
    """Return what a program comes to for events.

    Args:
        definition: The program.
        events: What happened, in order, as `reading.read` returns it.
        until: What happens later is left out; none: the moment of the last event.

    Raises:
        ValueError: There is no event and no `until` to say when it ends.
    """
    if until is None:
        if not events:
            raise ValueError("without events, say until when")
        until = events[-1].at
    facts = gather(definition, events, until=until)
    known = [event for event in events if event.at <= until]
    own = of_partner(known)
    return Result(
        definition=definition,
        until=until,
        counted=len(known),
        left_out=len(events) - len(known),
        partners=tuple(
            _run(definition, facts, join, own.get(name, []), until=until)
            for name, join in facts.joins.items()
        ),
        credits=tuple(facts.credits),
        rewards=tuple(_rewards(definition, facts, known, until)),
        registrations=tuple(facts.registrations),
        uncounted=tuple(facts.uncounted),
        names=facts.names,
    )


def _rewards(
    definition: ProgramDefinition,
    facts: Facts,
    events: Sequence[Event],
    until: datetime,
) -> list[Due]:
    if not definition.rewards:
        return []
    return rewards_due(
        definition,
        referrals(
            events,
            joins=facts.joins,
            brought_by={one.customer: one.brought_by for one in facts.credits},
        ),
        approvals=approvals_of(events),
        as_of=until,
    )


def _run(
    definition: ProgramDefinition,
    facts: Facts,
    join: Join,
    events: Sequence[Event],
    *,
    until: datetime,
) -> PartnerRun:
    bought = facts.by_partner[join.partner]
    inputs = _inputs(join, events)
    levels = _levels(definition, bought, inputs, until)
    history = _with_end(facts.histories[join.partner], levels)
    terms = Terms(definition=definition, number=_NUMBER)
    lines = rate(
        bought.sales,
        bought.refunds,
        terms={sale.customer_id: terms for sale in bought.sales},
        gates=definition.gates,
        gate_history=history,
        customers=facts.customers,
        tier_inputs=inputs,
        as_of=until,
    )
    return PartnerRun(
        partner=join.partner,
        joined_at=join.at,
        lines=tuple(lines),
        tiers=levels,
        settlements={
            definition.currency: _settled(
                definition, lines, events, history, since=join.at, until=until
            )
        },
        pending_from=until,
    )


def _inputs(join: Join, events: Sequence[Event]) -> TierInputs:
    return TierInputs(
        joined_at=join.at,
        facts=tuple(
            TierFact(fact=event.fact, value=event.value, at=event.at)
            for event in events
            if isinstance(event, Fact)
        ),
        overrides=tuple(
            TierOverride(level=event.level, from_at=event.at, until_at=event.until)
            for event in events
            if isinstance(event, Tier)
        ),
    )


def _levels(
    definition: ProgramDefinition,
    bought: Bought,
    inputs: TierInputs,
    until: datetime,
) -> Timeline | None:
    if definition.tiers is None:
        return None
    return timeline(
        definition.tiers,
        in_order(bought.sales, bought.refunds),
        currency=definition.currency,
        zone=definition.zone,
        until=until,
        inputs=inputs,
    )


def _with_end(history: History, levels: Timeline | None) -> History:
    """Take in that a membership ended because its level was not reached in time."""
    if levels is None or levels.ends_at is None:
        return history
    stops = [*history.get(STOPPED, ()), Interval(levels.ends_at)]
    return {**history, STOPPED: stops}


def _settled(
    definition: ProgramDefinition,
    lines: Sequence[RatedLine],
    events: Sequence[Event],
    history: History,
    *,
    since: datetime,
    until: datetime,
) -> Settlement:
    def unmet(moment: datetime) -> list[str]:
        gates = unmet_at(definition.gates, history, Blocks.PAYOUT, moment)
        return [gate.title for gate in gates]

    return settle(
        _entries(lines, events),
        definition=definition,
        since=since,
        until=until,
        unmet_at=unmet,
    )


def _entries(lines: Sequence[RatedLine], events: Sequence[Event]) -> Iterator[Entry]:
    for line in lines:
        if line.clears_at is None:
            continue
        earned = line.kind is Commissioned.EARNED
        yield Entry(
            kind=LineKind.EARNED if earned else LineKind.REVERSAL,
            minor=line.amount_minor,
            at=line.clears_at,
        )
    for event in events:
        if isinstance(event, Adjust):
            yield Entry(kind=LineKind.ADJUSTMENT, minor=event.amount, at=event.at)
