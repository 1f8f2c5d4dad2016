"""Who gets the credit for a customer: the last click that counts.

Pure: the service gathers the clicks, this module decides, the service records the
decision with every click that lost and why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID


class LossReason(StrEnum):
    """Why a click did not get the credit."""

    OLDER_CLICK = "older_click"
    OTHER_PROGRAM = "other_program"
    """A later click led to another program, and a customer earns in one."""
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
class Decision:
    """What was decided, on which grounds.

    Attributes:
        winner: The click that gets the credit; none when no click counts.
        losers: Every other click, latest first.
        window_days: How long after a click a conversion still counts.
        converted_at: When the customer signed up or first bought.
    """

    winner: Candidate | None
    losers: tuple[Loser, ...]
    window_days: int
    converted_at: datetime

    @property
    def sentence(self) -> str:
        """The decision in one sentence of plain English."""
        return sentence_of(self, moment=_plain_moment, gettext=_untranslated)


def as_data(decision: Decision) -> dict[str, Any]:
    """Return the decision as JSON values, to be kept."""
    return {
        "winner": _click_as_data(decision.winner) if decision.winner else None,
        "losers": [
            {**_click_as_data(loser.candidate), "reason": loser.reason.value}
            for loser in decision.losers
        ],
        "window_days": decision.window_days,
        "converted_at": decision.converted_at.isoformat(),
    }


def from_data(data: Mapping[str, Any]) -> Decision:
    """Return the decision that `as_data` wrote down."""
    return Decision(
        winner=_click_from_data(data["winner"]) if data["winner"] else None,
        losers=tuple(
            Loser(candidate=_click_from_data(row), reason=LossReason(row["reason"]))
            for row in data["losers"]
        ),
        window_days=data["window_days"],
        converted_at=datetime.fromisoformat(data["converted_at"]),
    )


def _click_as_data(candidate: Candidate) -> dict[str, str]:
    return {
        "click": str(candidate.click_id),
        "link": str(candidate.link_id),
        "enrollment": str(candidate.enrollment_id),
        "clicked_at": candidate.clicked_at.isoformat(),
    }


def _click_from_data(row: Mapping[str, str]) -> Candidate:
    return Candidate(
        click_id=UUID(row["click"]),
        link_id=UUID(row["link"]),
        enrollment_id=UUID(row["enrollment"]),
        clicked_at=datetime.fromisoformat(row["clicked_at"]),
    )


def decide(
    candidates: Sequence[Candidate], *, window_days: int, converted_at: datetime
) -> Decision:
    """Return which of the clicks of one program gets the credit.

    The last click wins. A click counts if the conversion came no later than
    `window_days` times 24 hours after it, to the second. The result does not depend
    on the order of `candidates`.
    """
    window = timedelta(days=window_days)
    winner: Candidate | None = None
    losers = []
    for candidate in sorted(candidates, key=_latest_first, reverse=True):
        reason = candidate.refused or _reason(candidate, window, converted_at)
        if reason is None and winner is None:
            winner = candidate
            continue
        losers.append(
            Loser(candidate=candidate, reason=reason or LossReason.OLDER_CLICK)
        )
    return Decision(
        winner=winner,
        losers=tuple(losers),
        window_days=window_days,
        converted_at=converted_at,
    )


def one_program_wins(decisions: Mapping[UUID, Decision]) -> dict[UUID, Decision]:
    """Return the decisions with a winner left only in the program clicked last.

    A customer earns in one program. In every other program the click that would
    have won becomes a loser, and the record says so.
    """
    winners = [
        (_latest_first(decision.winner), key)
        for key, decision in decisions.items()
        if decision.winner is not None
    ]
    chosen = max(winners)[1] if winners else None
    return {
        key: decision if key == chosen else _without_winner(decision)
        for key, decision in decisions.items()
    }


def _without_winner(decision: Decision) -> Decision:
    if decision.winner is None:
        return decision
    beaten = Loser(candidate=decision.winner, reason=LossReason.OTHER_PROGRAM)
    losers = sorted(
        (beaten, *decision.losers),
        key=lambda loser: _latest_first(loser.candidate),
        reverse=True,
    )
    return replace(decision, winner=None, losers=tuple(losers))


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
    converted = moment(decision.converted_at)
    if decision.winner is None:
        return _(
            "No click counts for the customer who came on %(converted)s: none was "
            "valid and within %(days)s days before.",
            converted=converted,
            days=decision.window_days,
        )
    return _(
        "The last click before the customer came on %(converted)s was on "
        "%(clicked)s, within the window of %(days)s days.",
        converted=converted,
        clicked=moment(decision.winner.clicked_at),
        days=decision.window_days,
    )


def _plain_moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _untranslated(message: str, **values: object) -> str:
    return message % values
