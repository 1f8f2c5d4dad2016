"""Flaws in bands: what changes nothing, and where selling more earns less."""

from collections.abc import Iterator
from itertools import pairwise

from portal.kit.money import BPS_PER_WHOLE
from portal.programs.amounts import money
from portal.programs.definition import (
    Band,
    BandMode,
    ProgramDefinition,
    Rule,
    Trigger,
)
from portal.programs.flaws.flaw import Flaw
from portal.programs.sentences.bands import pay_phrase, value_phrase
from portal.programs.sentences.phrases import gettext as _


def band_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield what is wrong with the bands of each rule."""
    for rule in definition.rules:
        for number, (below, above) in enumerate(pairwise(rule.bands), start=2):
            path = f"rules.{rule.key}.bands.{number}"
            if _changes_nothing(rule, number - 1):
                yield _idle(rule, below, above, definition, path)
            elif rule.banded_by is None and not rule.rolling_months:
                yield from _cliff(rule, above, definition, path)


def _changes_nothing(rule: Rule, number: int) -> bool:
    """Tell whether a band pays what the ones below it would have paid."""
    below, above = rule.bands[number - 1], rule.bands[number]
    if above.flat_minor is not None:
        return above.flat_minor == 0 and rule.mode_of(above) is BandMode.MARGINAL
    if _pay(below) != _pay(above):
        return False
    # A whole band repeats one below only if all below pay the same.
    return rule.mode_of(above) is BandMode.MARGINAL or all(
        _pay(band) == _pay(above) for band in rule.bands[:number]
    )


def _pay(band: Band) -> tuple[int | None, int | None, int | None]:
    return band.rate_bps, band.each_minor, band.flat_minor


def _idle(
    rule: Rule, below: Band, above: Band, definition: ProgramDefinition, path: str
) -> Flaw:
    value = _value(rule, above.from_value, definition)
    return Flaw(
        path,
        _(
            "The band from %(value)s changes nothing, because it pays what the one "
            "below pays: change its pay, or remove it.",
            value=value,
        ),
        _(
            "From a total of %(value)s on, %(pay)s is earned as before.",
            value=value,
            pay=pay_phrase(below, definition.currency),
        ),
    )


def _cliff(
    rule: Rule, above: Band, definition: ProgramDefinition, path: str
) -> Iterator[Flaw]:
    """Yield the flaw that a total that reaches a band earns less than one below."""
    last = above.from_value if rule.limit == "more_than" else above.from_value - 1
    before, after = _earned(rule, last), _earned(rule, last + 1)
    if after >= before:
        return
    currency = definition.currency
    yield Flaw(
        path,
        _(
            "Whoever sells more earns less: at %(value)s the commission falls from "
            "%(before)s to %(after)s. Raise the pay of this band, or make its mode "
            "marginal.",
            value=_value(rule, above.from_value, definition),
            before=money(before, currency),
            after=money(after, currency),
        ),
        _(
            "A total of %(less)s earns %(before)s; a total of %(more)s earns "
            "%(after)s.",
            less=_value(rule, last, definition),
            before=money(before, currency),
            more=_value(rule, last + 1, definition),
            after=money(after, currency),
        ),
    )


def _earned(rule: Rule, total: int) -> int:
    """Return what a total earns by the bands, in minor units, fractions dropped."""
    if total <= 0:
        return 0
    earned = 0
    for number, band in enumerate(rule.bands):
        if number and not _reaches(rule, total, band.from_value):
            break
        following = rule.bands[number + 1 : number + 2]
        top = total
        if following and _reaches(rule, total, following[0].from_value):
            top = following[0].from_value
        if rule.mode_of(band) is BandMode.WHOLE:
            earned = _paid(band, top)
        else:
            earned += _paid(band, top - band.from_value)
    return earned // BPS_PER_WHOLE


def _reaches(rule: Rule, total: int, value: int) -> bool:
    return total > value if rule.limit == "more_than" else total >= value


def _paid(band: Band, part: int) -> int:
    """Return what a band pays for a part, in ten thousandths of a minor unit."""
    if band.rate_bps is not None:
        return part * band.rate_bps
    if band.each_minor is not None:
        return part * band.each_minor * BPS_PER_WHOLE
    return (band.flat_minor or 0) * BPS_PER_WHOLE


def _value(rule: Rule, value: int, definition: ProgramDefinition) -> str:
    pays_for: Trigger = rule.pays_for
    return value_phrase(rule.picks_band_by, value, definition.currency, pays_for)
