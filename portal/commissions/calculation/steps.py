"""A trace in figures: the calculation row by row, from the base to the amount."""

from dataclasses import dataclass

from portal.commissions.calculation.facts import Outcome
from portal.commissions.calculation.words import Formats, Trace, value_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row of the table of figures: what it is, and the figure."""

    label: str
    figure: str


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
        steps
        + _steps_of_total(trace, formats)
        + _steps_of_amount(trace, formats)
        + _steps_of_correction(trace, formats)
    )


def _steps_of_total(trace: Trace, formats: Formats) -> list[Step]:
    """Return the window's total before and after, and how it splits."""
    _ = formats.gettext

    def value(number: int) -> str:
        return value_text(number, trace["measure"], trace["currency"], formats)

    where = trace["window"]["label"] or _("this sale")
    steps = [
        Step(
            label=_("Counted in %(window)s before", window=where),
            figure=value(trace["before_value"]),
        ),
        Step(
            label=_("Counted in %(window)s after", window=where),
            figure=value(trace["after_value"]),
        ),
    ]
    if trace["picked"]:
        picked = trace["picked"]
        steps.append(
            Step(
                label=_("The total that picks the rate"),
                figure=value_text(
                    picked["value"], picked["by"], trace["currency"], formats
                ),
            )
        )
    return steps + [
        Step(label=_band_label(band, trace, formats), figure=value(band["part"]))
        for band in trace["bands"]
    ]


def _steps_of_amount(trace: Trace, formats: Formats) -> list[Step]:
    """Return the difference of C, and what a cap cut off."""
    _ = formats.gettext
    steps = [
        Step(
            label=_("Commission on the total before"),
            figure=_money(trace["commission_before_minor"], trace, formats),
        ),
        Step(
            label=_("Commission on the total after"),
            figure=_money(trace["commission_after_minor"], trace, formats),
        ),
    ]
    if trace["multiplier_bps"]:
        steps.insert(
            0,
            Step(
                label=_("What lies above the quota counts"),
                figure=formats.rate(trace["multiplier_bps"]),
            ),
        )
    change = trace["commission_after_minor"] - trace["commission_before_minor"]
    if trace["over_cap_minor"]:
        steps.append(
            Step(
                label=_("Over a cap, not paid"),
                figure=_money(-trace["over_cap_minor"], trace, formats),
            )
        )
    return [
        *steps,
        Step(
            label=_("Your commission: the difference"),
            figure=_money(change - trace["over_cap_minor"], trace, formats),
        ),
    ]


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
    picked = trace["picked"]["by"] if trace["picked"] else trace["measure"]
    low = value_text(band["from_value"], picked, trace["currency"], formats)
    pay = _pay(band, trace, formats)
    if band["to_value"] is not None:
        return _(
            "At %(pay)s: the part from %(low)s up to %(high)s",
            pay=pay,
            low=low,
            high=value_text(band["to_value"], picked, trace["currency"], formats),
        )
    if band["from_value"]:
        return _("At %(pay)s: the part from %(low)s on", pay=pay, low=low)
    return _("At %(pay)s", pay=pay)


def _pay(band: Trace, trace: Trace, formats: Formats) -> str:
    _ = formats.gettext
    if band["rate_bps"] is not None:
        return formats.rate(band["rate_bps"])
    if band["each_minor"] is not None:
        return _("%(amount)s each", amount=_money(band["each_minor"], trace, formats))
    return _("%(amount)s once", amount=_money(band["flat_minor"], trace, formats))
