"""Flaws in tiers: what can never be reached or never be held."""

from collections.abc import Iterator
from itertools import pairwise

from portal.programs.definition import (
    DealSource,
    ProgramDefinition,
    Requirement,
    TierLevel,
    TierMetric,
    Tiers,
)
from portal.programs.flaws.flaw import Flaw
from portal.programs.sentences import requirement_phrase, threshold
from portal.programs.sentences.phrases import gettext as _
from portal.web.formats import percent_bps as percent

_Thing = tuple[TierMetric, str | None]


def tier_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield what is wrong with the tiers and what hangs on them."""
    tiers = definition.tiers
    if tiers is None:
        return
    for level in tiers.levels:
        yield from _level_flaws(level, tiers, definition)
    for number, level in enumerate(tiers.levels):
        for above in tiers.levels[number + 1 :]:
            if _always_passes(level, above):
                yield _never_held(level, above)
                break
    yield from _points_flaws(tiers)
    yield from _duty_flaws(tiers)
    yield from _rate_flaws(tiers, definition)


def unreachable(tiers: Tiers) -> set[str]:
    """Return the keys of the levels that no partner can reach."""
    return {
        level.key
        for level in tiers.levels
        if _contradiction(level, tiers) or _pointless(level, tiers)
    }


def _level_flaws(
    level: TierLevel, tiers: Tiers, definition: ProgramDefinition
) -> Iterator[Flaw]:
    path = f"tiers.levels.{level.key}"
    if need := _contradiction(level, tiers):
        limit = requirement_phrase(need, definition.currency)
        yield Flaw(
            f"{path}.requires",
            _(
                "%(level)s can never be reached: %(limit)s and the other limits on the "
                "same value rule each other out. Change one of them.",
                level=level.name,
                limit=limit,
            ),
            _(
                "A partner with %(limit)s misses %(level)s, because it needs more.",
                limit=limit,
                level=level.name,
            ),
        )
    if _pointless(level, tiers):
        yield Flaw(
            path,
            _(
                "%(level)s can never be reached: no sale brings the points that it "
                "needs. Give points in tiers.points.milli_per_100.",
                level=level.name,
            ),
            _(
                "A partner with sales of any size has 0 points; %(level)s is held "
                "%(begins)s.",
                level=level.name,
                begins=threshold(tiers, level, definition.currency),
            ),
        )


def _contradiction(level: TierLevel, tiers: Tiers) -> Requirement | None:
    """Return the upper limit that no value keeps which is high enough."""
    least: dict[_Thing, int] = {(tiers.metric, None): level.from_value}
    for need in level.requires:
        if need.at_least is not None:
            thing = (need.metric, need.fact)
            least[thing] = max(least.get(thing, 0), need.at_least)
    return next(
        (
            need
            for need in level.requires
            if need.below is not None
            and least.get((need.metric, need.fact), 0) >= need.below
        ),
        None,
    )


def _pointless(level: TierLevel, tiers: Tiers) -> bool:
    """Tell whether a level needs points that no sale brings."""
    if tiers.points is None:
        return False
    given = {source for source, milli in tiers.points.milli_per_100.items() if milli}
    wanted = {need.metric for need in level.requires if need.at_least}
    if level.from_value:
        wanted.add(tiers.metric)
    return (TierMetric.POINTS in wanted and not given) or (
        TierMetric.SOURCED_POINTS in wanted and DealSource.SOURCED not in given
    )


def _always_passes(level: TierLevel, above: TierLevel) -> bool:
    """Tell whether whoever reaches `level` reaches `above` too."""
    return above.from_value == level.from_value and all(
        any(_implies(given, need) for given in level.requires)
        for need in above.requires
    )


def _implies(given: Requirement, need: Requirement) -> bool:
    if (given.metric, given.fact) != (need.metric, need.fact):
        return False
    if need.at_least is not None:
        return given.at_least is not None and given.at_least >= need.at_least
    return (
        given.below is not None and need.below is not None and given.below <= need.below
    )


def _never_held(level: TierLevel, above: TierLevel) -> Flaw:
    return Flaw(
        f"tiers.levels.{level.key}",
        _(
            "%(level)s is never held: whoever reaches it reaches %(above)s too. Ask "
            "for more in %(above)s, or remove one of them.",
            level=level.name,
            above=above.name,
        ),
        _(
            "A partner who just reaches %(level)s stands on %(above)s.",
            level=level.name,
            above=above.name,
        ),
    )


def _points_flaws(tiers: Tiers) -> Iterator[Flaw]:
    points = tiers.points
    if points and bool(points.growth_countries) != (points.growth_multiplier > 1):
        yield Flaw(
            "tiers.points.growth_multiplier",
            _(
                "Growth countries and their multiplier change nothing without each "
                "other: give both, or neither."
            ),
            _("A sale in a growth country brings the points of any other sale."),
        )


def _duty_flaws(tiers: Tiers) -> Iterator[Flaw]:
    duty = tiers.duty
    if duty is None:
        return
    order = [level.key for level in tiers.levels]
    names = {level.key: level.name for level in tiers.levels}
    if duty.level == order[0]:
        yield Flaw(
            "tiers.duty.level",
            _(
                "The duty asks for %(level)s, which everybody has: name a higher tier.",
                level=names[duty.level],
            ),
            _("A partner without a single sale has done the duty on the first day."),
        )
    elif duty.move_to and order.index(duty.move_to) >= order.index(duty.level):
        yield Flaw(
            "tiers.duty.move_to",
            _(
                "Who misses %(level)s is moved to %(other)s, which is not lower: name "
                "a lower tier.",
                level=names[duty.level],
                other=names[duty.move_to],
            ),
            _(
                "A partner without sales is moved to %(other)s.",
                other=names[duty.move_to],
            ),
        )


def _rate_flaws(tiers: Tiers, definition: ProgramDefinition) -> Iterator[Flaw]:
    for rule in definition.rules:
        for below, above in pairwise(tiers.levels):
            low = rule.rate_bps_by_tier.get(below.key, 0)
            high = rule.rate_bps_by_tier.get(above.key, 0)
            if rule.rate_bps_by_tier and high < low:
                yield Flaw(
                    f"rules.{rule.key}.rate_bps_by_tier.{above.key}",
                    _(
                        "Moving up to %(above)s lowers the rate from %(low)s to "
                        "%(high)s: raise it.",
                        above=above.name,
                        low=percent(low),
                        high=percent(high),
                    ),
                    _(
                        "A sale by a partner on %(above)s earns less than the same "
                        "sale on %(below)s.",
                        above=above.name,
                        below=below.name,
                    ),
                )
