"""Flaws in amounts: the currency's smallest unit, budgets, minimums."""

from collections.abc import Iterator
from typing import Any

from babel import Locale

from portal.kit.currencies import (
    WITHOUT_UNITS,
    currency_exponent,
    minor_per_major,
)
from portal.programs.amounts import money
from portal.programs.definition import ProgramDefinition
from portal.programs.flaws.flaw import Flaw
from portal.programs.sentences.phrases import gettext as _

_CENTS = 100
_USUAL_EXPONENT = 2


def amount_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield what is wrong with currencies and amounts."""
    yield from _currency_flaws(definition)
    yield from _payout_flaws(definition)
    yield from _policy_flaws(definition)


def _currency_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    named = {"currency": definition.currency}
    if definition.fee:
        named["fee.currency"] = definition.fee.currency
    known = Locale.parse("en").currencies
    for path, currency in named.items():
        amounts = _amounts_in(path, definition)
        if currency not in known:
            yield Flaw(
                path,
                _(
                    "%(currency)s is not a currency: use its ISO code.",
                    currency=currency,
                ),
                _("A sale in USD would not be rated at all."),
            )
        elif currency in WITHOUT_UNITS:
            yield Flaw(
                path,
                _(
                    "%(currency)s has no minor unit in which amounts could be written: "
                    "use a currency that people are paid in.",
                    currency=currency,
                ),
                _(
                    "Whether a sale of 10000 is 100 or 10000 %(currency)s, nobody can "
                    "tell.",
                    currency=currency,
                ),
            )
        elif amounts and _looks_like_cents(currency, amounts):
            amount = min(amounts)
            yield Flaw(
                path,
                _(
                    "%(currency)s has no cents, and all amounts look like cents: "
                    "%(amount)s is read as %(read)s. If cents were meant, write "
                    "%(less)s.",
                    currency=currency,
                    amount=amount,
                    read=money(amount, currency),
                    less=amount // _CENTS,
                ),
                _(
                    "A sale of %(sale)s is written as %(minor)s.",
                    sale=money(1_000 * minor_per_major(currency), currency),
                    minor=1_000 * minor_per_major(currency),
                ),
            )


def _looks_like_cents(currency: str, amounts: list[int]) -> bool:
    return currency_exponent(currency) < _USUAL_EXPONENT and all(
        amount % _CENTS == 0 for amount in amounts
    )


def _amounts_in(path: str, definition: ProgramDefinition) -> list[int]:
    """Return all amounts that are in the currency named at `path`, but for zero."""
    fee = definition.fee
    if path == "fee.currency":
        return [
            minor
            for one in (fee.choices if fee else ())
            for prices in (one.minor_by_tier, one.growth_minor_by_tier)
            for minor in prices.values()
        ]
    document = definition.model_dump(mode="json", exclude={"fee", "tiers"})
    amounts = [amount for amount in _minor_values(document) if amount]
    amounts += [
        band.from_value
        for rule in definition.rules
        for band in rule.bands
        if band.from_value and rule.picks_band_by.is_money
    ]
    return amounts


def _minor_values(part: Any, name: str = "") -> Iterator[int]:  # noqa: ANN401 - any JSON value
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _minor_values(value, key)
    elif isinstance(part, list):
        for value in part:
            yield from _minor_values(value)
    elif isinstance(part, int) and (name == "minor" or name.endswith("_minor")):
        yield part


def _payout_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    minimum, currency = definition.payout.minimum_minor, definition.currency
    most = _most_for_ever(definition)
    if most is not None and minimum > most:
        yield Flaw(
            "payout.minimum_minor",
            _(
                "Nothing is ever paid out: a partner can earn at most %(most)s, less "
                "than the minimum of %(minimum)s. Lower the minimum.",
                most=money(most, currency),
                minimum=money(minimum, currency),
            ),
            _(
                "A partner who has earned all of %(most)s never gets it.",
                most=money(most, currency),
            ),
        )


def _most_for_ever(definition: ProgramDefinition) -> int | None:
    """Return the most that one partner can ever earn; none without a limit."""
    if definition.budget and definition.budget.per == "life":
        return definition.budget.most_minor
    caps = [
        min((cap.most_minor for cap in rule.caps if cap.per == "life"), default=None)
        for rule in definition.rules
    ]
    known = [cap for cap in caps if cap is not None]
    return sum(known) if known and len(known) == len(caps) else None


def _policy_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    if definition.friend_discount and definition.friend_discount.percent_bps == 0:
        yield Flaw(
            "friend_discount.percent_bps",
            _("The discount is 0%%: name a share, or leave the discount out."),
            _("A customer who comes through a link pays the full price."),
        )
    if definition.clawback.refunds == "none" and definition.clawback.refund_days:
        yield Flaw(
            "clawback.refund_days",
            _("Refunds take nothing back, so their days change nothing: remove them."),
            _("A sale that is refunded on the next day keeps its commission."),
        )
    yield from _fee_flaws(definition)


def _fee_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    fee, tiers = definition.fee, definition.tiers
    levels = [level.key for level in tiers.levels] if tiers else ["any"]
    named = {
        "fee.minor_by_tier": [fee.minor_by_tier] if fee else [],
        "fee.growth_minor_by_tier": [fee.growth_minor_by_tier] if fee else [],
        "fee.or_intervals": [
            prices
            for one in (fee.or_intervals if fee else ())
            for prices in (one.minor_by_tier, one.growth_minor_by_tier)
        ],
    }
    missing = [
        (path, level)
        for path, all_prices in named.items()
        for prices in all_prices
        for level in levels
        if prices and "any" not in prices and level not in prices
    ]
    for path, level in missing:
        yield Flaw(
            path,
            _(
                "There is no price for %(level)s: add it, or add `any` for all others.",
                level=level,
            ),
            _("A partner on %(level)s pays the price of another tier.", level=level),
        )
