"""A month as its close would make it, without writing anything."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import unmet
from portal.kit.money import Money
from portal.programs.definition import Blocks
from portal.statements import queries
from portal.statements.models import Period, PeriodStatus, Statement
from portal.statements.rules import Totals
from portal.statements.service.drafts import Draft, draft_of
from portal.statements.service.outlook import definition_of, outlook_on

_MOST_MOVERS = 10


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What one enrollment comes to.

    Attributes:
        enrollment_id: The enrollment.
        partner_id: Whose it is.
        partner_name: The partner's name.
        totals: The parts of its statement.
        change_before: What the month before came to; none without a statement.
        statement_id: The statement, once there is one.
    """

    enrollment_id: UUID
    partner_id: UUID
    partner_name: str
    totals: Totals
    change_before: int | None
    statement_id: UUID | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anything moved, or something is carried on."""
        return self.totals != Totals()

    @property
    def moved(self) -> int:
        """How much more than the month before."""
        return self.totals.change - (self.change_before or 0)


@dataclass(frozen=True, slots=True)
class Preview:
    """A month in figures.

    Attributes:
        currency: The currency of the program.
        rows: Every enrollment that gets a statement, largest closing first.
        totals: Their sums.
    """

    currency: str
    rows: tuple[PreviewRow, ...]
    totals: Totals

    def money(self, minor: int) -> Money:
        """Return an amount in the currency of the program."""
        return Money(minor, self.currency)

    @property
    def fingerprint(self) -> str:
        """What a person was shown, to tell later whether it still holds."""
        shown = sorted((str(row.enrollment_id), str(row.totals)) for row in self.rows)
        return hashlib.sha256(repr(shown).encode()).hexdigest()

    @property
    def looked_at(self) -> list[PreviewRow]:
        """The statements worth a look before a close: samples and those below zero."""
        chosen = {row.enrollment_id: row for row in [*self.samples, *self.negative]}
        return list(chosen.values())

    @property
    def movers(self) -> list[PreviewRow]:
        """The largest changes against the month before, largest first."""
        moved = [row for row in self.rows if row.moved]
        moved.sort(key=lambda row: (-abs(row.moved), row.partner_name))
        return moved[:_MOST_MOVERS]

    @property
    def negative(self) -> list[PreviewRow]:
        """The rows whose balance is below zero."""
        return [row for row in self.rows if row.totals.closing < 0]

    @property
    def samples(self) -> list[PreviewRow]:
        """A few rows worth a look: largest, one in the middle, smallest."""
        count = len(self.rows)
        places = sorted({0, count // 2, count - 1}) if count else []
        return [self.rows[place] for place in places]


def preview(
    session: Session, period: Period, *, withholds_us_tax: bool = False
) -> Preview:
    """Return what the month comes to: as issued once it is closed, else as of now.

    Args:
        session: The session to read from.
        period: The month.
        withholds_us_tax: Whether the vendor withholds what US rules ask for; asked of
            a month that is open.
    """
    definition = definition_of(session, period)
    before = queries.period_before(session, period)
    last_month = queries.closings_in(session, before.id) if before else {}
    if period.status is PeriodStatus.CLOSED:
        issued = queries.of_period(session, period.id)
        rows = [_as_issued(row, last_month.get(row.enrollment_id)) for row in issued]
    else:
        rows = _as_of_now(
            session, period, last_month, withholds_us_tax=withholds_us_tax
        )
    rows.sort(key=lambda row: (-row.totals.closing, row.partner_name))
    return Preview(
        currency=definition.currency,
        rows=tuple(rows),
        totals=sum((row.totals for row in rows), start=Totals()),
    )


def _as_issued(statement: Statement, before: Statement | None) -> PreviewRow:
    return PreviewRow(
        enrollment_id=statement.enrollment_id,
        partner_id=statement.partner_id,
        partner_name=statement.partner_name,
        totals=statement.totals,
        change_before=before.totals.change if before else None,
        statement_id=statement.id,
    )


def _as_of_now(
    session: Session,
    period: Period,
    last_month: dict[UUID, Statement],
    *,
    withholds_us_tax: bool,
) -> list[PreviewRow]:
    members = enrollments.in_program(session, period.program_id)
    issued = queries.closings_in(session, period.id)
    outlook = outlook_on(session, period, members, withholds_us_tax=withholds_us_tax)
    totals = outlook.totals(period)

    def row_of(member: Enrollment) -> PreviewRow:
        statement = issued.get(member.id)
        before = last_month.get(member.id)
        if statement is not None:  # the close is under way
            return _as_issued(statement, before)
        return PreviewRow(
            enrollment_id=member.id,
            partner_id=member.partner_id,
            partner_name=member.partner.name,
            totals=totals[member.id],
            change_before=before.totals.change if before else None,
        )

    return [row for row in map(row_of, members) if row.is_needed]


def draft_now(
    session: Session,
    enrollment: Enrollment,
    period: Period,
    *,
    withholds_us_tax: bool = False,
) -> Draft:
    """Return what the statement of an enrollment would say now; see `preview`."""
    until = period.ends_at
    definition = definition_of(session, period)
    outlook = outlook_on(
        session, period, [enrollment], withholds_us_tax=withholds_us_tax
    )
    cleared = queries.unfrozen(session, enrollment.id, until, since=outlook.since)
    return draft_of(
        enrollment,
        period,
        definition=definition,
        carried=outlook.left_to(enrollment),
        commissions=cleared,
        sources=queries.sources_of(session, cleared),
        adjustments=outlook.adjustments().get(enrollment.id, ()),
        movements=outlook.movements(period).get(enrollment.partner_id, ()),
        reserves=outlook.reserves(period).get(enrollment.id, ()),
        tax=outlook.taxes(period, definition)[enrollment.id],
        unmet=unmet(
            enrollments.checklist(session, enrollment, now=until), Blocks.PAYOUT
        ),
    )
