"""From what clears, and when, to statements and payments.

Pure: no clock, no database, no settings. One currency of one partner at a time.

A program pays by periods: months, or quarters where it pays each quarter. A period's
statement ends with a balance; on its payment day the part of that balance is sent that
nothing else has sent by then. What is sent appears on the statement of the period in
which it was sent. So, on every statement,

    closing = opening + earned + reversals + adjustments + holdback + releases
              - withholding - fees - payouts

and each statement opens with what the one before closed with.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from portal.kit.clock import day_start
from portal.programs.definition import PayoutPolicy, ProgramDefinition
from portal.programs.rules import payout_date
from portal.statements.policy import held_back, lifted, release_day
from portal.statements.rules import LineKind, Totals, first_and_last_day
from portal.statements.settled import (
    Entry,
    Payment,
    PaymentState,
    Reserve,
    Settled,
    Settlement,
)
from portal.tiers.windows import Span, span_of

_INSTANT = timedelta(microseconds=1)
_PERIODS = {"monthly": ("month", 1), "quarterly": ("quarter", 3)}


UnmetAt = Callable[[datetime], Sequence[str]]
"""Returns the titles of the gates that stop payment and are not met at a moment."""


def nothing_unmet(moment: datetime) -> Sequence[str]:
    """Return no gate, whatever the moment."""
    del moment
    return ()


def settle(
    entries: Iterable[Entry],
    *,
    definition: ProgramDefinition,
    since: datetime,
    until: datetime,
    unmet_at: UnmetAt = nothing_unmet,
) -> Settlement:
    """Return the statements from `since` to `until`, both included.

    Args:
        entries: What clears, in any order; what clears after `until` is left out.
        definition: The program, for its payout policy and time zone.
        since: When the partner joined. What cleared before has its statements too.
        until: What happens after it is not known.
        unmet_at: What stops payment at a moment.
    """
    known = [entry for entry in entries if entry.at <= until]
    books = _Books(definition=definition, until=until, unmet_at=unmet_at)
    by_span: dict[str, list[Entry]] = {}
    kind, _months = _PERIODS[definition.payout.schedule]
    for entry in known:
        label = span_of(kind, entry.at, definition.zone).label
        by_span.setdefault(label, []).append(entry)
    for span in _spans(min([since, *(entry.at for entry in known)]), definition, until):
        books.close(span, by_span.get(span.label, []))
    books.expect()
    return books.settlement()


def _spans(
    since: datetime, definition: ProgramDefinition, until: datetime
) -> Iterator[Span]:
    kind, _months = _PERIODS[definition.payout.schedule]
    span = span_of(kind, since, definition.zone)
    while span.starts_at <= until:
        yield span
        span = span_of(kind, span.ends_at, definition.zone)


@dataclass(slots=True)
class _Draft:
    """A closed period whose payment is still to come."""

    span: Span
    days: tuple[date, date]
    totals: Totals
    draw: int
    advance: int
    sent_before: int
    """What was sent and not released until its end, to tell what came after."""
    promised: int
    payment: Payment | None = None


@dataclass(slots=True)
class _Held:
    """What was held back from a period and is released on a day."""

    period: str
    minor: int
    on: date
    released: bool = False
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """A day on which something may be sent."""

    moment: datetime
    on: date
    draft: _Draft | None = None
    held: _Held | None = None

    @property
    def place(self) -> tuple[datetime, bool]:
        """Where it stands among others: what is released goes before what is paid."""
        return self.moment, self.held is None


@dataclass(slots=True)
class _Books:
    """The running balance of a partner."""

    definition: ProgramDefinition
    until: datetime
    unmet_at: UnmetAt
    balance: int = 0
    advance: int = 0
    sent: int = 0
    """All that was sent, less all that was released."""
    matured: _Draft | None = None
    """The last statement whose payment day has come."""
    drafts: list[_Draft] = field(default_factory=list)
    reserves: list[_Held] = field(default_factory=list)
    waiting: list[_Run] = field(default_factory=list)

    @property
    def policy(self) -> PayoutPolicy:
        """The payout policy of the program."""
        return self.definition.payout

    def close(self, span: Span, entries: Sequence[Entry]) -> None:
        """Make the statement of the next period."""
        opening = self.balance
        released, paid = self._run_until(span.ends_at)
        sums = dict.fromkeys(LineKind, 0)
        for entry in entries:
            sums[entry.kind] += entry.minor
        earned, reversals = sums[LineKind.EARNED], sums[LineKind.REVERSAL]
        draw = self._draw(sum(sums.values()))
        back = held_back(self.policy.holdback, earned + reversals)
        totals = Totals(
            opening=opening,
            earned=earned,
            reversals=reversals,
            adjustments=sums[LineKind.ADJUSTMENT] + draw,
            holdback=-back,
            releases=released,
            payouts=paid,
        )
        self.balance = totals.closing
        days = first_and_last_day(span.starts_at, span.ends_at, self.definition.zone)
        draft = _Draft(span, days, totals, draw, self.advance, self.sent, 0)
        draft.promised = self._promise(self.balance - self._committed())
        self.drafts.append(draft)
        pays_on = payout_date(self.definition, days[1])
        at = max(day_start(pays_on, self.definition.zone), span.ends_at)
        self.waiting.append(_Run(at, pays_on, draft=draft))
        if back and self.policy.holdback:
            self._hold_back(span, back, release_day(self.policy.holdback, days[1]))

    def _hold_back(self, span: Span, minor: int, on: date) -> None:
        held = _Held(span.label, minor, on)
        self.reserves.append(held)
        self.waiting.append(_Run(day_start(on, self.definition.zone), on, held=held))

    def _draw(self, counted: int) -> int:
        """Lift the period to the draw, or pay earlier lifts back from the rest."""
        _kind, months = _PERIODS[self.policy.schedule]
        draw = self.policy.draw
        minor = lifted(
            draw,
            months=months,
            counted=counted,
            carried=min(self.balance - self._committed(), 0),
            advance=self.advance,
        )
        if minor < 0 or (draw and draw.recoverable):
            self.advance += minor
        return minor

    def _committed(self) -> int:
        """Return what closed statements will send and have not sent yet."""
        return sum(run.draft.promised for run in self.waiting if run.draft)

    def _promise(self, payable: int) -> int:
        return payable if payable >= max(self.policy.minimum_minor, 1) else 0

    def _run_until(self, end: datetime) -> tuple[int, int]:
        """Release and pay what falls before `end` and is known; return both sums."""
        released = paid = 0
        while run := self._next(
            lambda run: run.moment < end and run.moment <= self.until
        ):
            if run.held:
                released += run.held.minor
                run.held.released = True
                self.balance += run.held.minor
            payment = self._pay(run, PaymentState.PAID)
            paid += payment.minor
            self.balance -= payment.minor
        return released, paid

    def expect(self) -> None:
        """Work out what later days will send, as far as anybody knows now."""
        while run := self._next(lambda _run: True):
            self._pay(run, PaymentState.DUE)

    def _next(self, wanted: Callable[[_Run], bool]) -> _Run | None:
        ready = [run for run in self.waiting if wanted(run)]
        if not ready:
            return None
        run = min(ready, key=lambda run: run.place)
        self.waiting.remove(run)
        return run

    def _pay(self, run: _Run, sent_as: PaymentState) -> Payment:
        if run.held:
            self.sent -= run.held.minor
        if run.draft:
            self.matured = run.draft
        # What the last statement that is due closed with, less what went out since.
        closed, sent_before = 0, 0
        if self.matured:
            closed, sent_before = self.matured.totals.closing, self.matured.sent_before
        payment = self._payment(run, closed - (self.sent - sent_before), sent_as)
        self.sent += payment.minor
        if run.draft:
            run.draft.payment = payment
        if run.held:
            run.held.payment = payment
        return payment

    def _payment(self, run: _Run, payable: int, sent_as: PaymentState) -> Payment:
        gates: tuple[str, ...] = ()
        if payable < 0:
            state = PaymentState.CARRIED
        elif payable == 0:
            state = PaymentState.NOTHING
        elif payable < self.policy.minimum_minor:
            state = PaymentState.BELOW_MINIMUM
        elif gates := tuple(self.unmet_at(run.moment)):
            state = PaymentState.WITHHELD
        else:
            state = sent_as
        return Payment(
            on=run.on,
            minor=payable if state is sent_as else 0,
            payable_minor=payable,
            state=state,
            gates=gates,
        )

    def settlement(self) -> Settlement:
        """Return everything, once each payment day has been looked at."""
        return Settlement(
            statements=tuple(
                Settled(
                    label=draft.span.label,
                    first_day=draft.days[0],
                    last_day=draft.days[1],
                    is_open=self.until < draft.span.ends_at - _INSTANT,
                    totals=draft.totals,
                    draw_minor=draft.draw,
                    advance_minor=draft.advance,
                    payment=draft.payment,
                )
                for draft in self.drafts
                if draft.payment
            ),
            reserves=tuple(
                Reserve(
                    period=held.period,
                    minor=held.minor,
                    release_on=held.on,
                    released=held.released,
                    payment=held.payment,
                )
                for held in self.reserves
                if held.payment
            ),
        )
