"""What is due, to whom, and who is left out for which reason."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.enrollments.rules import unmet
from portal.kit.money import Money
from portal.ledger.models import LedgerAccount, Posting
from portal.payouts.models import COMMITTED, BatchRow, PayoutAccount, PayoutBatch
from portal.payouts.queries.accounts import current_accounts
from portal.payouts.rules import (
    Facts,
    FileFormat,
    LeftOut,
    StatementSum,
    batch_name,
    covered,
    due_minor,
    fingerprint,
    why_left_out,
)
from portal.programs import queries as programs
from portal.programs.definition import Blocks
from portal.statements.models import Statement
from portal.statements.queries import statements_stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A partner in a program with a balance, and what is to be done about it.

    Attributes:
        enrollment: Who, with the partner.
        program: The program's name.
        balance: What is owed, or below zero, what the partner owes.
        due: What of it may be sent on the day.
        statements: Those that the payment comes from, earliest first.
        account: Where it goes; none if there is none that fits.
        left_out: Why they are not in the batch; none if they are.
        detail: What the reason is about: a gate, a batch, or empty.
        pays_on: The first payment day that is still to come, if that is the reason.
    """

    enrollment: Enrollment
    program: str
    balance: Money
    due: Money
    statements: tuple[StatementSum, ...]
    account: PayoutAccount | None
    left_out: LeftOut | None
    detail: str = ""
    pays_on: date | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """What a batch would hold.

    Attributes:
        payable: Who would be paid, by the partner's name.
        left_out: Who would not.
        currency: The currency of all.
    """

    payable: tuple[Candidate, ...]
    left_out: tuple[Candidate, ...]
    currency: str

    @property
    def total(self) -> Money:
        """What would be paid in all."""
        return sum((one.due for one in self.payable), start=Money(0, self.currency))

    @property
    def fingerprint(self) -> str:
        """What a preview showed, to tell later whether it still holds."""
        return fingerprint(
            (one.enrollment.id, one.due.minor, one.account.id)
            for one in self.payable
            if one.account
        )


def balances(session: Session) -> dict[str, int]:
    """Return how many partners are owed something, by currency."""
    owed = (
        select(Posting.currency)
        .where(Posting.account == LedgerAccount.PARTNER_PAYABLE)
        .group_by(Posting.partner_id, Posting.program_id, Posting.currency)
        .having(func.sum(Posting.amount_minor) > 0)
        .subquery()
    )
    rows = session.execute(
        select(owed.c.currency, func.count())
        .group_by(owed.c.currency)
        .order_by(owed.c.currency)
    )
    return dict(rows.all())


