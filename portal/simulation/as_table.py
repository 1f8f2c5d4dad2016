"""A simulation as text for a terminal."""

from collections.abc import Iterator, Sequence

from portal.commissions.calculation import RatedLine, sentence_of
from portal.commissions.wording import ENGLISH
from portal.deals.rules import Registered, Verdict
from portal.rewards.calculation import Formats
from portal.rewards.calculation import sentence_of as reward_sentence
from portal.simulation.calculation import Comparison, PartnerRun, Result
from portal.statements.settled import Payment, PaymentState, Settled

REWARDS = Formats(money=ENGLISH.money, date=ENGLISH.date)
"""How amounts and days of rewards are written."""
_WIDEST_NAME = 32
_GAP = "  "


def as_table(
    result: Result, *, repeated: int = 0, comparison: Comparison | None = None
) -> str:
    """Return a simulation as lines of text.

    Args:
        result: What the program comes to.
        repeated: How many lines of the file said what another said.
        comparison: The same events under another program, if there is one.
    """
    lines = [*_head(result, repeated)]
    for run in result.partners:
        lines += ["", *_partner(run, result)]
    if result.rewards:
        lines += ["", "Rewards", *_rewards(result)]
    refused = [one for one in result.registrations if one.expires_at is None]
    if refused:
        lines += ["", "Refused registrations", *_refused(refused, result)]
    if result.uncounted:
        lines += ["", "Earns nobody anything", *_uncounted(result)]
    if comparison is not None:
        lines += ["", *_comparison(comparison)]
    return "\n".join(lines) + "\n"


def _head(result: Result, repeated: int) -> Iterator[str]:
    zone = result.definition.zone
    yield (
        f"{result.definition.name} ({result.definition.key}), until "
        f"{result.until.astimezone(zone):%Y-%m-%d %H:%M} {result.definition.time_zone}"
    )
    said = [f"{result.counted} events"]
    if result.left_out:
        said.append(f"{result.left_out} later ones left out")
    if repeated:
        said.append(f"{repeated} repeated lines counted once")
    yield ", ".join(said) + "."


def _partner(run: PartnerRun, result: Result) -> Iterator[str]:
    zone = result.definition.zone
    yield f"{_name(run.partner)}, joined {run.joined_at.astimezone(zone):%Y-%m-%d}"
    if run.tiers:
        for change in run.tiers.changes:
            yield (
                f"  {change.from_at.astimezone(zone):%Y-%m-%d}  level "
                f"{change.level.name}: {_REASONS.get(change.reason, change.reason)}"
            )
        if run.tiers.ends_at:
            yield (
                f"  {run.tiers.ends_at.astimezone(zone):%Y-%m-%d}  the membership "
                "ended: a level was not reached in time"
            )
    if run.lines:
        yield ""
        yield from _commissions(run.lines, result)
    for currency, settlement in run.settlements.items():
        yield ""
        yield from _statements(settlement.statements, currency)
        for reserve in settlement.reserves:
            held = _money(reserve.minor, currency)
            done = "released" if reserve.released else "to be released"
            yield f"  {held} of {reserve.period} held back, {done} {reserve.release_on}"
        yield _summary(run, currency)


_REASONS = {
    "start": "joined",
    "sale": "after a sale",
    "refund": "after a refund",
    "window": "older sales no longer count",
    "fact": "a value changed",
    "date": "the date on which levels change",
    "duty": "a level was not reached in time",
    "override": "set by hand",
}


def _commissions(lines: Sequence[RatedLine], result: Result) -> Iterator[str]:
    zone = result.definition.zone
    rows = [
        (
            f"{line.occurred_at.astimezone(zone):%Y-%m-%d}",
            _name(result.names.sales.name(line.sale_id)),
            line.rule_key,
            _money(line.amount_minor, line.currency),
            f"clears {line.clears_at.astimezone(zone):%Y-%m-%d}"
            if line.clears_at
            else "waits",
        )
        for line in lines
    ]
    for line, row in zip(lines, _aligned(rows, right=(3,)), strict=True):
        yield f"  {row}"
        yield f"      {sentence_of(line.trace, ENGLISH)}"


def _statements(statements: Sequence[Settled], currency: str) -> Iterator[str]:
    heads = ("period", "opening", "earned", "taken back", "other", "paid", "closing")
    rows: list[tuple[str, ...]] = [heads]
    for statement in statements:
        totals = statement.totals
        other = totals.adjustments + totals.holdback + totals.releases
        parts = (
            totals.opening,
            totals.earned,
            totals.reversals,
            other - totals.withholding - totals.fees,
            -totals.payouts,
            totals.closing,
        )
        rows.append(
            (
                statement.label + (" (open)" if statement.is_open else ""),
                *(_money(part, currency) for part in parts),
            )
        )
    aligned = _aligned(rows, right=range(1, len(heads)))
    yield f"  {aligned[0]}"
    for statement, row in zip(statements, aligned[1:], strict=True):
        yield f"  {row}{_GAP}{_says(statement.payment, currency)}"


