"""Sentences about rewards that are not cash."""

from portal.kit.money import BPS_PER_WHOLE, Rounding
from portal.programs.amounts import money
from portal.programs.definition import (
    Beneficiary,
    Moment,
    ProgramDefinition,
    ReferralBlock,
    Reward,
    RewardCap,
    RewardKind,
    Risk,
    RiskCheck,
    RiskSignal,
)
from portal.programs.sentences.phrases import any_of, days, months, ngettext
from portal.programs.sentences.phrases import gettext as _
from portal.web.formats import number
from portal.web.formats import percent_bps as percent

_IN_MONEY = (RewardKind.CREDIT, RewardKind.GIFT_CARD)


def reward_sentences(reward: Reward, definition: ProgramDefinition) -> list[str]:
    """Return what is given to whom and for what, one fact a sentence."""
    what = _what(reward, definition.currency)
    said = [
        _(
            "%(who)s %(what)s %(occasion)s.",
            who=_who(reward.to),
            what=what,
            occasion=_occasion(reward),
        )
    ]
    said += _how_long(reward)
    said += _on_bills(reward)
    said += _about_reviews(reward)
    said += _what_counts(reward)
    said += _before_it_is_due(reward)
    if reward.true_up_days:
        said.append(
            _(
                "Seats that are given up within %(days)s take their part back.",
                days=days(reward.true_up_days),
            )
        )
    if reward.rate_bps is not None and reward.rounding is Rounding.DOWN:
        said.append(_("It is rounded down to the smallest unit of the currency."))
    if reward.cap:
        said += _cap_sentences(reward, reward.cap, definition.currency)
    return said


def _on_bills(reward: Reward) -> list[str]:
    said = []
    if reward.bills == "annual":
        said.append(_("It pays the next bill that is for a year."))
    if reward.most_of_bill_bps < BPS_PER_WHOLE:
        said.append(
            _(
                "It pays at most %(share)s of one bill.",
                share=percent(reward.most_of_bill_bps),
            )
        )
    if reward.excess == "forfeit":
        said.append(_("What one bill does not use is lost."))
    return said


def _about_reviews(reward: Reward) -> list[str]:
    if reward.follows is not Moment.REVIEW:
        return []
    said = [_("How many stars the review gives never matters.")]
    if reward.is_review_gating:
        said.append(_("Only customers who would recommend us are asked."))
    said.append(
        _("“%(words)s” stands beside the review.", words=reward.disclosed_as or "")
    )
    return said


def _what_counts(reward: Reward) -> list[str]:
    said = []
    if reward.only_by_link:
        said.append(
            _("It counts only for what came through the link that promised it.")
        )
    if reward.once_per_product:
        said.append(_("Each person gets it once for each product."))
    if reward.once_per_company:
        said.append(
            _("It is given once for each company, however many of its people come.")
        )
    said += [block_sentence(block) for block in reward.blocks]
    return said


def block_sentence(block: ReferralBlock) -> str:
    """Return what makes a referral count for nothing."""
    return {
        ReferralBlock.SAME_PERSON: _("A referral to your own mailbox does not count."),
        ReferralBlock.SAME_EMAIL_DOMAIN: _(
            "A referral to an address of your own company does not count."
        ),
        ReferralBlock.SAME_BILLING_ENTITY: _(
            "A referral does not count if one company pays for you both."
        ),
        ReferralBlock.EXISTING_CUSTOMER: _(
            "A friend who was a customer before does not count."
        ),
        ReferralBlock.DISPOSABLE_EMAIL: _("Throwaway e-mail addresses do not count."),
    }[block]


def _before_it_is_due(reward: Reward) -> list[str]:
    said = []
    if reward.wait_days:
        said.append(
            _(
                "It is due %(days)s later, if the friend is still there then.",
                days=days(reward.wait_days),
            )
        )
    if reward.needs_approval:
        said.append(_("We look at each one before it is due."))
    if reward.risk_check:
        said += _risk_sentences(reward.risk_check)
    if reward.needs_consent:
        said.append(_("Your employer must agree before you get it."))
    if reward.opt_out:
        said.append(_("You may do without it, if rules on gifts ask for that."))
    if reward.one_a_month:
        said.append(_("Several that were earned are given one a month."))
    return said


def _risk_sentences(check: RiskCheck) -> list[str]:
    words = {
        RiskSignal.SAME_IP: _(
            "%(count)s or more friends from one internet address",
            count=number(check.crowd_from),
        ),
        RiskSignal.VELOCITY: _(
            "%(count)s or more friends within an hour", count=number(check.crowd_from)
        ),
        RiskSignal.SAME_DEVICE: _("two friends on one device"),
        RiskSignal.SIMILAR_EMAIL: _("e-mail addresses that are almost the same"),
        RiskSignal.DISPOSABLE_EMAIL: _("throwaway e-mail addresses"),
    }
    signals = any_of(words[signal] for signal in check.signals)
    if check.holds_from is Risk.HIGH:
        return [
            _(
                "We look at referrals before the reward is due if several signs "
                "are against them: %(signals)s.",
                signals=signals,
            )
        ]
    return [
        _(
            "We look at referrals before the reward is due if we see %(signals)s.",
            signals=signals,
        )
    ]