def collect(
    session: Session,
    *,
    currency: str,
    file_format: FileFormat,
    pay_on: date,
    now: datetime,
    lock: bool = False,
) -> Collected:
    """Return what is due in a currency and can be sent by a kind of file.

    Args:
        session: The session to read from.
        currency: Which balances.
        file_format: What the bank reads.
        pay_on: The day of payment.
        now: The moment, for gates and for accounts that are held.
        lock: Hold the enrollments, in one order for everybody, so that two payments
            cannot both take the same balance.
    """
    found, owed = _with_balance(session, currency, lock=lock)
    reader = _Reader(
        owed={one.id: owed[one.partner_id, one.program_id] for one in found},
        open_rows=_open_rows(session, found),
        statements=_statements(session, found),
        unmet={
            key: next((status.gate.title for status in unmet(gates, Blocks.PAYOUT)), "")
            for key, gates in enrollments.checklists(session, found, now=now).items()
        },
        policies=_policies(session, found, now),
        accounts=_accounts(session, found, file_format, currency),
    )
    candidates = [
        reader.candidate(
            one, currency=currency, file_format=file_format, pay_on=pay_on, now=now
        )
        for one in sorted(found, key=lambda one: (one.partner.name.lower(), one.id))
    ]
    return Collected(
        payable=tuple(one for one in candidates if one.left_out is None),
        left_out=tuple(one for one in candidates if one.left_out is not None),
        currency=currency,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """What was read for all enrollments at once, by enrollment or program."""

    owed: dict[UUID, int]
    open_rows: dict[UUID, str]
    statements: dict[UUID, list[StatementSum]]
    unmet: dict[UUID, str]
    policies: dict[UUID, tuple[str, int]]
    accounts: dict[UUID, PayoutAccount]

    def candidate(
        self,
        one: Enrollment,
        *,
        currency: str,
        file_format: FileFormat,
        pay_on: date,
        now: datetime,
    ) -> Candidate:
        """Decide on one enrollment."""
        owed, statements = self.owed[one.id], self.statements[one.id]
        due = due_minor(owed, statements, pay_on)
        program, minimum = self.policies[one.program_id]
        account = self.accounts.get(one.id)
        left_out = why_left_out(
            Facts(
                balance_minor=owed,
                due_minor=due,
                minimum_minor=minimum,
                has_open_row=one.id in self.open_rows,
                has_unmet_gate=bool(self.unmet[one.id]),
                held_until=account.usable_from if account else None,
                most_minor=file_format.most_minor,
            ),
            now,
        )
        details = {
            LeftOut.IN_BATCH: self.open_rows.get(one.id, ""),
            LeftOut.GATE: self.unmet[one.id],
        }
        later = [
            row.pays_on for row in statements if row.pays_on and row.pays_on > pay_on
        ]
        return Candidate(
            enrollment=one,
            program=program,
            balance=Money(owed, currency),
            due=Money(due, currency),
            statements=tuple(covered(due, statements, pay_on)),
            account=account,
            left_out=left_out,
            detail=details.get(left_out, "") if left_out else "",
            pays_on=min(later, default=None),
        )


def _owed(
    session: Session, currency: str
) -> dict[tuple[UUID | None, UUID | None], int]:
    rows = session.execute(
        select(Posting.partner_id, Posting.program_id, func.sum(Posting.amount_minor))
        .where(*_of_partners(currency))
        .group_by(Posting.partner_id, Posting.program_id)
        .having(func.sum(Posting.amount_minor) != 0)
    )
    return {
        (partner_id, program_id): int(total) for partner_id, program_id, total in rows
    }


def _with_balance(
    session: Session, currency: str, *, lock: bool
) -> tuple[list[Enrollment], dict[tuple[UUID | None, UUID | None], int]]:
    """Return the enrollments that have a balance, and every balance."""
    owed = (
        select(Posting.partner_id, Posting.program_id)
        .where(*_of_partners(currency))
        .group_by(Posting.partner_id, Posting.program_id)
        .having(func.sum(Posting.amount_minor) != 0)
        .subquery()
    )
    query = (
        select(Enrollment)
        .join(
            owed,
            (owed.c.partner_id == Enrollment.partner_id)
            & (owed.c.program_id == Enrollment.program_id),
        )
        .options(joinedload(Enrollment.partner), joinedload(Enrollment.version))
        .order_by(Enrollment.id)
    )
    if lock:
        query = query.with_for_update(of=Enrollment).execution_options(
            populate_existing=True
        )
    found = session.scalars(query).all()
    # Read once the locks are held: what was owed a moment ago may be paid by now.
    sums = _owed(session, currency)
    return [one for one in found if (one.partner_id, one.program_id) in sums], sums


def _of_partners(currency: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Posting.account == LedgerAccount.PARTNER_PAYABLE,
        Posting.currency == currency,
    )


def _open_rows(session: Session, found: Sequence[Enrollment]) -> dict[UUID, str]:
    rows = session.execute(
        select(BatchRow.enrollment_id, PayoutBatch.number)
        .join(PayoutBatch, PayoutBatch.id == BatchRow.batch_id)
        .where(
            BatchRow.enrollment_id.in_([one.id for one in found]),
            BatchRow.status.in_(COMMITTED),
        )
    )
    return {key: batch_name(number) for key, number in rows}


def _statements(
    session: Session, found: Sequence[Enrollment]
) -> dict[UUID, list[StatementSum]]:
    rows = session.execute(
        select(
            Statement.enrollment_id,
            Statement.id,
            Statement.number,
            (
                Statement.closing_minor
                - Statement.opening_minor
                + Statement.payouts_minor
                # What is released can be paid from its own day on.
                - Statement.releases_minor
            ),
            Statement.untaxed_minor,
            Statement.pays_on,
        )
        .where(
            Statement.enrollment_id.in_([one.id for one in found]), statements_stand()
        )
        .order_by(Statement.enrollment_id, Statement.period_label)
    )
    sums: dict[UUID, list[StatementSum]] = defaultdict(list)
    for enrollment_id, key, number, change, untaxed, pays_on in rows:
        sums[enrollment_id].append(
            StatementSum(
                id=key,
                number=number,
                change_minor=int(change),
                pays_on=pays_on,
                untaxed_minor=int(untaxed),
            )
        )
    return sums


def _policies(
    session: Session, found: Sequence[Enrollment], now: datetime
) -> dict[UUID, tuple[str, int]]:
    """Return the name and the smallest payment of each program."""
    keys = sorted({one.program_id for one in found})
    definitions = {
        key: programs.current_version(session, key, now).definition for key in keys
    }
    return {
        key: (definition.name, definition.payout.minimum_minor)
        for key, definition in definitions.items()
    }


def _accounts(
    session: Session,
    found: Sequence[Enrollment],
    file_format: FileFormat,
    currency: str,
) -> dict[UUID, PayoutAccount]:
    """Return where each enrollment is paid: the first kind that it has."""
    held = current_accounts(session, {one.partner_id for one in found})
    chosen = {}
    for one in found:
        theirs = held.get(one.partner_id, {})
        for kind in file_format.kinds(currency):
            if kind in theirs:
                chosen[one.id] = theirs[kind]
                break
    return chosen
