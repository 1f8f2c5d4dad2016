"""A trace in words: why an amount is what it is.

The trace is data; the sentence is made from it in the reader's language.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.commissions.calculation.facts import Outcome
from portal.programs.definition import BandMode, Measure

Trace = Mapping[str, Any]
BPS_PER_PERCENT = 100


def plain_gettext(message: str, **values: object) -> str:
    """Return an English message with its values filled in."""
    return message % values


def plain_rate(rate_bps: int) -> str:
    """Return 20% for 2,000 basis points, 12.5% for 1,250."""
    whole, rest = divmod(rate_bps, BPS_PER_PERCENT)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """How the reader's language writes things.

    Attributes:
        money: An amount in minor units of a currency.
        date: The day of an instant.
        gettext: Translates a message and fills in its values.
        rate: Basis points as a percentage.
    """

    money: Callable[[int, str], str]
    date: Callable[[datetime], str]
    gettext: Callable[..., str] = plain_gettext
    rate: Callable[[int], str] = plain_rate


def sentence_of(trace: Trace, formats: Formats) -> str:
    """Return why the line has its amount, in a sentence or two."""
    if "adjustment" in trace:
        return _correction(trace, formats)
    outcome = Outcome(trace["outcome"])
    if not outcome.counts:
        return _why_nothing(outcome, trace, formats)
    parts = [_how_much(trace, formats), *_what_else(trace, formats)]
    if outcome is Outcome.HELD:
        parts.append(_held(trace, formats))
    return " ".join(parts)


def value_text(value: int, measure: str, currency: str, formats: Formats) -> str:
    """Return a value of a measure: an amount, or a plain number."""
    if Measure(measure).is_money:
        return formats.money(value, currency)
    return f"{value:,}"


def _correction(trace: Trace, formats: Formats) -> str:
    """Say what a line on an earlier statement comes to now, and why."""
    _ = formats.gettext
    change = trace["adjustment"]
    said = _(
        "Correction of a line on an earlier statement: it comes to %(now)s now, not "
        "%(before)s.",
        now=formats.money(change["rated_minor"], trace["currency"]),
        before=formats.money(change["settled_minor"], trace["currency"]),
    )
    if change["is_gone"]:
        return said + " " + _("The sale is not credited to you any more.")
    if change.get("is_other_rule"):
        return said + " " + _("Another rule is about this sale now.")
    rest = {key: value for key, value in trace.items() if key != "adjustment"}
    return said + " " + sentence_of(rest, formats)


def _why_nothing(outcome: Outcome, trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if outcome is Outcome.OTHER_CURRENCY:
        return _(
            "Not rated: paid in %(paid)s, the program pays in %(pays)s.",
            paid=trace["base_currency"],
            pays=trace["currency"],
        )
    if outcome in (Outcome.FORFEITED, Outcome.PAPERS_LATE):
        return _why_forfeited(outcome, trace, formats)
    if outcome is Outcome.OVER_BUDGET:
        return _("Nothing earned: the budget of the program was used up.")
    if outcome is Outcome.NO_RULE:
        return _("Nothing earned: no rule of the program is about such a sale.")
    if outcome is Outcome.LEFT_EARLY:
        return _(
            "Nothing earned: the customer left on %(day)s, before this was due.",
            day=_day(trace["left_at"], formats),
        )
    return _(
        "Nothing earned: this customer's sales earned for %(months)s months, until "
        "%(day)s.",
        months=trace["months"],
        day=_day(trace["earns_until"], formats),
    )


def _why_forfeited(outcome: Outcome, trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if outcome is Outcome.FORFEITED:
        return _(
            "Nothing earned: on %(day)s a requirement was not met: %(gate)s.",
            day=_day(trace["sold_at"], formats),
            gate=trace["gate"]["title"],
        )
    return _(
        "Nothing earned: this was not done in time after the customer's first "
        "payment: %(gate)s.",
        gate=trace["gate"]["title"],
    )


def _how_much(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if not trace["bands"]:
        return _("Nothing changed, because no money moved.")
    in_window = bool(trace["window"]["label"])
    is_whole = trace["mode"] == BandMode.WHOLE and not trace["picked"]
    if is_whole and (in_window or len(trace["bands"]) > 1):
        return _whole(trace, formats)
    values = {
        "share": _joined(
            [_share(band, trace, formats) for band in trace["bands"]], formats
        ),
        "about": _about(trace, formats),
    }
    if trace["kind"] == "sale":
        return _("%(share)s%(about)s.", **values)
    if trace["kind"] == "left":
        return _(
            "Taken back, because the customer left in the middle of what was paid: "
            "%(share)s%(about)s.",
            **values,
        )
    if trace["step"] > 0:
        return _(
            "Given back: %(share)s that the vendor received again%(about)s.", **values
        )
    return _("Taken back: %(share)s refunded%(about)s.", **values)


def _share(band: Trace, trace: Trace, formats: Formats) -> str:
    """Say what one band pays for its part of the change."""
    _ = formats.gettext
    part = abs(band["part"])
    base = value_text(part, trace["measure"], trace["currency"], formats)
    if band["rate_bps"] is not None:
        return _("%(rate)s of %(base)s", rate=formats.rate(band["rate_bps"]), base=base)
    if band["each_minor"] is not None:
        return _(
            "%(amount)s for each of %(count)s",
            amount=formats.money(band["each_minor"], trace["currency"]),
            count=base,
        )
    return _(
        "%(amount)s once, from %(low)s on",
        amount=formats.money(band["flat_minor"], trace["currency"]),
        low=value_text(
            band["from_value"], trace["measure"], trace["currency"], formats
        ),
    )


def _whole(trace: Trace, formats: Formats) -> str:
    """Say how a whole total gives the line: after, minus before."""
    _ = formats.gettext
    last = trace["bands"][-1]
    values = {
        "window": trace["window"]["label"] or _("this sale"),
        "after": formats.money(trace["commission_after_minor"], trace["currency"]),
        "before": formats.money(trace["commission_before_minor"], trace["currency"]),
        "about": _about(trace, formats, say_window=False),
    }
    if last["rate_bps"] is None:
        return _(
            "%(share)s, the total of %(window)s, is %(after)s; %(before)s of it was "
            "counted before%(about)s.",
            share=_share({**last, "part": trace["after_value"]}, trace, formats),
            **values,
        )
    return _(
        "%(rate)s of the total of %(window)s, %(total)s, is %(after)s; %(before)s of "
        "it was counted before%(about)s.",
        rate=formats.rate(last["rate_bps"]),
        total=formats.money(trace["after_value"], trace["currency"]),
        **values,
    )


def _about(trace: Trace, formats: Formats, *, say_window: bool = True) -> str:
    """Return what else decided: the level, the window, the customer's month."""
    _ = formats.gettext

    def value(number: int, measure: str) -> str:
        return value_text(number, measure, trace["currency"], formats)

    facts = []
    if trace["tier"]:
        facts.append(_("%(tier)s level", tier=trace["tier"]["name"]))
    if say_window and trace["window"]["label"]:
        facts.append(
            _(
                "your sales of %(window)s went from %(before)s to %(after)s",
                window=trace["window"]["label"],
                before=value(trace["before_value"], trace["measure"]),
                after=value(trace["after_value"], trace["measure"]),
            )
        )
    if trace["picked"]:
        facts.append(
            _(
                "the rate follows from a total of %(total)s",
                total=value(trace["picked"]["value"], trace["picked"]["by"]),
            )
        )
    if trace["month"] and trace["months"]:
        facts.append(
            _(
                "customer month %(month)s of %(months)s",
                month=trace["month"],
                months=trace["months"],
            )
        )
    return "".join(f", {fact}" for fact in facts)


