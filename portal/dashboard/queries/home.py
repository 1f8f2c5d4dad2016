from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, or_, select, union_all
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from portal.attribution.models import Attribution
from portal.certification.team_queries import TeamStanding, team_standings
from portal.commissions.models import Commission, CommissionKind
from portal.commissions.queries import earns_until
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.rules import GateStatus, unmet
from portal.kit.clock import month_start
from portal.kit.money import Money
from portal.ledger.models import LedgerAccount, Posting
from portal.payouts.models import BOOKED, BatchRow, Payout
from portal.programs.definition import Blocks
from portal.programs.models import ProgramVersion
from portal.sales.models import Sale
from portal.statements.models import Statement
from portal.statements.queries import statements_stand
from portal.tracking.models import ReferralLink

STOPPED = (EnrollmentStatus.SUSPENDED, EnrollmentStatus.TERMINATED)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partner stands in one program.

    Attributes:
        enrollment: The enrollment with its version.
        statuses: Its gates, in the program's order.
        teams: How the partner's people stand with each gate that asks for several.
    """

    enrollment: Enrollment
    statuses: Sequence[GateStatus]
    teams: Sequence[TeamStanding] = ()

    @property
    def program_name(self) -> str:
        """The name of the program as the partner joined it."""
        return self.enrollment.version.definition.name

    @property
    def is_running(self) -> bool:
        """Whether staff have neither paused nor ended it."""
        return self.enrollment.status not in STOPPED

    @property
    def is_incomplete(self) -> bool:
        """Whether it runs and a gate is left to meet."""
        return self.is_running and not all(s.is_met for s in self.statuses)

    @property
    def may_link(self) -> bool:
        """Whether the partner may have links."""
        return self.is_running and not any(
            unmet(self.statuses, blocks) for blocks in (Blocks.JOIN, Blocks.LINK)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The partner's money in one currency.

    Attributes:
        available: On statements and not paid yet.
        statement: The statement that says when it is paid; none when nothing is due.
        coming: Cleared, for the next statement.
        on_hold: Waits for its day.
        clears_by: The last of these days.
        held: Waits for a requirement.
        paid: What was paid this year.
        payouts: In how many payments.
    """

    available: Money
    statement: Statement | None
    coming: Money
    on_hold: Money
    clears_by: datetime | None
    held: Money
    paid: Money
    payouts: int


@dataclass(frozen=True, slots=True)
class CustomerCounts:
    """How many customers earn for the partner, and how many came this month."""

    active: int
    new: int


@dataclass(frozen=True, slots=True)
class MonthSum:
    """What lines of one kind came to in one month, `2026-10`."""

    month: str
    kind: CommissionKind
    amount: Money


def standings(session: Session, partner_id: UUID, now: datetime) -> list[Standing]:
    """Return where the partner stands in each of its programs, oldest first."""
    own = enrollments.of_partner(session, partner_id)
    statuses = enrollments.checklists(session, own, now=now)
    asking = {
        one.id: [gate for gate in one.version.definition.gates if gate.team]
        for one in own
    }
    found = iter(
        team_standings(
            session,
            partner_id,
            [gate for gates in asking.values() for gate in gates],
            now=now,
        )
    )
    return [
        Standing(one, statuses[one.id], [next(found) for _gate in asking[one.id]])
        for one in own
    ]


def links_of(
    session: Session, enrollment_ids: Collection[UUID]
) -> dict[UUID, list[ReferralLink]]:
    """Return the links of each enrollment, oldest first."""
    found: dict[UUID, list[ReferralLink]] = {key: [] for key in enrollment_ids}
    rows = session.scalars(
        select(ReferralLink)
        .where(ReferralLink.enrollment_id.in_(enrollment_ids))
        .order_by(ReferralLink.created_at, ReferralLink.id)
    )
    for row in rows:
        found[row.enrollment_id].append(row)
    return found


def purses(
    session: Session,
    partner_id: UUID,
    *,
    currencies: Collection[str],
    now: datetime,
    zone: ZoneInfo,
) -> list[Purse]:
    """Return the partner's money, one purse for each currency.

    Args:
        session: The session to read from.
        partner_id: Whose.
        currencies: Those of its programs, which get a purse even while it is empty.
        now: The moment.
        zone: In which the year begins.
    """
    owed = owed_by_program(session, partner_id)
    paid = _paid_in(session, partner_id, now.astimezone(zone).year)
    open_sums = open_money(session, Commission.partner_id == partner_id, now)
    statements = _latest_statements(session, partner_id)
    every = {currency for _program, currency in owed}
    every |= {*currencies, *paid, *open_sums}
    found = []
    for currency in sorted(every):
        mine = {key: minor for key, minor in owed.items() if key[1] == currency}
        total, count = paid.get(currency, (0, 0))
        waiting = open_sums.get(currency, OpenSums())
        found.append(
            Purse(
                available=Money(sum(mine.values()), currency),
                statement=_paid_next(statements, mine),
                coming=Money(waiting.cleared, currency),
                on_hold=Money(waiting.on_hold, currency),
                clears_by=waiting.clears_by,
                held=Money(waiting.held, currency),
                paid=Money(total, currency),
                payouts=count,
            )
        )
    return found


def owed_by_program(
    session: Session, partner_id: UUID
) -> dict[tuple[UUID | None, str], int]:
    """Return what the books say is owed to the partner, by program and currency."""
    rows = session.execute(
        select(Posting.program_id, Posting.currency, func.sum(Posting.amount_minor))
        .where(
            Posting.account == LedgerAccount.PARTNER_PAYABLE,
            Posting.partner_id == partner_id,
        )
        .group_by(Posting.program_id, Posting.currency)
    )
    return {(program, currency): int(total) for program, currency, total in rows}


