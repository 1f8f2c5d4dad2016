"""The books in themselves: entries, sums, what partners are owed, the chain."""

from sqlalchemy import case, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from portal.kit.ids import public_id
from portal.ledger import sealing
from portal.ledger.models import JournalEntry, LedgerAccount, Posting
from portal.statements.models import Statement, StatementLine
from portal.statements.queries import PAYOUT_KEYS, RELEASE_KEYS, lines_stand
from portal.verification.findings import Found, Scope


def entries_balance(session: Session, scope: Scope) -> Found:
    """I1: the postings of an entry add up to nothing in each currency."""
    rows = session.execute(
        select(JournalEntry.key, Posting.currency, func.sum(Posting.amount_minor))
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(scope.covers(JournalEntry.recorded_at))
        .group_by(JournalEntry.key, Posting.currency)
        .having(func.sum(Posting.amount_minor) != 0)
        .order_by(JournalEntry.key)
    )
    for key, currency, total in rows:
        yield key, f"adds up to {total} {currency}, not to 0"


def books_balance(session: Session, _scope: Scope) -> Found:
    """I2: all postings add up to nothing in each currency."""
    rows = session.execute(
        select(Posting.currency, func.sum(Posting.amount_minor))
        .group_by(Posting.currency)
        .having(func.sum(Posting.amount_minor) != 0)
    )
    for currency, total in rows:
        yield currency, f"all postings add up to {total}, not to 0"


def entries_have_two_sides(session: Session, scope: Scope) -> Found:
    """I3: an entry has at least two postings."""
    rows = session.execute(
        select(JournalEntry.key, func.count(Posting.id))
        .outerjoin(Posting, Posting.entry_id == JournalEntry.id)
        .where(scope.covers(JournalEntry.recorded_at))
        .group_by(JournalEntry.key)
        .having(func.count(Posting.id) < 2)  # noqa: PLR2004 - debit and credit
        .order_by(JournalEntry.key)
    )
    for key, count in rows:
        yield key, f"has {count} postings, needs two"


def postings_have_an_entry(session: Session, _scope: Scope) -> Found:
    """I3, from the other side: no posting without its entry."""
    rows = session.scalars(
        select(Posting.id)
        .outerjoin(JournalEntry, JournalEntry.id == Posting.entry_id)
        .where(JournalEntry.id.is_(None))
        .order_by(Posting.id)
    )
    for posting_id in rows:
        yield f"posting {posting_id}", "is of an entry that is gone"


def entries_have_one_currency(session: Session, scope: Scope) -> Found:
    """I10: every posting has a currency, and an entry has one."""
    rows = session.execute(
        select(JournalEntry.key)
        .join(Posting, Posting.entry_id == JournalEntry.id)
        .where(scope.covers(JournalEntry.recorded_at))
        .group_by(JournalEntry.key)
        .having(
            or_(
                func.count(Posting.currency.distinct()) != 1,
                func.bool_or(Posting.currency.regexp_match("^[A-Z]{3}$").is_(False)),
            )
        )
        .order_by(JournalEntry.key)
    )
    for (key,) in rows:
        yield key, "mixes currencies, or has a posting without one"


def balances_follow(session: Session, _scope: Scope) -> Found:
    """I4: the balance in the books is the last closing less what was paid since."""
    latest = (
        select(
            Statement.partner_id,
            Statement.program_id,
            Statement.number,
            Statement.closing_minor,
        )
        .ext(distinct_on(Statement.enrollment_id))
        .order_by(Statement.enrollment_id, Statement.count.desc())
        .subquery()
    )
    shown = select(StatementLine.posting_id).where(
        StatementLine.posting_id.is_not(None), lines_stand()
    )
    unshown = case(
        (
            or_(JournalEntry.key.like(PAYOUT_KEYS), JournalEntry.key.like(RELEASE_KEYS))
            & Posting.id.not_in(shown),
            Posting.amount_minor,
        ),
        else_=0,
    )
    rows = session.execute(
        select(
            Posting.partner_id,
            latest.c.number,
            func.coalesce(latest.c.closing_minor, 0),
            func.sum(Posting.amount_minor),
            func.sum(unshown),
        )
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .outerjoin(
            latest,
            (latest.c.partner_id == Posting.partner_id)
            & (latest.c.program_id == Posting.program_id),
        )
        .where(Posting.account == LedgerAccount.PARTNER_PAYABLE)
        .group_by(
            Posting.partner_id,
            Posting.program_id,
            latest.c.number,
            latest.c.closing_minor,
        )
    )
    for partner_id, number, closing, balance, paid_since in rows:
        expected = int(closing) + int(paid_since)
        if int(balance) != expected:
            yield (
                number or public_id("prt", partner_id),
                f"leaves {expected} owed, the books say {int(balance)}",
            )


def paid_is_earned(session: Session, _scope: Scope) -> Found:
    """I6: nobody was paid more than was ever put to their account."""
    is_payout = JournalEntry.key.like(PAYOUT_KEYS)
    paid = func.sum(case((is_payout, -Posting.amount_minor), else_=0))
    earned = func.sum(
        case((~is_payout & (Posting.amount_minor > 0), Posting.amount_minor), else_=0)
    )
    rows = session.execute(
        select(Posting.partner_id, Posting.currency, paid, earned)
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .where(Posting.account == LedgerAccount.PARTNER_PAYABLE)
        .group_by(Posting.partner_id, Posting.program_id, Posting.currency)
        .having(paid > earned)
        .order_by(Posting.partner_id)
    )
    for partner_id, currency, out, in_all in rows:
        yield (
            public_id("prt", partner_id),
            f"was paid {out} {currency} and earned {in_all} in all",
        )


def chain_holds(session: Session, scope: Scope) -> Found:
    """I9: the chain of seals has no gap, and each entry is what was sealed."""
    yield from sealing.broken(session, now=scope.now, since=scope.since)
