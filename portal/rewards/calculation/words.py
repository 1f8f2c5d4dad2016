"""A trace in words: why a reward is due, or is not.

The trace is data; the sentence is made from it in the reader's language.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from portal.commissions import calculation as commissions
from portal.kit.money import Rounding
from portal.programs.definition import Moment, RewardKind, RiskSignal
from portal.rewards.calculation.facts import DueState, Reason, Trace


def plain_ngettext(one: str, many: str, num: int, **values: object) -> str:
    """Return the English message for `num`, with its values filled in."""
    return (one if num == 1 else many) % {"num": num, **values}


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats(commissions.Formats):
    """How the reader's language writes things.

    Attributes:
        ngettext: Translates a message that depends on a number.
    """

    ngettext: Callable[..., str] = plain_ngettext


def sentence_of(trace: Trace, formats: Formats) -> str:
    """Return what is due or not, and why, in a sentence or a few."""
    state = DueState(trace["state"])
    if state is DueState.WITHDRAWN:
        return _nothing(trace, formats)
    if state is DueState.OVER_CAP:
        return _over(trace, formats)
    parts = [_earned(trace, formats)]
    if trace.get("rounding") == Rounding.DOWN:
        parts.append(formats.gettext("A fraction of the smallest coin is left out."))
    if trace["over_cap"]:
        parts.append(_partly_over(trace, formats))
    parts.append(_STATES[state](trace, formats))
    return " ".join(parts)


def amount_of(trace: Trace, value: int, formats: Formats) -> str:
    """Return so much of the reward in words, such as "3 free months"."""
    _, ngettext = formats.gettext, formats.ngettext
    match RewardKind(trace["kind"]):
        case RewardKind.FREE_MONTHS:
            text = ngettext("%(num)d free month", "%(num)d free months", value)
        case RewardKind.PERCENT_OFF:
            text = _("%(rate)s off", rate=formats.rate(value))
        case RewardKind.CREDIT:
            amount = formats.money(value, trace["currency"])
            text = _("%(amount)s credit", amount=amount)
        case RewardKind.GIFT_CARD:
            amount = formats.money(value, trace["currency"])
            text = _("%(amount)s gift card", amount=amount)
        case RewardKind.PLACES:
            text = ngettext("%(num)d place forward", "%(num)d places forward", value)
        case RewardKind.ITEM if value > 1:
            text = _("%(count)s of %(title)s", count=value, title=trace["title"])
        case _:
            text = str(trace["title"])
    return text


def _earned(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    value = trace["value"]
    return _(
        "%(what)s for %(why)s%(how)s.",
        what=amount_of(trace, value, formats),
        why=_why(trace, formats),
        how=_how(trace, formats),
    )


def _why(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    day = _day(trace["earned_at"], formats)
    if "count" in trace:
        return formats.ngettext(
            "reaching %(num)d referral on %(day)s",
            "reaching %(num)d referrals on %(day)s",
            trace["count"],
            day=day,
        )
    why = {
        Moment.SIGNUP: _("the sign-up of %(day)s", day=day),
        Moment.FIRST_PAYMENT: _("the first payment of %(day)s", day=day),
        Moment.PAYMENT: _("the payment of %(day)s", day=day),
        Moment.REVIEW: _("the review of %(day)s", day=day),
    }
    return why[Moment(trace["follows"])]


def _how(trace: Trace, formats: Formats) -> str:
    """Return how the value comes about, where it is not the same each time."""
    _, ngettext = formats.gettext, formats.ngettext
    if "rate_bps" in trace:
        return _(
            ": %(rate)s of %(base)s",
            rate=formats.rate(trace["rate_bps"]),
            base=formats.money(trace["base_minor"], trace["currency"]),
        )
    if "seats" not in trace:
        return ""
    said = ngettext(
        ": %(num)d seat at %(each)s",
        ": %(num)d seats at %(each)s each",
        trace["seats"],
        each=amount_of(trace, trace["each"], formats),
    )
    if trace["seats"] == trace["seats_bought"]:
        return said
    return said + _(", of %(bought)s bought", bought=trace["seats_bought"])


def _partly_over(trace: Trace, formats: Formats) -> str:
    return formats.gettext(
        "Not given, as it is over the cap: %(more)s (%(cap)s).",
        more=amount_of(trace, trace["over_cap"], formats),
        cap=_cap(trace, formats),
    )


def _over(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    earned = amount_of(trace, trace["over_cap"], formats)
    if trace["reason"] == Reason.REPEATED:
        once = {
            "company": _("one company counts once"),
            "product": _("one person and product count once"),
            "friend": _("one person counts once"),
        }[trace["once"]]
        return _(
            "Nothing for %(why)s: %(once)s. Not given: %(earned)s.",
            why=_why(trace, formats),
            once=once,
            earned=earned,
        )
    return _(
        "Not given: %(earned)s for %(why)s. That is over the cap: %(cap)s.",
        earned=earned,
        why=_why(trace, formats),
        cap=_cap(trace, formats),
    )


def _cap(trace: Trace, formats: Formats) -> str:
    """Return the cap in words: how many or how much, in which time."""
    _ = formats.gettext
    cap = trace["cap"]
    if cap["count"] is not None:
        most = formats.ngettext(
            "%(num)d of them at most", "%(num)d of them at most", cap["count"]
        )
    else:
        most = _("%(most)s at most", most=amount_of(trace, cap["total"], formats))
    if cap["per"] == "calendar_year":
        return _("%(most)s in %(year)s", most=most, year=trace["year"])
    if trace["lasts"] and cap["total"] is not None:
        return _("%(most)s at one time", most=most)
    return most


def _nothing(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    reasons = {
        Reason.SAME_PERSON: _("nobody can refer themselves"),
        Reason.SAME_EMAIL_DOMAIN: _("both e-mail addresses belong to one company"),
        Reason.SAME_BILLING_ENTITY: _("one company pays for both"),
        Reason.EXISTING_CUSTOMER: _("the customer was a customer before"),
        Reason.DISPOSABLE_EMAIL: _("the e-mail address is one to throw away"),
        Reason.NOT_BY_LINK: _("it did not come through the link of the offer"),
        Reason.OPTED_OUT: _("personal rewards were declined"),
        Reason.OTHER_CURRENCY: _("it was paid in another currency"),
        Reason.NOTHING_LEFT: _("nothing is left of what was bought"),
        Reason.REJECTED: _("it was taken out after a check"),
        Reason.LEFT_EARLY: _left_early(trace, formats),
    }
    return _(
        "Nothing is due for %(why)s: %(reason)s.",
        why=_why(trace, formats),
        reason=reasons[Reason(trace["reason"])],
    )


def _left_early(trace: Trace, formats: Formats) -> str:
    if not trace["wait_days"]:
        return formats.gettext("who was referred left before it began")
    return formats.ngettext(
        "who was referred did not stay for %(num)d day",
        "who was referred did not stay for %(num)d days",
        trace["wait_days"],
    )


def _waiting(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if trace["due_at"] is None:
        return _("It waits until the time for a check is over.")
    return _("It is due on %(day)s.", day=_day(trace["due_at"], formats))


def _held(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if trace["reason"] == Reason.NO_CONSENT:
        return _("It is held until the employer agrees.")
    names = {
        RiskSignal.SAME_IP: _("many come from one internet address"),
        RiskSignal.VELOCITY: _("many came within an hour"),
        RiskSignal.SAME_DEVICE: _("several come from one device"),
        RiskSignal.SIMILAR_EMAIL: _("e-mail addresses are alike"),
        RiskSignal.DISPOSABLE_EMAIL: _("an e-mail address is one to throw away"),
    }
    return _(
        "It is held until somebody of the team has looked at it: %(signals)s.",
        signals=", ".join(names[RiskSignal(signal)] for signal in trace["signals"]),
    )


def _needs_approval(_trace: Trace, formats: Formats) -> str:
    return formats.gettext("It is due as soon as the team has approved it.")


def _due(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    day = _day(trace["due_at"], formats)
    if not trace["lasts"]:
        return _("It is due from %(day)s on.", day=day)
    if trace["ends_at"] is None:
        return _(
            "It stands on bills from %(day)s on, while who was referred stays.",
            day=day,
        )
    return _(
        "It stands on bills from %(day)s until %(end)s.",
        day=day,
        end=_day(trace["ends_at"], formats),
    )


def _ended(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    day = _day(trace["ends_at"], formats)
    if trace["reason"] == Reason.REPLACED:
        return _("It ended on %(day)s: a newer one took its place.", day=day)
    if trace["reason"] == Reason.LEFT:
        return _("It ended on %(day)s: who was referred left.", day=day)
    return _("It ended on %(day)s: its months are over.", day=day)


def _day(moment: str, formats: Formats) -> str:
    return formats.date(datetime.fromisoformat(moment))


_STATES: dict[DueState, Callable[[Trace, Formats], str]] = {
    DueState.WAITING: _waiting,
    DueState.HELD: _held,
    DueState.NEEDS_APPROVAL: _needs_approval,
    DueState.DUE: _due,
    DueState.ENDED: _ended,
}
