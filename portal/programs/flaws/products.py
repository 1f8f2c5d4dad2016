"""Flaws in products: a rule names one that the program does not have."""

from collections.abc import Iterator
from difflib import get_close_matches

from portal.programs.definition import ProgramDefinition
from portal.programs.flaws.flaw import Flaw
from portal.programs.sentences.phrases import any_of
from portal.programs.sentences.phrases import gettext as _


def product_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield the products that rules name and the list of products does not.

    Without a list nobody can tell; `gaps` says so.
    """
    known = definition.products
    if not known:
        return
    for rule in definition.rules:
        path = f"rules.{rule.key}.when"
        if rule.when is None:
            continue
        for product in rule.when.products:
            if product not in known:
                yield Flaw(
                    f"{path}.products",
                    _unknown(product, known),
                    _(
                        "A sale of %(known)s does not fit %(rule)s, which waits for "
                        "%(product)s.",
                        known=_nearest(product, known),
                        rule=rule.title,
                        product=product,
                    ),
                )
        for product in rule.when.except_products:
            if product not in known:
                yield Flaw(
                    f"{path}.except_products",
                    _unknown(product, known),
                    _(
                        "A sale of %(known)s counts for %(rule)s, which leaves out "
                        "only %(product)s.",
                        known=_nearest(product, known),
                        rule=rule.title,
                        product=product,
                    ),
                )


def _unknown(product: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(product, known, n=1)
    return _(
        "There is no product %(product)s: write %(known)s, or add it to products.",
        product=product,
        known=close[0] if close else any_of(known),
    )


def _nearest(product: str, known: tuple[str, ...]) -> str:
    return next(iter(get_close_matches(product, known, n=1)), known[0])
