"""`portal programs ceiling`: how much commission an order can bear."""

import re
from fractions import Fraction

import click
from flask.cli import with_appcontext

from portal.kit.money import BPS_PER_WHOLE, Rounding, divide
from portal.programs import economics
from portal.programs.amounts import money
from portal.programs.cli.answers import as_json, say_json
from portal.programs.definition import MOST_MINOR

_MINOR = click.IntRange(0, MOST_MINOR)


def _currency(_context: click.Context, _option: click.Parameter, code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        raise click.BadParameter("give three capital letters, such as USD")
    return code


@click.command("ceiling")
@click.option("--order-minor", type=_MINOR, required=True, help="What an order brings.")
@click.option(
    "--cost-minor",
    "costs_minor",
    type=_MINOR,
    multiple=True,
    help="What goods, shipping or fees cost. Repeat it for each.",
)
@click.option(
    "--returned-bps",
    type=click.IntRange(0, BPS_PER_WHOLE),
    default=0,
    help="The share of orders that come back, in basis points.",
)
@click.option(
    "--currency", callback=_currency, default="USD", help="Its ISO 4217 code; USD."
)
@as_json
@with_appcontext
def ceiling(
    *,
    order_minor: int,
    costs_minor: tuple[int, ...],
    returned_bps: int,
    currency: str,
    as_json: bool,
) -> None:
    """Say how much commission an order can bear. Amounts are in minor units.

    A third of what an order leaves on average leaves room; more than half is too much.
    """
    kept = economics.kept_of_order(order_minor, costs_minor, returned_bps)
    found = economics.ceiling(kept)
    limits = [_minor(one) for one in found or ()]
    if as_json:
        low, high = limits or (None, None)
        say_json({"kept_minor": _minor(kept), "low_minor": low, "high_minor": high})
    elif not limits:
        click.echo("An order leaves nothing to pay a commission from.")
    else:
        low_text, high_text = (money(limit, currency) for limit in limits)
        click.echo(
            f"An order leaves {money(_minor(kept), currency)} on average: a commission "
            f"of up to {low_text} leaves room, more than {high_text} is too much."
        )


def _minor(exact: Fraction) -> int:
    return divide(exact.numerator, exact.denominator, Rounding.HALF_AWAY)
