"""The lines of an invoice, as the parts of what was paid. Pure.

An invoice lists what it asks for; a sale records what was paid. So its lines are
brought down to that, and add up to it to the unit, in net and in tax:

- What a line asks for is its amount less its discounts, less prepaid credit, and less
  the tax that its price includes.
- A line below nothing is credit, such as the unused time of a plan that was changed.
  Nobody pays a credit: it pays for other lines. All lines of a product that has credit
  become one, and the units of the credit come off, so that five seats back and six
  seats new are one more seat. Credit that its product does not use up, or that names
  none, pays for all the other lines in proportion.
- What the invoice asks for beyond its lines, such as shipping, or the eleventh line
  that Stripe does not send, is a line of no units about which nothing is known.
- A line over nothing is left out, unless a discount took all of it.
- What was paid is split over what is left of the lines, in proportion. That makes no
  difference unless the customer's balance paid a part, or there was credit.

Both shapes of an invoice give the same lines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portal.kit.money import Money, Rounding, divide, split
from portal.sales.reading import Obj, id_of, positive, whole, words


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFacts:
    """A part of what was paid.

    Attributes:
        net_minor: What was paid for it, after discount and without tax.
        tax_minor: The tax on it.
        discount_minor: By how much a discount lowered it, without tax.
        product: The provider's id of the product; none if it is not known.
        units: Seats or pieces.
        description: For people.
    """

    net_minor: int
    tax_minor: int
    discount_minor: int = 0
    product: str | None = None
    units: int = 1
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedLine:
    """A line of an invoice: what it asks for.

    Attributes:
        amount_minor: As Stripe has it, before discounts.
        net_minor: After discounts and prepaid credit, without tax; negative: credit.
        tax_minor: The tax on it.
        discount_minor: By how much discounts lowered it, without tax.
        product: The provider's id of the product; none if the line names none.
        units: Seats or pieces.
        description: For people.
    """

    amount_minor: int
    net_minor: int
    tax_minor: int = 0
    discount_minor: int = 0
    product: str | None = None
    units: int = 1
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What an invoice asked for, or what was paid of it.

    Attributes:
        net_minor: Without tax.
        tax_minor: The tax.
    """

    net_minor: int
    tax_minor: int


def read_lines(invoice: Obj) -> Iterator[AskedLine]:
    """Read the lines of an invoice of either shape; Stripe sends ten at most.

    Raises:
        Unreadable: One of them lacks what every line has.
    """
    for line in (invoice.get("lines") or {}).get("data") or ():
        pricing = (line.get("pricing") or {}).get("price_details") or {}
        price = line.get("price") or line.get("plan") or {}
        amount, discount = whole(line, "amount"), _sum(line.get("discount_amounts"))
        taxes = line.get("taxes") or line.get("tax_amounts") or ()
        included = _sum(tax for tax in taxes if _is_included(tax))
        gross = amount - discount - _prepaid(line)
        net = gross - included
        if included and gross > 0:
            discount = divide(discount * net, gross, Rounding.HALF_AWAY)
        yield AskedLine(
            amount_minor=amount,
            net_minor=net,
            tax_minor=_sum(taxes),
            discount_minor=discount,
            product=id_of(pricing.get("product")) or id_of(price.get("product")),
            units=1 if line.get("quantity") is None else positive(line, "quantity"),
            description=words(line.get("description")) or "",
        )


def paid_lines(
    lines: Sequence[AskedLine], *, asked: Sums, paid: Sums
) -> tuple[LineFacts, ...]:
    """Return the parts of what was paid for an invoice; they add up to it.

    Args:
        lines: What the invoice lists.
        asked: What it asks for in all.
        paid: What was paid.
    """
    parts = _parts(lines, asked)
    nets = [part.net_minor for part in parts]
    total = sum(nets)
    if total == 0 or paid.net_minor < 0:
        return (LineFacts(net_minor=paid.net_minor, tax_minor=paid.tax_minor),)
    own_taxes = [max(part.tax_minor, 0) for part in parts]
    knows_taxes = sum(own_taxes) == asked.tax_minor > 0
    net_parts = split(Money(paid.net_minor, ""), nets)
    tax_parts = split(Money(paid.tax_minor, ""), own_taxes if knows_taxes else nets)
    return tuple(
        LineFacts(
            net_minor=net.minor,
            tax_minor=tax.minor,
            discount_minor=divide(
                max(part.discount_minor, 0) * paid.net_minor, total, Rounding.HALF_AWAY
            ),
            product=part.product,
            units=part.units,
            description=part.description,
        )
        for part, net, tax in zip(parts, net_parts, tax_parts, strict=True)
    )


def _parts(lines: Sequence[AskedLine], asked: Sums) -> list[AskedLine]:
    """Return what there is to pay for, with credit taken off its own product."""
    beyond = asked.net_minor - sum(line.net_minor for line in lines)
    with_credit = {line.product for line in lines if line.net_minor < 0}
    groups: dict[str | int, list[AskedLine]] = {}
    for number, line in enumerate(lines):
        is_joined = line.product is not None and line.product in with_credit
        key = line.product if is_joined and line.product else number
        groups.setdefault(key, []).append(line)
    parts = [_joined(group) for group in groups.values()]
    if lines and beyond > 0:
        tax = asked.tax_minor - sum(line.tax_minor for line in lines)
        rest = AskedLine(amount_minor=beyond, net_minor=beyond, tax_minor=tax, units=0)
        parts.append(rest)
    return [
        part
        for part in parts
        if part.net_minor > 0 or (part.net_minor == 0 and part.discount_minor > 0)
    ]


def _joined(lines: Sequence[AskedLine]) -> AskedLine:
    first = next((line for line in lines if line.net_minor > 0), lines[0])
    units = sum(line.units if line.net_minor >= 0 else -line.units for line in lines)
    return AskedLine(
        amount_minor=sum(line.amount_minor for line in lines),
        net_minor=sum(line.net_minor for line in lines),
        tax_minor=sum(line.tax_minor for line in lines),
        discount_minor=sum(line.discount_minor for line in lines),
        product=first.product,
        units=max(units, 0),
        description=first.description,
    )


def _is_included(tax: Obj) -> bool:
    """Tell whether the price includes this tax; each shape says so in its own way."""
    return tax.get("tax_behavior") == "inclusive" or tax.get("inclusive") is True


def _prepaid(line: Obj) -> int:
    """Return what credit paid that the customer had bought before."""
    listed = line.get("pretax_credit_amounts") or ()
    # Discounts are in this list, too, and counted already.
    return _sum(one for one in listed if one.get("type") != "discount")


def _sum(amounts: object) -> int:
    listed = amounts if isinstance(amounts, Iterator | Sequence) else ()
    return sum(whole(amount, "amount") for amount in listed)
