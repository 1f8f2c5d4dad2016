"""A trace in words and figures: why an amount is what it is.

The trace is data; the sentence is made from it in the reader's language.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.commissions.calculation.facts import Outcome
from portal.programs.definition import BandMode

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row of the table of figures: what it is, and the figure."""

    label: str
    figure: str


def sentence_of(trace: Trace, formats: Formats) -> str:
    """Return why the line has its amount, in a sentence or two."""
    if "adjustment" in trace:
        return _correction(trace, formats)
    outcome = Outcome(trace["outcome"])
    if not outcome.counts:
        return _why_nothing(outcome, trace, formats)
    parts = [_how_much(trace, formats)]
    if trace["rounding"] == "down" and trace["base_minor"]:
        parts.append(formats.gettext("A fraction of the smallest coin is left out."))
    if outcome is Outcome.HELD:
        parts.append(_held(trace, formats))
    return " ".join(parts)


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
    if outcome is Outcome.FORFEITED:
        return _(
            "Nothing earned: on %(day)s a requirement was not met: %(gate)s.",
            day=_day(trace["sold_at"], formats),
            gate=trace["gate"]["title"],
        )
    return _(
        "Nothing earned: this customer's sales earned for %(months)s months, until "
        "%(day)s.",
        months=trace["months"],
        day=_day(trace["earns_until"], formats),
    )


def _how_much(trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if not trace["bands"]:
        return _("Nothing changed, because no money moved.")
    in_window = bool(trace["window"]["label"])
    if trace["mode"] == BandMode.WHOLE and (in_window or len(trace["bands"]) > 1):
        return _whole(trace, formats)
    values = {
        "share": _joined(
            [
                _(
                    "%(rate)s of %(base)s",
                    rate=formats.rate(band["rate_bps"]),
                    base=formats.money(abs(band["part_minor"]), trace["currency"]),
                )
                for band in trace["bands"]
            ],
            formats,
        ),
        "about": _about(trace, formats),
    }
    if trace["kind"] == "sale":
        return _("%(share)s%(about)s.", **values)
    if trace["base_minor"] > 0:
        return _(
            "Given back: %(share)s that the vendor received again%(about)s.", **values
        )
    return _("Taken back: %(share)s refunded%(about)s.", **values)


def _whole(trace: Trace, formats: Formats) -> str:
    """Say how a rate on a whole total gives the line: after, minus before."""
    _ = formats.gettext
    last = trace["bands"][-1]
    return _(
        "%(rate)s of the total of %(window)s, %(total)s, is %(after)s; %(before)s of "
        "it was counted before%(about)s.",
        rate=formats.rate(last["rate_bps"]),
        window=trace["window"]["label"] or _("this sale"),
        total=formats.money(trace["after_minor"], trace["currency"]),
        after=formats.money(trace["commission_after_minor"], trace["currency"]),
        before=formats.money(trace["commission_before_minor"], trace["currency"]),
        about=_about(trace, formats, say_window=False),
    )


def _about(trace: Trace, formats: Formats, *, say_window: bool = True) -> str:
    """Return what else decided: the level, the window, the customer's month."""
    _ = formats.gettext
    facts = []
    if trace["tier"]:
        facts.append(_("%(tier)s level", tier=trace["tier"]["name"]))
    if say_window and trace["window"]["label"]:
        facts.append(
            _(
                "your sales of %(window)s went from %(before)s to %(after)s",
                window=trace["window"]["label"],
                before=formats.money(trace["before_minor"], trace["currency"]),
                after=formats.money(trace["after_minor"], trace["currency"]),
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


def steps_of(trace: Trace, formats: Formats) -> list[Step]:
    """Return the calculation as rows of figures, from the base to the amount."""
    _ = formats.gettext
    steps = [
        Step(
            label=_("Net sale, without tax"),
            figure=formats.money(trace["sale_net_minor"], trace["base_currency"]),
        )
    ]
    if trace["kind"] != "sale":
        steps.append(
            Step(
                label=_("Change of the net sale"),
                figure=formats.money(trace["base_minor"], trace["base_currency"]),
            )
        )
    if not Outcome(trace["outcome"]).counts:
        return [
            *steps,
            Step(label=_("Your commission"), figure=_money(0, trace, formats)),
        ]
    return (
        steps + _steps_of_total(trace, formats) + _steps_of_correction(trace, formats)
    )


def _steps_of_total(trace: Trace, formats: Formats) -> list[Step]:
    """Return the total before and after, its split, and the difference of C."""
    _ = formats.gettext

    def money(minor: int) -> str:
        return _money(minor, trace, formats)

    where = trace["window"]["label"] or _("this sale")
    steps = [
        Step(
            label=_("Counted in %(window)s before", window=where),
            figure=money(trace["before_minor"]),
        ),
        Step(
            label=_("Counted in %(window)s after", window=where),
            figure=money(trace["after_minor"]),
        ),
    ]
    steps += [
        Step(
            label=_band_label(band, trace, formats),
            figure=money(band["part_minor"]),
        )
        for band in trace["bands"]
    ]
    steps += [
        Step(
            label=_("Commission on the total before"),
            figure=money(trace["commission_before_minor"]),
        ),
        Step(
            label=_("Commission on the total after"),
            figure=money(trace["commission_after_minor"]),
        ),
        Step(
            label=_("Your commission: the difference"),
            figure=money(
                trace["commission_after_minor"] - trace["commission_before_minor"]
            ),
        ),
    ]
    return steps


def _steps_of_correction(trace: Trace, formats: Formats) -> list[Step]:
    _ = formats.gettext
    if "adjustment" not in trace:
        return []
    settled = trace["adjustment"]["settled_minor"]
    return [
        Step(label=_("On earlier statements"), figure=_money(settled, trace, formats)),
        Step(
            label=_("This correction"),
            figure=_money(trace["amount_minor"], trace, formats),
        ),
    ]


def _money(minor: int, trace: Trace, formats: Formats) -> str:
    return formats.money(minor, trace["currency"])


def _band_label(band: Trace, trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    rate = formats.rate(band["rate_bps"])
    low = formats.money(band["from_minor"], trace["currency"])
    if band["to_minor"] is not None:
        return _(
            "At %(rate)s: the part from %(low)s up to %(high)s",
            rate=rate,
            low=low,
            high=formats.money(band["to_minor"], trace["currency"]),
        )
    if band["from_minor"]:
        return _("At %(rate)s: the part from %(low)s on", rate=rate, low=low)
    return _("At %(rate)s", rate=rate)
