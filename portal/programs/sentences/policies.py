"""Sentences about what holds for the whole program."""

from datetime import date

from portal.programs.amounts import money
from portal.programs.definition import (
    Budget,
    Clawback,
    Combination,
    CreditModel,
    Fee,
    FeeInterval,
    FeePrices,
    FriendDiscount,
    PayoutPolicy,
    ProgramDefinition,
)
from portal.programs.rules import payout_date
from portal.programs.sentences.phrases import (
    all_of,
    any_of,
    country_names,
    in_a_year,
    months,
    ngettext,
)
from portal.programs.sentences.phrases import gettext as _
from portal.web.formats import percent_bps as percent

_QUARTER_END = date(2026, 6, 30)
"""The example of a payout date; only its day and month are shown."""
_BPS_PER_PERCENT = 100


def price_each(fee: Fee, minor: int, interval: FeeInterval | None = None) -> str:
    """Return a price with its interval, such as "$35.00 each month".

    Args:
        fee: The fee.
        minor: The price, in minor units.
        interval: How often it is paid; none for the usual interval.
    """
    amount = money(minor, fee.currency)
    if (interval or fee.interval) == "month":
        return _("%(amount)s each month", amount=amount)
    return _("%(amount)s each year", amount=amount)


def fee_sentences(fee: Fee) -> list[str]:
    """Return what it costs to be in."""
    said = [
        _(
            "%(title)s costs %(price)s.",
            title=fee.title,
            price=_range(fee, fee.choices[0]),
        )
    ]
    said += [
        _("You can pay %(price)s instead.", price=_range(fee, other))
        for other in fee.or_intervals
    ]
    if fee.growth_countries:
        said.append(
            _(
                "Partners in %(countries)s pay %(price)s.",
                countries=any_of(country_names(fee.growth_countries)),
                price=any_of(_range(fee, one, in_growth=True) for one in fee.choices),
            )
        )
    if fee.trial_days:
        said.append(
            ngettext(
                "The first %(num)d day is free.",
                "The first %(num)d days are free.",
                fee.trial_days,
            )
        )
    return said + _payment_page_sentences(fee) + _grace_sentences(fee)


def _range(fee: Fee, prices: FeePrices, *, in_growth: bool = False) -> str:
    by_tier = prices.growth_minor_by_tier if in_growth else prices.minor_by_tier
    lowest, *_others = found = sorted(set(by_tier.values()))
    price = price_each(fee, lowest, prices.interval)
    if len(found) == 1:
        return price
    return _(
        "%(low)s to %(high)s, by tier",
        low=price,
        high=price_each(fee, found[-1], prices.interval),
    )


def _payment_page_sentences(fee: Fee) -> list[str]:
    said = []
    if fee.coupon:
        said.append(_("The payment page takes off a discount."))
    if fee.promotion_codes:
        said.append(_("The payment page takes promotion codes."))
    if fee.collects:
        asked = {"address": _("your address"), "tax_id": _("your tax id")}
        said.append(
            _(
                "The payment page asks for %(what)s, for the invoices.",
                what=all_of(asked[one] for one in fee.collects),
            )
        )
    return said


def _grace_sentences(fee: Fee) -> list[str]:
    said = []
    if fee.grace_days:
        said.append(
            ngettext(
                "If a payment fails, you have %(num)d day to put it right.",
                "If a payment fails, you have %(num)d days to put it right.",
                fee.grace_days,
            )
        )
    return said


def attribution_sentences(definition: ProgramDefinition) -> list[str]:
    """Return whose a customer is."""
    return [*_registration_sentences(definition), *_click_sentences(definition)]


def _registration_sentences(definition: ProgramDefinition) -> list[str]:
    policy = definition.attribution.registration
    if policy is None:
        return []
    said = [
        ngettext(
            "A customer whom you registered counts as yours when they come within "
            "%(num)d day, whatever they clicked.",
            "A customer whom you registered counts as yours when they come within "
            "%(num)d days, whatever they clicked.",
            policy.days,
        ),
        _("Of several partners the first to register a customer keeps it."),
    ]
    if policy.max_open is not None:
        said.append(
            ngettext(
                "You may have %(num)d registration open at a time.",
                "You may have %(num)d registrations open at a time.",
                policy.max_open,
            )
        )
    return said


def _click_sentences(definition: ProgramDefinition) -> list[str]:
    model, window = definition.attribution.model, definition.attribution.window_days
    if model is CreditModel.LAST_CLICK:
        return [
            ngettext(
                "A customer counts as yours when your link was the last one they "
                "clicked in the %(num)d day before they first paid.",
                "A customer counts as yours when your link was the last one they "
                "clicked in the %(num)d days before they first paid.",
                window,
            )
        ]
    if model is CreditModel.FIRST_CLICK:
        return [
            ngettext(
                "A customer counts as yours when your link was the first one they "
                "clicked in the %(num)d day before they first paid.",
                "A customer counts as yours when your link was the first one they "
                "clicked in the %(num)d days before they first paid.",
                window,
            )
        ]
    shared = ngettext(
        "A customer counts as yours in part when they clicked your link in the "
        "%(num)d day before they first paid.",
        "A customer counts as yours in part when they clicked your link in the "
        "%(num)d days before they first paid.",
        window,
    )
    if model is CreditModel.LINEAR:
        how = _("All partners whose links they clicked share equally.")
    else:
        how = _(
            "The partner of the first click and the one of the last click get "
            "%(share)s each; those between share the rest.",
            share=percent(40 * _BPS_PER_PERCENT),
        )
    return [shared, how]


