"""A simulation as JSON values, in an order that never changes.

docs/reference/events.md names every part; programs may rely on it. Amounts are whole
numbers in minor units, moments ISO 8601 in UTC.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from portal.commissions.calculation import RatedLine, sentence_of
from portal.commissions.wording import ENGLISH
from portal.deals.rules import Registered
from portal.rewards.calculation import Due
from portal.rewards.calculation import sentence_of as reward_sentence
from portal.simulation.as_table import REWARDS
from portal.simulation.calculation import (
    Comparison,
    Credit,
    Difference,
    PartnerRun,
    Result,
)
from portal.statements.settled import Payment, Reserve, Settled
from portal.tiers.rules import Timeline

FORMAT = 1


def as_data(
    result: Result, *, repeated: int = 0, comparison: Comparison | None = None
) -> dict[str, Any]:
    """Return a simulation as JSON values.

    Args:
        result: What the program comes to.
        repeated: How many lines of the file said what another said.
        comparison: The same events under another program, if there is one.
    """
    data: dict[str, Any] = {
        "format": FORMAT,
        "program": _program(result),
        "until": result.until.isoformat(),
        "events": {
            "counted": result.counted,
            "after_until": result.left_out,
            "repeated_lines": repeated,
        },
        "partners": [_partner(run, result) for run in result.partners],
        "rewards": [_reward(due) for due in result.rewards],
        "credits": [_credit(credit) for credit in result.credits],
        "registrations": [_registration(one) for one in result.registrations],
        "uncounted": [
            {
                "event": one.event,
                "id": one.id,
                "customer": one.customer,
                "why": one.why.value,
            }
            for one in result.uncounted
        ],
    }
    if comparison is not None:
        data["comparison"] = _comparison(comparison)
    return data


def _program(result: Result) -> dict[str, str]:
    return {
        "key": result.definition.key,
        "name": result.definition.name,
        "currency": result.currency,
        "time_zone": result.definition.time_zone,
    }


def _partner(run: PartnerRun, result: Result) -> dict[str, Any]:
    return {
        "partner": run.partner,
        "joined_at": run.joined_at.isoformat(),
        "totals": {
            currency: {f"{name}_minor": sum_ for name, sum_ in asdict(sums).items()}
            for currency in run.settlements
            for sums in [run.sums(currency)]
        },
        "commissions": [_line(line, result) for line in run.lines],
        "over_cap": [
            {
                "key": _key(line, result),
                "rule": line.rule_key,
                "currency": line.currency,
                "over_cap_minor": line.over_cap_minor,
            }
            for line in run.lines
            if line.over_cap_minor
        ],
        "tiers": _tiers(run.tiers),
        "statements": [
            _statement(statement, currency)
            for currency, settlement in run.settlements.items()
            for statement in settlement.statements
        ],
        "reserves": [
            _reserve(reserve, currency)
            for currency, settlement in run.settlements.items()
            for reserve in settlement.reserves
        ],
    }


def _line(line: RatedLine, result: Result) -> dict[str, Any]:
    return {
        "key": _key(line, result),
        "kind": line.kind.value,
        "sale": result.names.sales.name(line.sale_id),
        "refund": result.names.refunds.name(line.refund_id) if line.refund_id else None,
        "customer": result.names.customers.name(line.customer_id),
        "rule": line.rule_key,
        "outcome": line.trace["outcome"],
        "base_minor": line.base_minor,
        "amount_minor": line.amount_minor,
        "over_cap_minor": line.over_cap_minor,
        "currency": line.currency,
        "occurred_at": line.occurred_at.isoformat(),
        "clears_at": line.clears_at.isoformat() if line.clears_at else None,
        "sentence": sentence_of(line.trace, ENGLISH),
        "trace": line.trace,
    }


def _key(line: RatedLine, result: Result) -> str:
    """Return the line's key with the names of the file instead of our own."""
    kind = line.key.partition(":")[0]
    name = (
        result.names.refunds.name(line.refund_id)
        if line.refund_id
        else result.names.sales.name(line.sale_id)
    )
    return f"{kind}:{name}/{line.rule_key}"


