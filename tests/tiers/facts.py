"""Short ways to write down tiers and what happened, for the tests of levels."""

from datetime import UTC as UTC_OFFSET
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from portal.programs.definition import DealSource, ProgramDefinition, Tiers
from portal.programs.documents import dump_json, preset
from portal.tiers.facts import (
    RefundFact,
    SaleFact,
    TierFact,
    TierInputs,
    TierOverride,
    in_order,
)
from portal.tiers.rules import ChangeReason, Timeline, timeline

UTC = ZoneInfo("UTC")


def key(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC_OFFSET)


def refund(name: str, of: SaleFact, when: str, net_minor: int) -> RefundFact:
    return RefundFact(
        id=key(name),
        reference=name,
        sale_id=of.id,
        net_minor=net_minor,
        occurred_at=at(when),
    )


def program(
    based_on: str = "hubspot-solutions-partner",
    **parts: Any,  # noqa: ANN401 - any part of a definition
) -> ProgramDefinition:
    """A preset with some parts replaced."""
    return ProgramDefinition.model_validate(dump_json(preset(based_on)) | parts)


def tiers(metric: str, window: str, *bounds: int, **more: object) -> Tiers:
    """Levels l0, l1, ... that begin at `bounds`; `l1={...}` adds to a level."""
    levels = [
        {
            "key": f"l{number}",
            "name": f"Level {number}",
            "from_value": bound,
            **_of(more.pop(f"l{number}", {})),
        }
        for number, bound in enumerate(bounds)
    ]
    return Tiers.model_validate(
        {"metric": metric, "window": window, "levels": levels, **more}
    )


def _of(parts: object) -> dict[str, Any]:
    assert isinstance(parts, dict)
    return parts


def sale(
    name: str,
    when: str,
    net_minor: int,
    *,
    customer: str = "c",
    currency: str = "USD",
    source: str = "sourced",
    country: str | None = None,
    **more: Any,  # noqa: ANN401 - any other part of a sale
) -> SaleFact:
    return SaleFact(
        id=key(name),
        reference=name,
        customer_id=key(customer),
        currency=currency,
        net_minor=net_minor,
        occurred_at=at(when),
        source=DealSource(source),
        country=country,
        **more,
    )


def recorded(fact: str, when: str, value: int) -> TierFact:
    return TierFact(fact=fact, value=value, at=at(when))


def by_hand(level: str, when: str, until: str | None = None) -> TierOverride:
    return TierOverride(
        level=level, from_at=at(when), until_at=at(until) if until else None
    )


def line_of(
    levels: Tiers,
    sales: list[SaleFact],
    refunds: list[RefundFact] | None = None,
    until: str | None = None,
    *,
    joined: str | None = None,
    facts: tuple[TierFact, ...] = (),
    overrides: tuple[TierOverride, ...] = (),
    zone: ZoneInfo = UTC,
) -> Timeline:
    return timeline(
        levels,
        in_order(sales, refunds or []),
        currency="USD",
        zone=zone,
        until=at(until) if until else None,
        inputs=TierInputs(
            joined_at=at(joined) if joined else None, facts=facts, overrides=overrides
        ),
    )


def moves(line: Timeline) -> list[tuple[str, str, ChangeReason]]:
    return [
        (f"{change.from_at:%Y-%m-%d}", change.level.key, change.reason)
        for change in line.changes
    ]