def payout_sentences(definition: ProgramDefinition) -> list[str]:
    """Return when money is sent."""
    payout = definition.payout
    example = in_a_year(payout_date(definition, _QUARTER_END))
    said = [_("You get a statement for each month.")]
    if payout.schedule == "quarterly":
        said.append(
            ngettext(
                "Statements are paid %(num)d day after the quarter ends: those for "
                "April to June on %(example)s.",
                "Statements are paid %(num)d days after the quarter ends: those for "
                "April to June on %(example)s.",
                payout.days_after,
                example=example,
            )
        )
    else:
        said.append(
            ngettext(
                "It is paid %(num)d day after the month ends: the one for June on "
                "%(example)s.",
                "It is paid %(num)d days after the month ends: the one for June on "
                "%(example)s.",
                payout.days_after,
                example=example,
            )
        )
    said += _days_sentences(payout)
    if payout.minimum_minor == 0:
        said.append(_("There is no minimum."))
    else:
        said.append(
            _(
                "Less than %(amount)s is carried to the next payment.",
                amount=money(payout.minimum_minor, definition.currency),
            )
        )
    return said + _kept_or_advanced(payout, definition.currency)


def _days_sentences(payout: PayoutPolicy) -> list[str]:
    said = []
    if payout.only_on_days:
        said.append(
            _(
                "Money is sent only on these days of a month: %(days)s.",
                days=all_of(str(day) for day in sorted(payout.only_on_days)),
            )
        )
    if payout.business_day:
        said.append(_("What falls on a weekend is sent on Monday."))
    return said


def _kept_or_advanced(payout: PayoutPolicy, currency: str) -> list[str]:
    if payout.holdback:
        return [
            _(
                "We keep back %(share)s of what you earn in a month and pay it "
                "%(months)s later, on day %(day)s of the month.",
                share=percent(payout.holdback.bps),
                months=months(payout.holdback.months),
                day=payout.holdback.release_day,
            )
        ]
    if payout.draw is None:
        return []
    least = _(
        "You are paid at least %(amount)s for each month.",
        amount=money(payout.draw.minor, currency),
    )
    if payout.draw.recoverable:
        return [least, _("What that adds comes out of what you earn above it later.")]
    return [least, _("What that adds is yours to keep.")]


def refund_sentences(clawback: Clawback) -> list[str]:
    """Return what a refund, or a customer who leaves, takes back."""
    if clawback.refunds == "none":
        said = [_("When a customer gets money back, you keep your commission.")]
    else:
        said = [
            _(
                "When a customer gets money back, the matching part of your "
                "commission is taken back on a later line; the first line stays as "
                "it is."
            )
        ]
        if clawback.refund_days:
            said.append(
                ngettext(
                    "A refund more than %(num)d day after the sale takes nothing back.",
                    "A refund more than %(num)d days after the sale takes nothing "
                    "back.",
                    clawback.refund_days,
                )
            )
    if clawback.prepaid_months:
        said.append(
            _(
                "A sale pays for %(months)s. If the customer leaves before they are "
                "over, the commission for the whole months that were not used is "
                "taken back.",
                months=months(clawback.prepaid_months),
            )
        )
    if clawback.refunds == "full" or clawback.prepaid_months:
        said.append(_("A balance below zero is carried to the next statement."))
    return said


def combination_sentence(definition: ProgramDefinition) -> str:
    """Return which of several rules pay for one sale."""
    return {
        Combination.SUM: _("Each of them that fits a sale pays."),
        Combination.FIRST_MATCH: _(
            "Only one pays for a sale: the first in this list that fits."
        ),
        Combination.HIGHEST: _(
            "Only one pays for a sale: the one that pays most; of equals, the first "
            "in this list."
        ),
    }[definition.combine]


def budget_sentences(budget: Budget, currency: str) -> list[str]:
    """Return the most that one partner is paid."""
    most = money(budget.most_minor, currency)
    if budget.per == "month":
        said = [_("We pay you at most %(most)s in a month.", most=most)]
    else:
        said = [_("We pay you at most %(most)s in all.", most=most)]
    said.append(
        _("A commission that would go over that is not paid, not even in part.")
    )
    return said


def friend_sentence(discount: FriendDiscount) -> str:
    """Return what a customer gets for coming through a partner's link."""
    return ngettext(
        "Customers who come through your link get %(share)s off their first invoice.",
        "Customers who come through your link get %(share)s off their first %(num)d "
        "invoices.",
        discount.invoices,
        share=percent(discount.percent_bps),
    )


def terms_sentence(definition: ProgramDefinition) -> str:
    """Return whether a change of the terms counts for earlier customers."""
    if definition.terms_from == "sale":
        return _(
            "If we change these terms, the new ones count for all sales from that day "
            "on, of earlier customers too."
        )
    return _(
        "If we change these terms, the new ones count for customers that you bring "
        "from that day on. Earlier customers keep the terms that they came under."
    )