def _tiers(levels: Timeline | None) -> dict[str, Any] | None:
    if levels is None:
        return None
    return {
        "changes": [
            {
                "from": change.from_at.isoformat(),
                "level": change.level.key,
                "name": change.level.name,
                "value": change.value,
                "reason": change.reason.value,
            }
            for change in levels.changes
        ],
        "final": {"level": levels.final.level.key, "value": levels.final.value},
        "ends_at": levels.ends_at.isoformat() if levels.ends_at else None,
    }


def _statement(statement: Settled, currency: str) -> dict[str, Any]:
    totals = statement.totals
    return {
        "period": statement.label,
        "currency": currency,
        "first_day": statement.first_day.isoformat(),
        "last_day": statement.last_day.isoformat(),
        "is_open": statement.is_open,
        "opening_minor": totals.opening,
        "earned_minor": totals.earned,
        "reversals_minor": totals.reversals,
        "adjustments_minor": totals.adjustments,
        "holdback_minor": totals.holdback,
        "releases_minor": totals.releases,
        "withholding_minor": totals.withholding,
        "fees_minor": totals.fees,
        "payouts_minor": totals.payouts,
        "closing_minor": totals.closing,
        "draw_minor": statement.draw_minor,
        "advance_minor": statement.advance_minor,
        "payment": _payment(statement.payment),
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "state": payment.state.value,
        "on": payment.on.isoformat(),
        "payable_minor": payment.payable_minor,
        "sent_minor": payment.minor,
        "gates": list(payment.gates),
    }


def _reserve(reserve: Reserve, currency: str) -> dict[str, Any]:
    return {
        "period": reserve.period,
        "currency": currency,
        "held_back_minor": reserve.minor,
        "release_on": reserve.release_on.isoformat(),
        "is_released": reserve.released,
        "payment": _payment(reserve.payment),
    }


def _reward(due: Due) -> dict[str, Any]:
    return {
        "key": due.key,
        "reward": due.reward_key,
        "beneficiary": due.beneficiary,
        "to": due.to.value,
        "kind": due.kind.value,
        "state": due.state.value,
        "value": due.value,
        "over_cap": due.over_cap,
        "earned_at": due.earned_at.isoformat(),
        "due_at": due.due_at.isoformat() if due.due_at else None,
        "ends_at": due.ends_at.isoformat() if due.ends_at else None,
        "worth_minor": due.worth_minor,
        "sentence": reward_sentence(due.trace, REWARDS),
        "trace": due.trace,
    }


def _credit(credit: Credit) -> dict[str, Any]:
    return {
        "customer": credit.customer,
        "converted_at": credit.converted_at.isoformat(),
        "reason": credit.reason.value,
        "shares": [
            {
                "partner": partner,
                "weight": weight,
                "of": sum(credit.weights),
            }
            for partner, weight in zip(credit.partners, credit.weights, strict=True)
        ],
        "losers": list(_losers(credit)),
        "sentence": credit.decision.sentence if credit.decision else None,
    }


def _registration(one: Registered) -> dict[str, Any]:
    return {
        "partner": one.attempt.partner,
        "customer": one.attempt.customer,
        "at": one.attempt.at.isoformat(),
        "verdict": one.verdict.value,
        "expires_at": one.expires_at.isoformat() if one.expires_at else None,
        "in_use": one.in_use,
    }


def _losers(credit: Credit) -> Iterator[dict[str, str]]:
    for loser in credit.decision.losers if credit.decision else ():
        yield {
            "clicked_at": loser.candidate.clicked_at.isoformat(),
            "reason": loser.reason.value,
        }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "program": _program(comparison.after),
        "same_currency": comparison.same_currency,
        "change_minor": comparison.change_minor if comparison.same_currency else None,
        "winners": [one.partner for one in comparison.winners]
        if comparison.same_currency
        else [],
        "losers": [one.partner for one in comparison.losers]
        if comparison.same_currency
        else [],
        "partners": [
            _difference(one, comparison.same_currency) for one in comparison.differences
        ],
    }


def _difference(one: Difference, same_currency: bool) -> dict[str, Any]:  # noqa: FBT001 - the only one
    return {
        "partner": one.partner,
        "before_minor": one.before_minor,
        "after_minor": one.after_minor,
        "change_minor": one.change_minor if same_currency else None,
        "paid_before_minor": one.paid_before_minor,
        "paid_after_minor": one.paid_after_minor,
        "level_before": one.level_before,
        "level_after": one.level_after,
    }
