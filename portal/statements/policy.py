"""What a program's payout policy and tax rules add to a statement.

Pure. The close, the preview and simulations all use these functions, so that what a
program promises, what is tried out and what is booked cannot differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from portal.kit.money import BPS_PER_WHOLE, Money, Rounding, divide
from portal.programs.definition import Draw, Holdback, ProgramDefinition
from portal.statements.rules import LineKind, Totals, part_of
from portal.tax.calculation import withheld

_MONTHS_IN_YEAR = 12


def held_back(holdback: Holdback | None, earned_minor: int) -> int:
    """Return what of a period's earnings, less reversals, is paid out later."""
    if holdback is None or earned_minor <= 0:
        return 0
    return divide(earned_minor * holdback.bps, BPS_PER_WHOLE, Rounding.HALF_AWAY)


def release_day(holdback: Holdback, last_day: date) -> date:
    """Return on which day what was held back from a period is released.

    Args:
        holdback: The policy.
        last_day: The last day of the period.
    """
    months = last_day.year * _MONTHS_IN_YEAR + last_day.month - 1 + holdback.months
    return date(
        months // _MONTHS_IN_YEAR, months % _MONTHS_IN_YEAR + 1, holdback.release_day
    )


def lifted(
    draw: Draw | None, *, months: int, counted: int, carried: int, advance: int
) -> int:
    """Return what lifts a period to the draw, or below zero, what pays lifts back.

    Args:
        draw: The policy.
        months: How many months the period has.
        counted: What the period comes to without it.
        carried: A balance below zero from before; 0 otherwise.
        advance: What earlier lifts that are paid back still come to.
    """
    if draw is None:
        return 0
    missing = draw.minor * months - (counted + carried)
    return missing if missing > 0 else -min(advance, -missing)


@dataclass(frozen=True, slots=True)
class Tax:
    """What is withheld, and why in a sentence.

    Attributes:
        bps: The rate; 0 where nothing is withheld.
        why: The reason.
    """

    bps: int = 0
    why: str = ""


NO_TAX = Tax()


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What earlier statements leave to the next one, in minor units.

    Attributes:
        opening: The balance that the last one closed with.
        advance: What draws lifted and later months have to pay back.
        untaxed: What was stated while nobody could say which tax is withheld. Below
            zero: what was taken back after its tax was settled, so that as much is
            free of tax once it is earned again.
    """

    opening: int = 0
    advance: int = 0
    untaxed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLine:
    """A line that follows from the policy and not from an event.

    Attributes:
        kind: What it does.
        minor: The signed amount.
        base_minor: What the rate is of; 0 where there is no rate.
        bps: The rate; 0 where there is none.
        why: The reason of a tax; empty otherwise.
        release_on: When what is held back is released; none on other lines.
        is_recoverable: Whether later months pay a draw back.
    """

    kind: LineKind
    minor: int
    base_minor: int = 0
    bps: int = 0
    why: str = ""
    release_on: date | None = None
    is_recoverable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A statement once the policy has spoken.

    Attributes:
        lines: What the policy adds, in the order of the summary.
        totals: All parts.
        advance: What later months have to pay back.
        untaxed: What the next statement looks at for tax; see `Carried`.
    """

    lines: tuple[PolicyLine, ...]
    totals: Totals
    advance: int
    untaxed: int


def apply_policy(
    definition: ProgramDefinition,
    stated: Totals,
    carried: Carried,
    *,
    last_day: date,
    tax: Tax | None,
) -> Applied:
    """Return what a month's statement comes to.

    Args:
        definition: The program, for its payout policy; it pays by months.
        stated: What events did: all parts but those that the policy makes.
        carried: What earlier statements leave to this one.
        last_day: The last day of the month.
        tax: What is withheld; none while nobody can say. Then what was stated waits
            for the statement of the month in which somebody can.
    """
    policy = definition.payout
    lines = [*_drawn(policy.draw, stated, carried)]
    lines += _kept_back(policy.holdback, stated, last_day)
    added = stated.gained + sum(line.minor for line in lines)
    untaxed = carried.untaxed + added
    if tax is not None:
        base = max(untaxed, 0)
        untaxed -= base
        lines += _withheld(tax, Money(base, definition.currency))
    totals = stated
    for line in lines:
        totals += part_of(line.kind, line.minor)
    advance = carried.advance + sum(line.minor for line in lines if line.is_recoverable)
    return Applied(lines=tuple(lines), totals=totals, advance=advance, untaxed=untaxed)


def _drawn(draw: Draw | None, stated: Totals, carried: Carried) -> Iterator[PolicyLine]:
    before = carried.opening + stated.releases - stated.payouts
    minor = lifted(
        draw,
        months=1,
        counted=stated.earned + stated.reversals + stated.adjustments,
        carried=min(before, 0),
        advance=carried.advance,
    )
    if draw is not None and minor:
        # Only what is paid back was lifted on that condition.
        is_recoverable = draw.recoverable or minor < 0
        yield PolicyLine(
            kind=LineKind.DRAW,
            minor=minor,
            base_minor=draw.minor,
            is_recoverable=is_recoverable,
        )


def _kept_back(
    holdback: Holdback | None, stated: Totals, last_day: date
) -> Iterator[PolicyLine]:
    base = stated.earned + stated.reversals
    minor = held_back(holdback, base)
    if holdback is not None and minor:
        yield PolicyLine(
            kind=LineKind.HOLDBACK,
            minor=-minor,
            base_minor=base,
            bps=holdback.bps,
            release_on=release_day(holdback, last_day),
        )


def _withheld(tax: Tax, base: Money) -> Iterator[PolicyLine]:
    amount = withheld(base, tax.bps)
    if amount:
        yield PolicyLine(
            kind=LineKind.WITHHOLDING,
            minor=-amount.minor,
            base_minor=base.minor,
            bps=tax.bps,
            why=tax.why,
        )
