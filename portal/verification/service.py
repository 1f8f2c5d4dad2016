"""The invariants of the books, checked on a live database, and what follows.

Checking reads only. What it finds stops payouts, until a person says that they may go
on; everything else goes on by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal.payouts import service as payouts
from portal.payouts.freezes import PayoutFreeze
from portal.statements.models import Period
from portal.verification import books, sources, statements, walls
from portal.verification import payouts as payout_checks
from portal.verification.findings import Finding, Found, Scope

RECENT = timedelta(hours=1)
_SHOWN = 20

CHECKS: Mapping[str, Callable[[Session, Scope], Found]] = MappingProxyType(
    {
        "walls-stand": walls.walls_stand,
        "entries-balance": books.entries_balance,
        "books-balance": books.books_balance,
        "entries-have-two-sides": books.entries_have_two_sides,
        "postings-have-an-entry": books.postings_have_an_entry,
        "entries-have-one-currency": books.entries_have_one_currency,
        "lines-have-a-statement": statements.lines_have_a_statement,
        "lines-have-a-commission": statements.lines_have_a_commission,
        "statements-connect": statements.connect,
        "statements-are-booked": statements.are_booked,
        "payouts-are-booked": payout_checks.are_booked,
        "batches-hold": payout_checks.batches_hold,
        "balances-follow": books.balances_follow,
        "releases-are-booked": statements.releases_are_booked,
        "paid-is-earned": books.paid_is_earned,
        "lines-match-commissions": statements.lines_match_commissions,
        "stated-once": statements.stated_once,
        "chain-holds": books.chain_holds,
        "adjustments-are-approved": sources.adjustments_are_approved,
        "shares-add-up": sources.shares_add_up,
        "refunded-sales-earned-nothing": sources.refunded_sales_earned_nothing,
        "numbers-have-no-gaps": statements.numbers_have_no_gaps,
        "events-are-settled": sources.events_are_settled,
        "ignored-events-say-why": sources.ignored_events_say_why,
    }
)
"""Checks by name, in the order in which they are done; then `statements.OF_EACH`."""

NAMES = (*CHECKS, *statements.OF_EACH)
"""Every invariant by its name."""


def verify(
    session: Session, now: datetime, *, since: datetime | None = None
) -> list[Finding]:
    """Return every row that breaks an invariant; none in a sound database.

    Args:
        session: A session that sees one moment (`portal.kit.db.snapshot`): a close
            that ends between two checks would look like an error.
        now: The moment.
        since: Only what was written from then on; by default everything.
    """
    scope = Scope(now, since)
    found = [
        Finding(name, row, problem)
        for name, check in CHECKS.items()
        for row, problem in check(session, scope)
    ]
    return found + [Finding(*parts) for parts in statements.check_each(session, scope)]


def recent_from(session: Session, now: datetime) -> datetime:
    """Return from when on rows count as recent.

    What a close writes carries the moment at which the close began, so a close that is
    not over, or has just ended, is looked at whole.
    """
    began = session.scalar(
        select(func.min(Period.close_began_at)).where(
            or_(Period.closed_at.is_(None), Period.closed_at >= now - RECENT)
        )
    )
    return min(began or now, now - RECENT)


def react(
    session: Session, findings: Sequence[Finding], *, now: datetime
) -> PayoutFreeze | None:
    """Freeze payouts if anything was found; return the freeze.

    Args:
        session: The session that holds the open transaction.
        findings: What `verify` found.
        now: The moment.
    """
    if not findings:
        return None
    told = [str(finding) for finding in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        told.append(f"and {len(findings) - _SHOWN} more")
    return payouts.freeze(
        session,
        reason=f"portal verify: {findings[0]}",
        findings=told,
        actor=None,
        now=now,
    )
