"""Short ways to write down what happened, for the tests of rating."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from portal.commissions.calculation import (
    CustomerFact,
    RatedLine,
    RefundFact,
    SaleFact,
    Terms,
    rate,
)
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, preset
from portal.tiers.facts import ItemFact


def key(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def sale(
    name: str,
    when: str | datetime,
    net_minor: int,
    *,
    customer: str = "c",
    currency: str = "USD",
    **more: Any,  # noqa: ANN401 - any other part of a sale
) -> SaleFact:
    return SaleFact(
        id=key(name),
        reference=name,
        customer_id=key(customer),
        currency=currency,
        net_minor=net_minor,
        occurred_at=at(when) if isinstance(when, str) else when,
        **more,
    )


def refund(name: str, of: SaleFact, when: str | datetime, net_minor: int) -> RefundFact:
    return RefundFact(
        id=key(name),
        reference=name,
        sale_id=of.id,
        net_minor=net_minor,
        occurred_at=at(when) if isinstance(when, str) else when,
    )


def definition(
    *,
    based_on: str = "hubspot-solutions-partner",
    **parts: Any,  # noqa: ANN401 - any part of a definition
) -> ProgramDefinition:
    """Return a preset with some parts replaced."""
    return ProgramDefinition.model_validate(dump_json(preset(based_on)) | parts)


def rule(**parts: object) -> dict[str, Any]:
    """Return a rule of 20 % for life unless `parts` says otherwise."""
    given: dict[str, Any] = {"key": "share", "title": "Your share", **parts}
    if "rate_bps_by_tier" not in given:
        given.setdefault("bands", [{"from_value": 0, "rate_bps": 2000}])
    return given


def bands(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"from_value": low, "rate_bps": rate} for low, rate in pairs]


def terms(
    program: ProgramDefinition, *customers: str, number: int = 1
) -> dict[UUID, Terms]:
    names = customers or ("c",)
    return {key(name): Terms(definition=program, number=number) for name in names}


def item(net_minor: int, **more: Any) -> ItemFact:  # noqa: ANN401 - any part of a line
    return ItemFact(net_minor=net_minor, **more)


def months(count: int, net: int = 10_000, **more: Any) -> list[SaleFact]:  # noqa: ANN401 - any part
    return [
        sale(f"m{number:02}", f"2026-{number + 1:02}-10", net, **more)
        for number in range(count)
    ]


def rated(
    sales: list[SaleFact],
    *rules: dict[str, Any],
    refunds: list[RefundFact] | None = None,
    customers: dict[str, CustomerFact] | None = None,
    **parts: Any,  # noqa: ANN401 - any part of a definition
) -> list[RatedLine]:
    program = definition(rules=list(rules), **parts)
    names = {sold.customer_id for sold in sales}
    return rate(
        sales,
        refunds or [],
        terms={name: Terms(definition=program, number=1) for name in names},
        customers={key(name): fact for name, fact in (customers or {}).items()},
    )


def amounts(lines: list[RatedLine]) -> list[int]:
    return [line.amount_minor for line in lines]