def _says(payment: Payment, currency: str) -> str:
    amount = _money(payment.payable_minor, currency)
    if payment.state is PaymentState.WITHHELD:
        return f"{amount} withheld on {payment.on}: {', '.join(payment.gates)}"
    return {
        PaymentState.PAID: f"{amount} paid on {payment.on}",
        PaymentState.DUE: f"{amount} due on {payment.on}",
        PaymentState.NOTHING: "nothing to pay",
        PaymentState.CARRIED: f"{amount} carried to the next statement",
        PaymentState.BELOW_MINIMUM: f"{amount} is below the minimum: carried on",
    }[payment.state]


def _summary(run: PartnerRun, currency: str) -> str:
    sums = run.sums(currency)
    said = [
        f"{_money(sums.net, currency)} earned in all",
        f"{_money(sums.paid, currency)} paid",
        f"{_money(sums.balance, currency)} on the last statement",
    ]
    for label, minor in (
        ("held back", sums.reserve),
        ("not cleared yet", sums.pending),
        ("waiting for a requirement", sums.held),
        ("over a cap, not paid", sums.over_cap),
    ):
        if minor:
            said.append(f"{_money(minor, currency)} {label}")
    return "  " + ", ".join(said) + "."


def _rewards(result: Result) -> Iterator[str]:
    zone = result.definition.zone
    for due in result.rewards:
        yield (
            f"  {due.earned_at.astimezone(zone):%Y-%m-%d}{_GAP}"
            f"{_name(due.beneficiary)}{_GAP}{due.reward_key}{_GAP}"
            f"{due.state.value.replace('_', ' ')}"
        )
        yield f"      {reward_sentence(due.trace, REWARDS)}"


_VERDICTS = {
    Verdict.NO_PLACE: "all places are in use: {in_use} are open",
    Verdict.TAKEN: "another partner registered the customer before",
    Verdict.REPEATED: "the partner registered the customer already",
    Verdict.ALREADY_CUSTOMER: "the customer had come before",
    Verdict.BARRED: "the partner may not bring customers yet",
}


def _refused(refused: Sequence[Registered], result: Result) -> Iterator[str]:
    for one in refused:
        attempt = one.attempt
        why = _VERDICTS[one.verdict].format(in_use=one.in_use)
        yield (
            f"  {attempt.at.astimezone(result.definition.zone):%Y-%m-%d}{_GAP}"
            f"{_name(attempt.partner)}{_GAP}{_name(attempt.customer)}: {why}"
        )


_WHY = {
    "no_credit": "nobody gets the credit for {customer}",
    "not_accepted": "it was not accepted",
    "bot": "a machine clicked",
    "not_joined": "the partner joins later",
}


def _uncounted(result: Result) -> Iterator[str]:
    for one in result.uncounted:
        why = _WHY[one.why].format(customer=_name(one.customer))
        yield f"  {one.event} {_name(one.id)}: {why}"


def _comparison(comparison: Comparison) -> Iterator[str]:
    before, after = comparison.before, comparison.after
    yield (
        f"{before.definition.name} ({before.definition.key}) against "
        f"{after.definition.name} ({after.definition.key})"
    )
    rows = [("partner", "before", "after", "difference")]
    for one in comparison.differences:
        change = _money(one.change_minor, after.currency)
        rows.append(
            (
                _name(one.partner),
                _money(one.before_minor, before.currency),
                _money(one.after_minor, after.currency),
                change if comparison.same_currency else "",
            )
        )
    yield from (f"  {row}" for row in _aligned(rows, right=(1, 2, 3)))
    if not comparison.same_currency:
        yield "  The programs pay in different currencies: nothing is subtracted."
        return
    yield (
        f"  {len(comparison.winners)} win, {len(comparison.losers)} lose, "
        f"{_money(comparison.change_minor, after.currency)} in all."
    )


def _money(minor: int, currency: str) -> str:
    return ENGLISH.money(minor, currency)


def _name(text: str) -> str:
    """Keep a name from the file on one line and in its column."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= _WIDEST_NAME else plain[: _WIDEST_NAME - 1] + "…"


def _aligned(rows: Sequence[Sequence[str]], *, right: Sequence[int]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
