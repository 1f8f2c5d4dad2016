"""Sales and refunds of shared customers, brought down to one partner's part. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from portal.attribution.splitting import (
    CreditShare,
    parts_of,
    parts_of_lines,
    refunded_parts,
)
from portal.tiers.facts import Event, ItemFact, SaleFact


def shared(events: Iterable[Event], shares: Mapping[UUID, CreditShare]) -> list[Event]:
    """Return the events with a partner's part in place of the whole.

    The parts of everybody who shares a customer add up to the whole at any moment:
    those of a sale, of each of its lines, and of what is left after each refund.
    A seat cannot be split, so the seats of a sale are dealt out whole.

    Args:
        events: What happened with the partner's customers, in order.
        shares: The partner's share of each customer that it does not have alone.
    """
    parts: dict[UUID, SaleFact] = {}
    found = []
    for event in events:
        share = shares.get(event.sale.customer_id)
        if share is not None:
            if event.sale.id not in parts:
                parts[event.sale.id] = part_of_sale(event.sale, share)
            event = _part_of(event, parts[event.sale.id], share)  # noqa: PLW2901
        found.append(event)
    return found


def part_of_sale(sale: SaleFact, share: CreditShare) -> SaleFact:
    """Return a partner's part of a sale."""
    weights, index = share.weights, share.index
    nets = parts_of_lines([item.net_minor for item in sale.lines], weights)
    units = parts_of_lines([item.units for item in sale.lines], weights)
    items = tuple(
        ItemFact(
            net_minor=net[index],
            product=item.product,
            units=number[index],
            discount_minor=parts_of(item.discount_minor, weights)[index],
            tax_minor=parts_of(item.tax_minor, weights)[index],
            cost_minor=None
            if item.cost_minor is None
            else parts_of(item.cost_minor, weights)[index],
        )
        for item, net, number in zip(sale.lines, nets, units, strict=True)
    )
    return replace(
        sale, net_minor=parts_of(sale.net_minor, weights)[index], items=items
    )


def _part_of(event: Event, part: SaleFact, share: CreditShare) -> Event:
    def left(whole_minor: int) -> int:
        net = event.sale.net_minor
        taken = refunded_parts(net, net - whole_minor, share.weights)
        return part.net_minor - taken[share.index]

    if event.refund is None:
        return replace(event, sale=part, left_after_minor=part.net_minor)
    before, after = left(event.left_before_minor), left(event.left_after_minor)
    return replace(
        event,
        sale=part,
        refund=replace(event.refund, net_minor=before - after),
        left_before_minor=before,
        left_after_minor=after,
    )