@dataclass(frozen=True, slots=True)
class OpenSums:
    """Sums of lines that are on no statement, in minor units of one currency."""

    on_hold: int = 0
    held: int = 0
    cleared: int = 0
    clears_by: datetime | None = None


def open_money(
    session: Session, whose: ColumnElement[bool], now: datetime
) -> dict[str, OpenSums]:
    """Return what lines on no statement add up to, by currency."""
    is_waiting = Commission.clears_at > now
    rows = session.execute(
        select(
            Commission.currency,
            _sum_where(is_waiting),
            _sum_where(Commission.clears_at.is_(None)),
            _sum_where(Commission.clears_at <= now),
            func.max(Commission.clears_at).filter(is_waiting),
        )
        .where(whose, Commission.frozen_at.is_(None))
        .group_by(Commission.currency)
    )
    return {
        currency: OpenSums(int(on_hold), int(held), int(cleared), clears_by)
        for currency, on_hold, held, cleared, clears_by in rows
    }


def _sum_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, Commission.amount_minor))), 0)


def _paid_in(
    session: Session, partner_id: UUID, year: int
) -> dict[str, tuple[int, int]]:
    """Return what was paid in a year, and in how many payments, by currency."""
    by_hand = select(Payout.currency, Payout.amount_minor).where(
        Payout.partner_id == partner_id,
        Payout.paid_on >= date(year, 1, 1),
        Payout.paid_on < date(year + 1, 1, 1),
    )
    from_batches = select(BatchRow.currency, BatchRow.amount_minor).where(
        BatchRow.partner_id == partner_id,
        BatchRow.status.in_(BOOKED),
        func.extract("year", BatchRow.sent_at) == year,
    )
    paid = union_all(by_hand, from_batches).subquery()
    rows = session.execute(
        select(paid.c.currency, func.sum(paid.c.amount_minor), func.count()).group_by(
            paid.c.currency
        )
    )
    return {currency: (int(total), count) for currency, total, count in rows}


def _latest_statements(session: Session, partner_id: UUID) -> Sequence[Statement]:
    """Return the latest statement of each of the partner's programs."""
    return session.scalars(
        select(Statement)
        .where(Statement.partner_id == partner_id, statements_stand())
        .ext(distinct_on(Statement.enrollment_id))
        .order_by(Statement.enrollment_id, Statement.count.desc())
    ).all()


def _paid_next(
    statements: Sequence[Statement], owed: dict[tuple[UUID | None, str], int]
) -> Statement | None:
    """Return the statement that is paid first, or one that says why it is not."""
    unpaid = [
        row for row in statements if owed.get((row.program_id, row.currency), 0) > 0
    ]
    unpaid.sort(key=lambda row: (row.pays_on is None, row.pays_on or row.ends_on))
    return unpaid[0] if unpaid else None


def customer_counts(
    session: Session, partner_id: UUID, now: datetime, zone: ZoneInfo
) -> CustomerCounts:
    """Return how many of the partner's customers earn, and how many are new.

    A customer counts as active from the first payment until its sales stop earning.
    """
    rows = session.execute(
        select(
            Attribution.version_id,
            Attribution.converted_at,
            func.min(Sale.occurred_at).filter(Sale.net_minor > 0),
        )
        .join(Enrollment, Enrollment.id == Attribution.enrollment_id)
        .outerjoin(Sale, Sale.customer_id == Attribution.customer_id)
        .where(Enrollment.partner_id == partner_id)
        .group_by(Attribution.id)
    ).all()
    versions = session.scalars(
        select(ProgramVersion).where(
            ProgramVersion.id.in_({row.version_id for row in rows})
        )
    )
    terms = {version.id: version.definition for version in versions}
    this_month = month_start(now.astimezone(zone).date(), zone)
    ends: list[datetime | None] = []
    for version_id, _converted_at, first_sale_at in rows:
        if first_sale_at is not None:
            ends.append(earns_until(terms[version_id], first_sale_at))
    return CustomerCounts(
        active=sum(ends_at is None or ends_at > now for ends_at in ends),
        new=sum(row.converted_at >= this_month for row in rows),
    )


def earnings_by_month(
    session: Session, partner_id: UUID, zone: ZoneInfo
) -> dict[str, list[MonthSum]]:
    """Return what the partner earned and lost in every month, by currency."""
    month = func.to_char(func.timezone(zone.key, Commission.occurred_at), "YYYY-MM")
    rows = session.execute(
        select(
            month.label("month"),
            Commission.currency,
            Commission.kind,
            func.sum(Commission.amount_minor),
        )
        .where(Commission.partner_id == partner_id)
        .group_by("month", Commission.currency, Commission.kind)
        .order_by(Commission.currency)
    )
    found: dict[str, list[MonthSum]] = defaultdict(list)
    for label, currency, kind, total in rows:
        found[currency].append(MonthSum(label, kind, Money(int(total), currency)))
    return dict(found)


def earned_since(
    session: Session, enrollment_ids: Collection[UUID], since: datetime
) -> list[tuple[UUID, Money]]:
    """Return what each enrollment earned, net of reversals, from a moment on."""
    rows = session.execute(
        select(
            Commission.enrollment_id,
            Commission.currency,
            func.sum(Commission.amount_minor),
        )
        .where(
            Commission.enrollment_id.in_(enrollment_ids),
            Commission.occurred_at >= since,
        )
        .group_by(Commission.enrollment_id, Commission.currency)
        .order_by(Commission.enrollment_id, Commission.currency)
    )
    return [(key, Money(int(total), currency)) for key, currency, total in rows]


def held_or_waiting(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a line on no statement cannot go on one yet."""
    return or_(Commission.clears_at.is_(None), Commission.clears_at > now)
