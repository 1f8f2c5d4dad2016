"""Two programs on the same events: who wins, who loses, and how much."""

from dataclasses import dataclass

from portal.simulation.calculation.result import PartnerRun, Result, Sums

_NOTHING = Sums()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a partner has under each of two programs.

    Attributes:
        partner: Who.
        before_minor: By the first program.
        after_minor: By the second.
        paid_before_minor: What was sent by the end under the first.
        paid_after_minor: What was sent by the end under the second.
        level_before: Where it stands at the end under the first; none without tiers.
        level_after: Where it stands at the end under the second.
    """

    partner: str
    before_minor: int
    after_minor: int
    paid_before_minor: int
    paid_after_minor: int
    level_before: str | None
    level_after: str | None

    @property
    def change_minor(self) -> int:
        """What the second program pays more; below zero: less."""
        return self.after_minor - self.before_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two programs on the same events.

    Attributes:
        before: What the first comes to.
        after: What the second comes to.
        differences: One for each partner, who wins most first.
    """

    before: Result
    after: Result
    differences: tuple[Difference, ...]

    @property
    def same_currency(self) -> bool:
        """Whether amounts can be held against each other."""
        return self.before.currency == self.after.currency

    @property
    def winners(self) -> tuple[Difference, ...]:
        """Who has more under the second program."""
        return tuple(one for one in self.differences if one.change_minor > 0)

    @property
    def losers(self) -> tuple[Difference, ...]:
        """Who has less under the second program, who loses most first."""
        lost = [one for one in self.differences if one.change_minor < 0]
        return tuple(reversed(lost))

    @property
    def change_minor(self) -> int:
        """What the second program costs more than the first."""
        return sum(one.change_minor for one in self.differences)


def compare(before: Result, after: Result) -> Comparison:
    """Return how two programs differ on the same events."""
    first = {run.partner: run for run in before.partners}
    second = {run.partner: run for run in after.partners}
    differences = [
        _difference(name, first.get(name), second.get(name), before, after)
        for name in first | second
    ]
    differences.sort(key=lambda one: (-one.change_minor, one.partner))
    return Comparison(before=before, after=after, differences=tuple(differences))


def _difference(
    name: str,
    first: PartnerRun | None,
    second: PartnerRun | None,
    before: Result,
    after: Result,
) -> Difference:
    old = first.sums(before.currency) if first else _NOTHING
    new = second.sums(after.currency) if second else _NOTHING
    return Difference(
        partner=name,
        before_minor=old.net,
        after_minor=new.net,
        paid_before_minor=old.paid,
        paid_after_minor=new.paid,
        level_before=_level(first),
        level_after=_level(second),
    )


def _level(run: PartnerRun | None) -> str | None:
    return run.tiers.final.level.key if run and run.tiers else None
