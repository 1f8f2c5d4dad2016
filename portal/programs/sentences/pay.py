"""Sentences about what a rule pays."""

from portal.programs.amounts import money
from portal.programs.definition import (
    CapScope,
    Hold,
    ProgramDefinition,
    Rule,
    TierMoment,
    Trigger,
)
from portal.programs.sentences.bands import (
    accelerator_sentences,
    band_sentences,
    base_phrase,
    flat_sentence,
    thing,
)
from portal.programs.sentences.conditions import condition_sentences
from portal.programs.sentences.phrases import gettext as _
from portal.programs.sentences.phrases import months, ngettext
from portal.web.formats import percent_bps as percent


def rule_sentences(rule: Rule, definition: ProgramDefinition) -> list[str]:
    """Return what a rule pays, as the partner reads it, one fact a sentence."""
    said = _pay_sentences(rule, definition.currency)
    if rule.accelerator:
        said += accelerator_sentences(rule, rule.accelerator, definition.currency)
    said += condition_sentences(rule, definition)
    if rule.all_or_nothing_months:
        said.append(
            _(
                "You earn only if the customer stays for %(months)s, and it is paid "
                "after that.",
                months=months(rule.all_or_nothing_months),
            )
        )
    said += _cap_sentences(rule, definition.currency)
    if rule.hold:
        said += hold_sentences(rule.hold, of_rule=True)
    return said


def rule_sentence(rule: Rule, definition: ProgramDefinition) -> str:
    """Return all that `rule_sentences` says in one text."""
    return " ".join(rule_sentences(rule, definition))


def _pay_sentences(rule: Rule, currency: str) -> list[str]:
    if rule.rate_bps_by_tier:
        return _tier_rate_sentences(rule)
    if len(rule.bands) > 1:
        return [_many_bands_sentence(rule), *band_sentences(rule, currency)]
    band = rule.bands[0]
    if band.rate_bps is not None:
        return [_with_duration(rule, percent(band.rate_bps))]
    if band.each_minor is not None:
        amount = money(band.each_minor, currency)
        said = [
            _(
                "You earn %(amount)s for each %(thing)s.",
                amount=amount,
                thing=thing(rule),
            )
        ]
    else:
        said = [flat_sentence(rule, currency)]
    return said + _which_payments(rule)


def _with_duration(rule: Rule, rate: str) -> str:
    duration = _duration(rule)
    if not duration:
        return _("You earn %(rate)s of %(base)s.", rate=rate, base=base_phrase(rule))
    return _(
        "You earn %(rate)s of %(base)s, %(duration)s.",
        rate=rate,
        base=base_phrase(rule),
        duration=duration,
    )


def _many_bands_sentence(rule: Rule) -> str:
    if any(band.rate_bps is not None for band in rule.bands):
        return _with_duration(rule, _("a share"))
    duration = _duration(rule)
    if any(band.each_minor is not None for band in rule.bands):
        what = _("You earn an amount for each %(thing)s", thing=thing(rule))
    else:
        what = _("You earn a fixed sum")
    return f"{what}, {duration}." if duration else f"{what}."


def _duration(rule: Rule) -> str:
    """Return which of a customer's payments earn, to end a sentence with."""
    sale = rule.when.sale if rule.when else "any"
    if sale == "first":
        return _("on their first payment only")
    if sale == "renewal" and rule.duration_months:
        return _(
            "on every payment after the first, for %(months)s",
            months=months(rule.duration_months),
        )
    if sale == "renewal":
        return _("on every payment after the first")
    if rule.duration_months:
        return ngettext("for %(num)d month", "for %(num)d months", rule.duration_months)
    if rule.pays_for is not Trigger.SALE:
        return ""
    return _("for as long as they stay a customer")


def _which_payments(rule: Rule) -> list[str]:
    """Return which payments earn, as a sentence of its own; none for all of them."""
    sale = rule.when.sale if rule.when else "any"
    said = []
    if sale == "first":
        said.append(_("Only the first one of each customer counts."))
    if sale == "renewal":
        said.append(_("The first one of each customer does not count."))
    if rule.duration_months and sale != "first":
        said.append(
            _(
                "Each customer counts for %(months)s.",
                months=months(rule.duration_months),
            )
        )
    return said


def _tier_rate_sentences(rule: Rule) -> list[str]:
    low, high = min(rule.rate_bps_by_tier.values()), max(rule.rate_bps_by_tier.values())
    if low == high:
        return [_with_duration(rule, percent(low))]
    rate = _("%(low)s to %(high)s", low=percent(low), high=percent(high))
    if rule.tier_at is TierMoment.FIRST_SALE:
        moment = _(
            "Your tier on the day of the customer's first payment decides the rate, "
            "and the customer keeps it."
        )
    else:
        moment = _("Your tier on the day of each payment decides the rate.")
    return [_with_duration(rule, rate), moment]


def _cap_sentences(rule: Rule, currency: str) -> list[str]:
    said = []
    for cap in rule.caps:
        most = money(cap.most_minor, currency)
        said.append(
            {
                CapScope.SALE: _("It pays at most %(most)s for one sale.", most=most),
                CapScope.CUSTOMER: _(
                    "It pays at most %(most)s for one customer.", most=most
                ),
                CapScope.MONTH: _("It pays at most %(most)s in a month.", most=most),
                CapScope.QUARTER: _(
                    "It pays at most %(most)s in a quarter.", most=most
                ),
                CapScope.YEAR: _("It pays at most %(most)s in a year.", most=most),
                CapScope.LIFE: _("It pays at most %(most)s in all.", most=most),
            }[cap.per]
        )
    if said:
        said.append(_("What goes over that is written down and not paid."))
    return said


def hold_sentences(hold: Hold, *, of_rule: bool = False) -> list[str]:
    """Return how long a commission waits.

    Args:
        hold: The waiting time.
        of_rule: Whether it is a rule's own, instead of the program's.
    """
    subject = _("This commission") if of_rule else _("A commission")
    if hold.days == 0 and not hold.to_month_end:
        said = [
            _(
                "%(commission)s goes on the statement of the month of the sale, at "
                "once.",
                commission=subject,
            )
        ]
    elif hold.days == 0:
        said = [
            _(
                "%(commission)s waits until the month of the sale is over.",
                commission=subject,
            )
        ]
    else:
        said = [_waits_days(hold, subject)]
        if not hold.to_month_end:
            said.append(_("Then it goes on the statement of that month."))
    if hold.while_customer:
        said.append(_("If the customer leaves before that, it is not paid."))
    return said


def _waits_days(hold: Hold, subject: str) -> str:
    if hold.to_month_end:
        return ngettext(
            "%(commission)s waits %(num)d day after the sale, and then until that "
            "month is over, so that refunds can come first.",
            "%(commission)s waits %(num)d days after the sale, and then until that "
            "month is over, so that refunds can come first.",
            hold.days,
            commission=subject,
        )
    return ngettext(
        "%(commission)s waits %(num)d day after the sale, so that refunds can come "
        "first.",
        "%(commission)s waits %(num)d days after the sale, so that refunds can come "
        "first.",
        hold.days,
        commission=subject,
    )
