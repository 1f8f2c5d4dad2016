"""Who gets the credit for a customer, by the clicks that count.

Pure: the service gathers the clicks, this module decides, the service records the
decision with every click that lost and why.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import gcd
from uuid import UUID

from portal.programs.definition import CreditModel


class LossReason(StrEnum):
    """Why a click did not get the credit."""

    OLDER_CLICK = "older_click"
    """The last click gets the credit, and there was a later one."""
    NEWER_CLICK = "newer_click"
    """The first click gets the credit, and there was an earlier one."""
    OTHER_PROGRAM = "other_program"
    """A later click led to another program, and a customer earns in one.

    The last click that counts chooses the program, whatever its model then says
    about who gets the credit in it.
    """
    OUTSIDE_WINDOW = "outside_window"
    AFTER_CONVERSION = "after_conversion"
    """The customer was there before the click."""
    LINK_DISABLED = "link_disabled"
    BOT = "bot"
    NOT_COUNTED = "not_counted"
    LINK_GATE = "link_gate"
    """A gate that blocks links was unmet at the click."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A click of the customer.

    Attributes:
        click_id: The click.
        link_id: The link that was followed.
        enrollment_id: Whose link it is.
        clicked_at: When.
        refused: Why the click cannot count whatever the window says; none if it can.
    """

    click_id: UUID
    link_id: UUID
    enrollment_id: UUID
    clicked_at: datetime
    refused: LossReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loser:
    """A click that did not get the credit, with the reason."""

    candidate: Candidate
    reason: LossReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """An enrollment that gets the credit, or a share of it.

    Attributes:
        enrollment_id: Who.
        weight: How much, of the decision's `of_weight`.
        clicks: Its clicks that earned this, latest first.
    """

    enrollment_id: UUID
    weight: int
    clicks: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, on which grounds.

    Attributes:
        model: By which model.
        winners: Who gets the credit, the greatest share first, of equal ones the
            older enrollment; empty when no click counts.
        of_weight: What the winners' weights add up to; 1 when there is none.
        losers: Every click that earned nothing, latest first.
        window_days: How long after a click a conversion still counts.
        converted_at: When the customer signed up or first bought.
    """

    model: CreditModel = CreditModel.LAST_CLICK
    winners: tuple[Winner, ...]
    of_weight: int = 1
    losers: tuple[Loser, ...]
    window_days: int
    converted_at: datetime

    @property
    def winner(self) -> Candidate | None:
        """The latest click that gets credit; none when no click counts."""
        clicks = [click for winner in self.winners for click in winner.clicks]
        return max(clicks, key=_latest_first, default=None)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every click that was looked at, latest first."""
        clicks = [click for winner in self.winners for click in winner.clicks]
        clicks += [loser.candidate for loser in self.losers]
        return tuple(sorted(clicks, key=_latest_first, reverse=True))

    @property
    def sentence(self) -> str:
        """The decision in one sentence of plain English."""
        return sentence_of(self, moment=_plain_moment, gettext=_untranslated)

    def weight_of(self, enrollment_id: UUID) -> int:
        """Return how much of `of_weight` an enrollment gets."""
        weights = {winner.enrollment_id: winner.weight for winner in self.winners}
        return weights.get(enrollment_id, 0)


def decide(
    candidates: Sequence[Candidate],
    *,
    window_days: int,
    converted_at: datetime,
    model: CreditModel = CreditModel.LAST_CLICK,
) -> Decision:
    """Return which of the clicks of one program get the credit.

    A click counts if the conversion came no later than `window_days` times 24 hours
    after it, to the second. Several clicks of one enrollment make one share. The
    result does not depend on the order of `candidates`.

    Args:
        candidates: The clicks of the customer on links of the program.
        window_days: How long a click counts.
        converted_at: When the customer signed up or first bought.
        model: Who of those whose clicks count gets how much.
    """
    window = timedelta(days=window_days)
    counting: list[Candidate] = []
    losers: list[Loser] = []
    for candidate in sorted(candidates, key=_latest_first, reverse=True):
        reason = candidate.refused or _reason(candidate, window, converted_at)
        if reason is None:
            counting.append(candidate)
        else:
            losers.append(Loser(candidate=candidate, reason=reason))
    if model is CreditModel.LAST_CLICK:
        chosen, beaten, reason = counting[:1], counting[1:], LossReason.OLDER_CLICK
    elif model is CreditModel.FIRST_CLICK:
        chosen, beaten, reason = counting[-1:], counting[:-1], LossReason.NEWER_CLICK
    else:
        chosen, beaten, reason = counting, [], LossReason.OLDER_CLICK
    losers += [Loser(candidate=click, reason=reason) for click in beaten]
    winners, of_weight = _winners(chosen, model)
    return Decision(
        model=model,
        winners=winners,
        of_weight=of_weight,
        losers=_in_order(losers),
        window_days=window_days,
        converted_at=converted_at,
    )


def _winners(
    clicks: Sequence[Candidate], model: CreditModel
) -> tuple[tuple[Winner, ...], int]:
    """Return who shares the credit for some clicks, and what the weights add up to.

    Weights have no common divisor, so that who is alone has 1 of 1.
    """
    owners = [click.enrollment_id for click in clicks]
    weights = _by_position(owners) if model is CreditModel.POSITION else _equal(owners)
    divisor = gcd(*weights.values()) or 1
    winners = [
        Winner(
            enrollment_id=owner,
            weight=weight // divisor,
            clicks=tuple(click for click in clicks if click.enrollment_id == owner),
        )
        for owner, weight in weights.items()
    ]
    winners.sort(key=lambda winner: (-winner.weight, winner.enrollment_id))
    return tuple(winners), weights.total() // divisor or 1


def _equal(owners: Sequence[UUID]) -> Counter[UUID]:
    """Return the same for everybody, however often the customer clicked."""
    return Counter(set(owners))


def _by_position(owners: Sequence[UUID]) -> Counter[UUID]:
    """Return 40 % for the first, 40 % for the last, 20 % for those between.

    Those between share equally, however often the customer clicked.
    """
    between = set(owners[1:-1])
    if not between:
        return Counter(owners)
    weights = Counter(between)
    weights[owners[0]] += 2 * len(between)
    weights[owners[-1]] += 2 * len(between)
    return weights


def one_program_wins(decisions: Mapping[UUID, Decision]) -> dict[UUID, Decision]:
    """Return the decisions with winners left only in the program clicked last.

    A customer earns in one program. In every other program the clicks that would
    have won become losers, and the record says so.
    """
    last = [
        (_latest_first(click), key)
        for key, decision in decisions.items()
        if (click := _last_that_counts(decision)) is not None
    ]
    chosen = max(last)[1] if last else None
    return {
        key: decision if key == chosen else _without_winners(decision)
        for key, decision in decisions.items()
    }


def _last_that_counts(decision: Decision) -> Candidate | None:
    """Return the latest click that counts, also if an earlier one got the credit."""
    clicks = [click for winner in decision.winners for click in winner.clicks]
    clicks += [
        loser.candidate
        for loser in decision.losers
        if loser.reason is LossReason.NEWER_CLICK
    ]
    return max(clicks, key=_latest_first, default=None)


def _without_winners(decision: Decision) -> Decision:
    beaten = [
        Loser(candidate=click, reason=LossReason.OTHER_PROGRAM)
        for winner in decision.winners
        for click in winner.clicks
    ]
    losers = _in_order([*beaten, *decision.losers])
    return replace(decision, winners=(), of_weight=1, losers=losers)


def _in_order(losers: Sequence[Loser]) -> tuple[Loser, ...]:
    return tuple(
        sorted(losers, key=lambda one: _latest_first(one.candidate), reverse=True)
    )


def _latest_first(candidate: Candidate) -> tuple[datetime, UUID]:
    return candidate.clicked_at, candidate.click_id


def _reason(
    candidate: Candidate, window: timedelta, converted_at: datetime
) -> LossReason | None:
    # The payment provider's clock knows whole seconds only, so a click 0.7 s into
    # the second of the sign-up came before it.
    if candidate.clicked_at.replace(microsecond=0) > converted_at:
        return LossReason.AFTER_CONVERSION
    if converted_at > candidate.clicked_at + window:
        return LossReason.OUTSIDE_WINDOW
    return None


def sentence_of(
    decision: Decision,
    *,
    moment: Callable[[datetime], str],
    gettext: Callable[..., str],
) -> str:
    """Return the decision in a sentence.

    Args:
        decision: What was decided.
        moment: Formats an instant for the reader.
        gettext: Translates a message and fills in its values.
    """
    _ = gettext
    converted, days = moment(decision.converted_at), decision.window_days
    if decision.winner is None:
        if any(lost.reason is LossReason.OTHER_PROGRAM for lost in decision.losers):
            return _(
                "No click counts for the customer who came on %(converted)s: a later "
                "one led to another program, and a customer earns in one.",
                converted=converted,
            )
        return _(
            "No click counts for the customer who came on %(converted)s: none was "
            "valid and within %(days)s days before.",
            converted=converted,
            days=days,
        )
    if decision.model.splits:
        return _shared_sentence(decision, converted, gettext)
    message = (
        _(
            "The first click in the %(days)s days before the customer came on "
            "%(converted)s was on %(clicked)s."
        )
        if decision.model is CreditModel.FIRST_CLICK
        else _(
            "The last click before the customer came on %(converted)s was on "
            "%(clicked)s, within the window of %(days)s days."
        )
    )
    clicked = moment(decision.winner.clicked_at)
    return message % {"converted": converted, "clicked": clicked, "days": days}


def _shared_sentence(
    decision: Decision, converted: str, gettext: Callable[..., str]
) -> str:
    _ = gettext
    if len(decision.winners) == 1:
        message = _(
            "Every click that counts in the %(days)s days before the customer came "
            "on %(converted)s led through the same partner."
        )
    elif decision.model is CreditModel.LINEAR:
        message = _(
            "%(number)s partners led to the customer in the %(days)s days before it "
            "came on %(converted)s. They share it in equal parts."
        )
    else:
        message = _(
            "%(number)s partners led to the customer in the %(days)s days before it "
            "came on %(converted)s. The first and the last click bring the same "
            "part; those between share the rest."
        )
    return message % {
        "number": len(decision.winners),
        "days": decision.window_days,
        "converted": converted,
    }


def _plain_moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _untranslated(message: str, **values: object) -> str:
    return message % values if values else message
