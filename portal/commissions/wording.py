"""Lines in the words of the request's language."""

from typing import Any, Protocol
from uuid import UUID

from flask_babel import gettext

from portal.attribution.splitting import share_bps
from portal.commissions.calculation import Formats, Step, sentence_of, steps_of
from portal.commissions.rules import masked_customer
from portal.kit.ids import public_id
from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition, Rule
from portal.programs.sentences import rule_sentences
from portal.web.formats import date_text, format_money, money_text, percent_bps


def _money(minor: int, currency: str) -> str:
    return money_text(Money(minor, currency))


def _money_in_english(minor: int, currency: str) -> str:
    return format_money(Money(minor, currency), "en")


FORMATS = Formats(money=_money, date=date_text, gettext=gettext, rate=percent_bps)
"""For pages: the language, numbers and time zone of the request."""

ENGLISH = Formats(money=_money_in_english, date=lambda moment: f"{moment:%Y-%m-%d}")
"""For commands, where nobody chose a language."""


class Traced(Protocol):
    """A line that tells how its amount came about."""

    @property
    def trace(self) -> dict[str, Any]:
        """How, as data."""


class Named(Protocol):
    """A customer."""

    @property
    def id(self) -> UUID:
        """The key."""

    @property
    def name(self) -> str | None:
        """The name, if it is known."""

    @property
    def email(self) -> str | None:
        """The address, if it is known."""


def why(line: Traced, formats: Formats = FORMATS) -> str:
    """Return why the line has its amount, in a sentence or two."""
    return sentence_of(line.trace, formats)


def figures(line: Traced, formats: Formats = FORMATS) -> list[Step]:
    """Return the calculation of the line as rows of figures."""
    return steps_of(line.trace, formats)


def rates(line: Traced, formats: Formats = FORMATS) -> str:
    """Return the rates that the line was rated at, such as `5%, 7%`."""
    found = dict.fromkeys(band["rate_bps"] for band in line.trace["bands"])
    return ", ".join(formats.rate(rate_bps) for rate_bps in found)


def customer_label(customer: Named) -> str:
    """Return what a partner reads instead of the customer's name."""
    return masked_customer(customer.name, customer.email, public_id("cus", customer.id))


def share_text(weight: int, of_weight: int) -> str:
    """Return a share of a customer as a percentage, such as `40%` or `33.33%`."""
    return percent_bps(share_bps(weight, of_weight))


def rule_in_words(rule: Rule, definition: ProgramDefinition) -> list[str]:
    """Return what a rule pays, in the sentences of the program's page.

    Rates by level are listed level by level, so that a line shows which one it is.
    """
    said = rule_sentences(rule, definition)
    if not (rule.rate_bps_by_tier and definition.tiers):
        return said
    by_level = [
        gettext(
            "%(rate)s on the level %(level)s",
            rate=percent_bps(rule.rate_bps_by_tier[level.key]),
            level=level.name,
        )
        for level in definition.tiers.levels
    ]
    return said + by_level
