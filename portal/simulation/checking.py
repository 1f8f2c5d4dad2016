"""Whether events fit together and fit the programs that they are about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from portal.programs.definition import GateKind, ProgramDefinition
from portal.simulation.events import (
    Cancel,
    Certify,
    Clear,
    Click,
    Dispute,
    DisputeWon,
    Event,
    Fact,
    FeeLapsed,
    FeePaid,
    GateMet,
    GateUnmet,
    Join,
    Lead,
    Refund,
    Register,
    Reject,
    Review,
    Sale,
    Seats,
    Signup,
    Subscriber,
    Tier,
    Unmanage,
)


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event and the line that it stands on."""

    number: int
    event: Event


Problem = tuple[int, str]


def problems_between(
    lines: Sequence[Numbered], definitions: Sequence[ProgramDefinition]
) -> Iterator[Problem]:
    """Yield what is wrong with lines that are right each by itself."""
    yield from _only_once(lines)
    yield from _unknown_partners(lines)
    yield from _unknown_customers(lines)
    yield from _wrong_refunds(lines)
    yield from _unknown_parts(lines, definitions)
    yield from _ends_before_it_begins(lines)


def _only_once(lines: Sequence[Numbered]) -> Iterator[Problem]:
    """A partner joins once; a customer signs up and leaves once."""
    first: dict[tuple[str, str], int] = {}
    for line in lines:
        event = line.event
        if isinstance(event, Join):
            field, name = "partner", event.partner
        elif isinstance(event, Signup | Cancel | Unmanage):
            field, name = "customer", event.customer
        else:
            continue
        if other := first.get((event.event, name)):
            text = f"{name} has its {event.event} on line {other} already: keep one"
            yield line.number, f"{field}: {text}"
        else:
            first[event.event, name] = line.number


def _unknown_partners(lines: Sequence[Numbered]) -> Iterator[Problem]:
    joined = {line.event.partner for line in lines if isinstance(line.event, Join)}
    for line in lines:
        partner = getattr(line.event, "partner", None)
        if partner is not None and partner not in joined:
            close = get_close_matches(partner, sorted(joined), n=1)
            guess = f", or write {close[0]}" if close else ""
            yield line.number, f"partner: {partner} never joins: add its join{guess}"


def _unknown_customers(lines: Sequence[Numbered]) -> Iterator[Problem]:
    came = {
        line.event.customer
        for line in lines
        if isinstance(line.event, Signup | Click | Register | Lead | Subscriber)
    }
    bought = {line.event.customer for line in lines if isinstance(line.event, Sale)}
    reviews = {line.event.id for line in lines if isinstance(line.event, Review)}
    for line in lines:
        event = line.event
        if isinstance(event, Reject) and event.review and event.review not in reviews:
            yield line.number, f"review: there is no {event.review}: name its id"
        elif isinstance(event, Sale):
            if event.partner is None and event.customer not in came:
                yield line.number, _stranger(event.customer, _OR_A_CLICK)
        elif (
            isinstance(event, Cancel | Unmanage | Seats | Clear | Reject)
            and event.customer is not None
            and event.customer not in came | bought
        ):
            yield line.number, _stranger(event.customer, "add its signup or a sale")


_OR_A_CLICK = "add its signup or a click, or name the partner of the sale"


def _stranger(customer: str, remedy: str) -> str:
    return f"customer: nobody knows {customer}: {remedy}"


def _wrong_refunds(lines: Sequence[Numbered]) -> Iterator[Problem]:
    """Money goes back at most once, and comes again only if it went."""
    sold: dict[str, tuple[datetime, int]] = {}
    for line in lines:
        event = line.event
        if isinstance(event, Sale):
            sold[event.id] = event.at, event.net_minor
        elif isinstance(event, Lead | Click) and event.id and event.price is not None:
            sold[event.id] = event.at, event.price
    back: list[tuple[datetime, str, int, Numbered]] = []
    for line in lines:
        event = line.event
        if not isinstance(event, Refund | Dispute | DisputeWon):
            continue
        if event.sale not in sold:
            yield (
                line.number,
                f"sale: there is no {event.sale}: name the id of a sale, lead or click",
            )
            continue
        change = -event.net if isinstance(event, DisputeWon) else event.net
        moment = max(event.at, sold[event.sale][0])
        back.append((moment, event.id or "", change, line))
    yield from _too_much(sold, back)


def _too_much(
    sold: dict[str, tuple[datetime, int]],
    back: list[tuple[datetime, str, int, Numbered]],
) -> Iterator[Problem]:
    gone: dict[str, int] = {}
    # What goes comes before what returns at one moment.
    for _moment, _id, change, line in sorted(
        back, key=lambda row: (row[0], row[2] < 0, row[1], row[3].number)
    ):
        event = line.event
        name = getattr(event, "sale", "")
        before, net = gone.get(name, 0), sold[name][1]
        if before + change > net:
            text = f"{name} was {net} and {before} went back already"
            yield line.number, f"net: {text}: at most {net - before} can"
        elif before + change < 0:
            text = f"only {before} of {name} went back by then"
            yield line.number, f"net: {text}: no more can come again"
        else:
            gone[name] = before + change


def _unknown_parts(
    lines: Sequence[Numbered], definitions: Sequence[ProgramDefinition]
) -> Iterator[Problem]:
    gates = {gate.key for d in definitions for gate in d.gates}
    of_teams = {gate.key for d in definitions for gate in d.gates if gate.team}
    kinds = {gate.kind for d in definitions for gate in d.gates}
    tiers = [d.tiers for d in definitions if d.tiers]
    levels = {level.key for part in tiers for level in part.levels}
    facts = {
        need.fact
        for part in tiers
        for level in part.levels
        for need in level.requires
        if need.fact
    }
    registers = any(d.attribution.registration for d in definitions)
    for line in lines:
        event = line.event
        if isinstance(event, Register) and not registers:
            yield line.number, f"event: {_NO_REGISTRATION}"
        elif isinstance(event, GateMet | GateUnmet | Certify) and event.gate:
            yield from _named(line, "gate", event.gate, gates)
            if isinstance(event, Certify) and event.gate in of_teams:
                problem = f"gate: {event.gate} asks for several people"
                yield line.number, f"{problem}: say with gate_met when it is met"
        elif isinstance(event, Certify) and GateKind.CERTIFICATION not in kinds:
            yield line.number, "event: the program asks for no exam: remove the line"
        elif isinstance(event, FeePaid | FeeLapsed) and GateKind.FEE not in kinds:
            yield line.number, "event: the program has no fee: remove the line"
        elif isinstance(event, Tier):
            yield from _named(line, "level", event.level, levels)
        elif isinstance(event, Fact):
            yield from _named(line, "fact", event.fact, facts)


_NO_REGISTRATION = (
    "customers are not registered in this program: remove the line, or give it "
    "attribution.registration"
)


def _named(line: Numbered, field: str, name: str, known: set[str]) -> Iterator[Problem]:
    if name in known:
        return
    there_are = f"there are {', '.join(sorted(known))}" if known else "there are none"
    yield line.number, f"{field}: the program has no {name}: {there_are}"


def _ends_before_it_begins(lines: Sequence[Numbered]) -> Iterator[Problem]:
    for line in lines:
        until = getattr(line.event, "until", None)
        if until is not None and until <= line.event.at:
            yield line.number, "until: must be later than at"
