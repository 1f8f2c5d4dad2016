"""Closes and payouts, as finance would do them."""

from datetime import date, datetime, time
from uuid import UUID

from portal.demo.story import cast
from portal.demo.story.stage import Stage
from portal.enrollments import queries as enrollments
from portal.extensions import db
from portal.kit.db import transaction
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.payouts import service as payouts
from portal.programs import queries as programs
from portal.statements import queries as statements
from portal.statements import service
from portal.statements.closing import run_close
from portal.statements.rules import Payment

_KNOWN = "Seen. We carry it to the next statement."
_NOTES = dict.fromkeys(("negative_balances", "events_parked"), _KNOWN)
"""What finance writes where a check warns of it."""


class Finance:
    """Closes months and pays what is due on the day that the statements name."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._due: dict[tuple[UUID, date], Money] = {}
        self._count = 0

    def close(self, month: int, now: datetime) -> None:
        """Close a month of both programs."""
        for key in (cast.SOLUTIONS, cast.AFFILIATE):
            self._close(key, self._stage.dates.label(month), now)

    def _close(self, key: str, label: str, now: datetime) -> None:
        with self._stage.acting(cast.FINANCE) as (session, omar):
            program = programs.by_key(session, key)
            service.ensure_periods(session, program, now)
            found = statements.period_labelled(session, program.id, label)
            period = statements.period(session, found.id, lock=True)
            service.begin_close(
                session,
                period,
                actor=omar,
                issuer_name=self._stage.setting.org_name,
                acknowledged=_NOTES,
                now=now,
            )
            period_id = period.id
        run_close(period_id, now=now)
        with transaction(db.session()) as session:
            for statement in statements.of_period(session, period_id):
                if statement.payment is Payment.DUE and statement.pays_on:
                    amount = Money(statement.closing_minor, statement.currency)
                    self._expect(statement.enrollment_id, statement.pays_on, amount)

    def _expect(self, enrollment_id: UUID, day: date, amount: Money) -> None:
        """Pay on that day what the last statement that names it closed with."""
        is_new = (enrollment_id, day) not in self._due
        self._due[enrollment_id, day] = amount
        if is_new:
            moment = datetime.combine(day, time(14), self._stage.dates.start.tzinfo)
            self._stage.at(moment, lambda now: self._pay(enrollment_id, day, now))

    def _pay(self, enrollment_id: UUID, day: date, now: datetime) -> None:
        with self._stage.acting(cast.FINANCE) as (session, omar):
            enrollment = enrollments.get(session, enrollment_id)
            amount = self._due[enrollment_id, day]
            owed = payouts.payable(
                session,
                partner_id=enrollment.partner_id,
                program_id=enrollment.program_id,
                currency=amount.currency,
            )
            amount = min(amount, owed)
            if amount.minor <= 0:
                return
            self._count += 1
            payouts.record(
                session,
                enrollment_id=enrollment_id,
                amount=amount,
                paid_on=day,
                reference=f"ACME {day:%Y%m} {self._count:04d}",
                form_id=new_id(),
                actor=omar,
                now=now,
            )
