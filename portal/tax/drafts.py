"""A filled-in tax form on its way from the page to the service."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.tax.numbers import TinKind
from portal.tax.rules import FormKind, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A filled-in form, before it is signed.

    Attributes:
        kind: Which form.
        name: Line 1.
        country: Of residence for tax.
        place: Where the services are performed.
        tin_kind: The register of the number; none without a number.
        tin: The number as it was typed.
        treaty_bps: The rate that a treaty allows; none without a claim.
        details: The other answers, none of which is secret.
        secret: The answers that only some eyes may see, such as the address.
    """

    kind: FormKind
    name: str
    country: str
    place: Place
    tin_kind: TinKind | None
    tin: str = ""
    treaty_bps: int | None = None
    details: Mapping[str, str | bool] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict)
