"""Lines in the words of the request's language."""

from flask_babel import gettext

from portal.commissions.calculation import Formats, Step, sentence_of, steps_of
from portal.commissions.models import Commission
from portal.commissions.rules import masked_customer
from portal.kit.ids import public_id
from portal.kit.money import Money
from portal.programs.definition import BandMode, ProgramDefinition, Rule
from portal.sales.models import Customer
from portal.web.formats import date_text, format_money, money_text, percent_bps


def _money(minor: int, currency: str) -> str:
    return money_text(Money(minor, currency))


def _money_in_english(minor: int, currency: str) -> str:
    return format_money(Money(minor, currency), "en")


FORMATS = Formats(money=_money, date=date_text, gettext=gettext, rate=percent_bps)
"""For pages: the language, numbers and time zone of the request."""

ENGLISH = Formats(money=_money_in_english, date=lambda moment: f"{moment:%Y-%m-%d}")
"""For commands, where nobody chose a language."""


def why(line: Commission, formats: Formats = FORMATS) -> str:
    """Return why the line has its amount, in a sentence or two."""
    return sentence_of(line.trace, formats)


def figures(line: Commission, formats: Formats = FORMATS) -> list[Step]:
    """Return the calculation of the line as rows of figures."""
    return steps_of(line.trace, formats)


def rates(line: Commission, formats: Formats = FORMATS) -> str:
    """Return the rates that the line was rated at, such as `5%, 7%`."""
    found = dict.fromkeys(band["rate_bps"] for band in line.trace["bands"])
    return ", ".join(formats.rate(rate_bps) for rate_bps in found)


def customer_label(customer: Customer) -> str:
    """Return what a partner reads instead of the customer's name."""
    return masked_customer(customer.name, customer.email, public_id("cus", customer.id))


def rule_in_words(
    rule: Rule, definition: ProgramDefinition, formats: Formats = FORMATS
) -> list[str]:
    """Return what a rule pays, one sentence for each band or level."""
    _ = formats.gettext
    if rule.rate_bps_by_tier and definition.tiers:
        return [
            _(
                "%(rate)s on the level %(level)s",
                rate=formats.rate(rule.rate_bps_by_tier[level.key]),
                level=level.name,
            )
            for level in definition.tiers.levels
        ]
    if len(rule.bands) == 1:
        return [_("%(rate)s of net sales", rate=formats.rate(rule.bands[0].rate_bps))]
    message = (
        _("%(rate)s of all net sales once they reach %(low)s")
        if rule.mode is BandMode.WHOLE
        else _("%(rate)s of the net sales from %(low)s on")
    )
    return [
        message
        % {
            "rate": formats.rate(band.rate_bps),
            "low": formats.money(band.from_minor, definition.currency),
        }
        for band in rule.bands
    ]
