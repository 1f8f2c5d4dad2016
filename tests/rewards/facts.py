"""Short ways to write down programs that give rewards, and what happened."""

from datetime import UTC, datetime
from typing import Any

from portal.programs.definition import Moment, ProgramDefinition
from portal.programs.documents import load_json
from portal.rewards.calculation import Due, Formats, ReferralFact, sentence_of

QUESTIONS = [
    {"key": "company", "label": "Company", "kind": "short_text"},
    {"key": "country", "label": "Country", "kind": "country"},
]
FORMATS = Formats(
    money=lambda minor, currency: f"{currency} {minor / 100:.2f}",
    date=lambda moment: f"{moment:%Y-%m-%d}",
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def program(
    *rewards: dict[str, Any],
    **parts: Any,  # noqa: ANN401 - any part of a definition
) -> ProgramDefinition:
    """Return a program with nothing but these rewards."""
    return load_json(
        {
            "key": "friends",
            "name": "Friends",
            "summary": "Bring a friend.",
            "audience": "customers",
            "currency": "USD",
            "join": {
                "mode": "open",
                "steps": [{"key": "you", "title": "You", "questions": QUESTIONS}],
            },
            "gates": [
                {"key": "mail", "kind": "email", "title": "E-mail", "blocks": ["join"]}
            ],
            "attribution": {"window_days": 30},
            "landing_url": "{vendor}",
            "rewards": list(rewards),
            **parts,
        }
    )


def reward(**parts: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a reward
    """Return a free month per sign-up unless `parts` says otherwise."""
    given: dict[str, Any] = {
        "key": "gift",
        "title": "A gift",
        "follows": "signup",
        "kind": "free_months",
        **parts,
    }
    if "rate_bps" not in given:
        given.setdefault("value", 1)
    return given


def fact(
    name: str,
    when: str | datetime = "2026-03-01",
    **parts: Any,  # noqa: ANN401 - any part of a fact
) -> ReferralFact:
    """Return the sign-up of a friend of that name unless `parts` says otherwise."""
    given: dict[str, Any] = {
        "id": name,
        "moment": Moment.SIGNUP,
        "referrer": "ann",
        "friend": name,
        **parts,
    }
    return ReferralFact(at=at(when) if isinstance(when, str) else when, **given)


def facts(count: int, when: str = "2026-03-01", **parts: Any) -> list[ReferralFact]:  # noqa: ANN401 - any part of a fact
    """Return so many sign-ups of as many friends at one moment."""
    return [fact(f"f{number:03}", when, **parts) for number in range(count)]


def why(due: Due) -> str:
    return sentence_of(due.trace, FORMATS)