def _what_else(trace: Trace, formats: Formats) -> list[str]:
    """Say what changed the amount after the bands: quota, cap, rounding."""
    _ = formats.gettext
    parts = []
    if trace["multiplier_bps"]:
        parts.append(
            _(
                "What lies above the quota counts %(times)s.",
                times=formats.rate(trace["multiplier_bps"]),
            )
        )
    if trace["over_cap_minor"]:
        parts.append(
            _(
                "A cap cut off %(amount)s.",
                amount=formats.money(trace["over_cap_minor"], trace["currency"]),
            )
        )
    if trace["rounding"] == "down" and trace["base_minor"]:
        parts.append(_("A fraction of the smallest coin is left out."))
    return parts


def _held(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if trace["gate_opened_at"]:
        return _(
            "It was held until %(gate)s was done on %(day)s.",
            gate=trace["gate"]["title"],
            day=_day(trace["gate_opened_at"], formats),
        )
    return _("It is held until this is done: %(gate)s.", gate=trace["gate"]["title"])


def _joined(parts: list[str], formats: Formats) -> str:
    if len(parts) == 1:
        return parts[0]
    return formats.gettext(
        "%(first)s and %(last)s", first=", ".join(parts[:-1]), last=parts[-1]
    )


def _day(moment: str, formats: Formats) -> str:
    return formats.date(datetime.fromisoformat(moment))