def _who(to: Beneficiary) -> str:
    return {
        Beneficiary.REFERRER: _("You get"),
        Beneficiary.COMPANY: _("Your company gets"),
        Beneficiary.FRIEND: _("Your friend gets"),
    }[to]


def _what(reward: Reward, currency: str) -> str:
    if reward.rate_bps is not None:
        return _(
            "%(rate)s of the payment, without tax, as credit",
            rate=percent(reward.rate_bps),
        )
    what = _amount(reward, reward.value or 0, currency)
    if reward.per_seat:
        return _("%(what)s for each seat", what=what)
    return what


def _amount(reward: Reward, value: int, currency: str) -> str:
    """Return so much of a reward, such as "2 free months" or "10% off"."""
    if reward.kind is RewardKind.FREE_MONTHS:
        return ngettext("%(num)d free month", "%(num)d free months", value)
    if reward.kind is RewardKind.PERCENT_OFF:
        return _("%(rate)s off", rate=percent(value))
    if reward.kind in _IN_MONEY:
        amount = money(value, currency)
        if reward.kind is RewardKind.CREDIT:
            return _("a credit of %(amount)s", amount=amount)
        return _("a gift card of %(amount)s", amount=amount)
    if reward.kind is RewardKind.PLACES:
        return ngettext(
            "%(num)d place forward in the waiting list",
            "%(num)d places forward in the waiting list",
            value,
        )
    return _pieces(reward, value)


def _pieces(reward: Reward, value: int) -> str:
    if value == 1:
        return _("“%(title)s”", title=reward.title)
    return _("%(count)s × “%(title)s”", count=number(value), title=reward.title)


def _occasion(reward: Reward) -> str:
    if reward.at_count:
        return {
            Moment.SIGNUP: ngettext(
                "once %(num)d friend has signed up and is confirmed",
                "once %(num)d friends have signed up and are confirmed",
                reward.at_count,
            ),
            Moment.FIRST_PAYMENT: ngettext(
                "once %(num)d friend has paid",
                "once %(num)d friends have paid",
                reward.at_count,
            ),
            Moment.PAYMENT: ngettext(
                "once friends have made %(num)d payment",
                "once friends have made %(num)d payments",
                reward.at_count,
            ),
            Moment.REVIEW: ngettext(
                "once %(num)d review is published",
                "once %(num)d reviews are published",
                reward.at_count,
            ),
        }[reward.follows]
    if reward.every:
        return {
            Moment.SIGNUP: ngettext(
                "for every %(num)d friend who signs up and is confirmed",
                "for every %(num)d friends who sign up and are confirmed",
                reward.every,
            ),
            Moment.FIRST_PAYMENT: ngettext(
                "for every %(num)d friend who pays for the first time",
                "for every %(num)d friends who pay for the first time",
                reward.every,
            ),
            Moment.PAYMENT: ngettext(
                "for every %(num)d payment of friends",
                "for every %(num)d payments of friends",
                reward.every,
            ),
            Moment.REVIEW: ngettext(
                "for every %(num)d review that is published",
                "for every %(num)d reviews that are published",
                reward.every,
            ),
        }[reward.follows]
    return _each_time(reward)


def _each_time(reward: Reward) -> str:
    if reward.to is Beneficiary.FRIEND:
        return {
            Moment.SIGNUP: _("for signing up, once it is confirmed"),
            Moment.FIRST_PAYMENT: _("for the first payment"),
            Moment.PAYMENT: _("for every payment"),
            Moment.REVIEW: _("for each review that is published"),
        }[reward.follows]
    return {
        Moment.SIGNUP: _("for each friend who signs up and is confirmed"),
        Moment.FIRST_PAYMENT: _("for each friend who pays for the first time"),
        Moment.PAYMENT: _("for every payment of a friend"),
        Moment.REVIEW: _("for each review that is published"),
    }[reward.follows]


def _how_long(reward: Reward) -> list[str]:
    said = []
    if reward.months:
        said.append(_("It lasts %(months)s.", months=months(reward.months)))
    elif reward.kind is RewardKind.PERCENT_OFF and not reward.while_active:
        said.append(_("It counts for one bill."))
    if reward.while_active:
        said.append(_("It ends when the friend leaves."))
    if not reward.adds_up:
        said.append(_("It does not add to other discounts; only the largest counts."))
    return said


def _cap_sentences(reward: Reward, cap: RewardCap, currency: str) -> list[str]:
    if cap.count is not None:
        most = ngettext("%(num)d of them", "%(num)d of them", cap.count)
    else:
        most = value_text(reward, cap.total or 0, currency)
    if cap.per == "calendar_year":
        said = [_("The most in a calendar year is %(most)s.", most=most)]
    else:
        said = [_("The most in all is %(most)s.", most=most)]
    if cap.overflow == "replace_oldest":
        said.append(_("One more takes the place of the oldest."))
    else:
        said.append(_("What goes over that is written down and not given."))
    return said


def value_text(reward: Reward, value: int, currency: str) -> str:
    """Return so much of what a reward's `value` counts."""
    if reward.kind in _IN_MONEY:
        return money(value, currency)
    return _amount(reward, value, currency)
