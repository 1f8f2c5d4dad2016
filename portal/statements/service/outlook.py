"""What open months will state, in the order in which they close."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from portal.adjustments.models import Adjustment
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.programs import queries as programs
from portal.programs.definition import ProgramDefinition
from portal.statements import queries
from portal.statements.models import Period
from portal.statements.policy import Carried, Tax, apply_policy
from portal.statements.queries import Held, PaymentMade
from portal.statements.rules import LineKind, Totals, totals_of
from portal.statements.service.taxes import taxes


def definition_of(session: Session, period: Period) -> ProgramDefinition:
    """Return the program as it is at the end of the month."""
    return programs.current_version(
        session, period.program_id, period.ends_at
    ).definition


@dataclass(slots=True)
class Outlook:
    """Open months one after the other, each opening with what the one before leaves.

    Attributes:
        session: The session to read from.
        members: The enrollments, with their partners.
        withholds_us_tax: Whether the vendor withholds what US rules ask for.
        carried: What the months looked at so far leave to the next one.
        since: The end of the last month that was looked at; none before the first.
    """

    session: Session
    members: Sequence[Enrollment]
    withholds_us_tax: bool
    carried: dict[UUID, Carried]
    since: datetime | None = None

    def totals(self, month: Period) -> dict[UUID, Totals]:
        """Return what the statements of the next month come to, and step past it."""
        definition = definition_of(self.session, month)
        stated, decided = self._stated(month), self.taxes(month, definition)
        issued = queries.closings_in(self.session, month.id)
        found = {}
        for member in self.members:
            if member.id in issued:  # what it leaves is carried already
                found[member.id] = issued[member.id].totals
                continue
            applied = apply_policy(
                definition,
                stated[member.id],
                self.left_to(member),
                last_day=month.last_day,
                tax=decided[member.id],
            )
            found[member.id] = applied.totals
            self.carried[member.id] = Carried(
                opening=applied.totals.closing,
                advance=applied.advance,
                untaxed=applied.untaxed,
            )
        self.since = month.ends_at
        return found

    def left_to(self, member: Enrollment) -> Carried:
        """Return what an enrollment's next statement begins with."""
        return self.carried.get(member.id, Carried())

    def _stated(self, month: Period) -> dict[UUID, Totals]:
        keys = [row.id for row in self.members]
        sums = queries.projected(self.session, keys, month, since=self.since)
        moved = self.movements(month)
        adjusted = self.adjustments()
        reserves = self.reserves(month)

        def lines_of(member: Enrollment) -> Iterator[tuple[LineKind, int]]:
            yield from sums.get(member.id, {}).items()
            for adjustment in adjusted.get(member.id, ()):
                yield LineKind.ADJUSTMENT, adjustment.amount_minor
            for payment in moved.get(member.partner_id, ()):
                yield payment.kind, payment.posting.amount_minor
            for reserve in reserves.get(member.id, ()):
                yield LineKind.RELEASE, reserve.amount.minor

        return {
            member.id: totals_of(self.left_to(member).opening, lines_of(member))
            for member in self.members
        }

    def movements(self, month: Period) -> dict[UUID, list[PaymentMade]]:
        """Return by partner what was paid or released and is stated in the month."""
        moved = queries.movements_waiting(
            self.session,
            [row.partner_id for row in self.members],
            month.program_id,
            month.ends_at,
        )
        return {
            key: [row for row in rows if self._is_next(row.entry.occurred_at)]
            for key, rows in moved.items()
        }

    def reserves(self, month: Period) -> dict[UUID, list[Held]]:
        """Return by enrollment what is to be released in the month and is not yet."""
        found: dict[UUID, list[Held]] = {}
        for row in queries.held(
            self.session,
            before=month.ends_at,
            enrollment_ids=[row.id for row in self.members],
        ):
            if self._is_next(row.released_at):
                found.setdefault(row.statement.enrollment_id, []).append(row)
        return found

    def adjustments(self) -> dict[UUID, list[Adjustment]]:
        """Return what was adjusted by hand: the first month to close states it."""
        if self.since is not None:
            return {}
        keys = [row.id for row in self.members]
        return queries.adjustments_waiting(self.session, keys)

    def taxes(
        self, month: Period, definition: ProgramDefinition
    ) -> dict[UUID, Tax | None]:
        """Return what is withheld from each enrollment as things stand."""
        gates = (
            enrollments.checklists(self.session, self.members, now=month.ends_at)
            if self.withholds_us_tax
            else {}
        )
        return taxes(
            self.session,
            self.members,
            month,
            definition,
            gates=gates,
            withholds_us_tax=self.withholds_us_tax,
        )

    def _is_next(self, moment: datetime) -> bool:
        return self.since is None or moment >= self.since


def outlook_on(
    session: Session,
    period: Period,
    members: Sequence[Enrollment],
    *,
    withholds_us_tax: bool,
) -> Outlook:
    """Return the outlook on a month, past the earlier months that are still open."""
    outlook = Outlook(
        session=session,
        members=members,
        withholds_us_tax=withholds_us_tax,
        carried=queries.carried(session, [row.id for row in members]),
    )
    for month in queries.unclosed_before(session, period):
        outlook.totals(month)
    return outlook
