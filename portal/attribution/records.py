"""A decision in the form in which it is kept. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.attribution.rules import Candidate, Decision, Loser, LossReason, Winner
from portal.programs.definition import CreditModel


def as_data(decision: Decision) -> dict[str, Any]:
    """Return the decision as JSON values, to be kept."""
    return {
        "model": decision.model.value,
        "winners": [
            {
                "enrollment": str(winner.enrollment_id),
                "weight": winner.weight,
                "clicks": [_click_as_data(click) for click in winner.clicks],
            }
            for winner in decision.winners
        ],
        "of_weight": decision.of_weight,
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
        model=CreditModel(data["model"]),
        winners=tuple(
            Winner(
                enrollment_id=UUID(row["enrollment"]),
                weight=row["weight"],
                clicks=tuple(_click_from_data(click) for click in row["clicks"]),
            )
            for row in data["winners"]
        ),
        of_weight=data["of_weight"],
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
