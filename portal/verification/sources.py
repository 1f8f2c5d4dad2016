"""What commissions, adjustments, shares and events are made from."""

from datetime import timedelta

from sqlalchemy import ColumnElement, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.orm import Session

from portal.adjustments.models import Adjustment, AdjustmentStatus
from portal.attribution import queries as attribution
from portal.commissions.models import Commission
from portal.kit.ids import public_id
from portal.payments.models import InboxEvent, InboxStatus
from portal.programs.models import ProgramVersion
from portal.sales.models import Refund, Sale
from portal.statements.models import Period, PeriodStatus, StatementLine
from portal.verification.findings import Found, Scope

_TIME_TO_HANDLE = timedelta(hours=1)


def _takes_everything_back() -> tuple[ColumnElement[bool], ...]:
    """Return which lines a full refund brings to zero.

    A program may take nothing back, or only for some days, and a cap of many sales
    takes first what went over.
    """
    clawback = ProgramVersion.definition_json["clawback"]
    capped = func.jsonb_path_exists(
        ProgramVersion.definition_json,
        cast('$.rules[*].caps[*] ? (@.per != "sale")', JSONPATH),
    )
    return (
        func.coalesce(clawback["refunds"].as_string(), "full") == "full",
        clawback["refund_days"].as_string().is_(None),
        ~capped,
    )


def refunded_sales_earned_nothing(session: Session, scope: Scope) -> Found:
    """I7: a sale that was refunded in full earned exactly nothing.

    This holds for rules whose window is the sale itself. Where the sales of a month
    count together, the lines of the *month* add up to what is left of it, and one
    sale's lines need not cancel out (see `commissions.calculation`).
    """
    refunded = (
        select(Refund.sale_id)
        .join(Sale, Sale.id == Refund.sale_id)
        .group_by(Refund.sale_id, Sale.gross_minor)
        .having(func.sum(Refund.gross_minor) == Sale.gross_minor)
    )
    if scope.since is not None:
        refunded = refunded.having(func.max(Refund.recorded_at) >= scope.since)
    rows = session.execute(
        select(Sale.external_id, Commission.rule_key, func.sum(Commission.amount_minor))
        .join(Sale, Sale.id == Commission.sale_id)
        .join(ProgramVersion, ProgramVersion.id == Commission.version_id)
        .where(
            Commission.sale_id.in_(refunded),
            Commission.trace["window"]["kind"].as_string() == "sale",
            *_takes_everything_back(),
        )
        .group_by(Commission.enrollment_id, Sale.external_id, Commission.rule_key)
        .having(func.sum(Commission.amount_minor) != 0)
        .order_by(Sale.external_id)
    )
    for external_id, rule_key, total in rows:
        yield external_id, f"is refunded in full and still earned {total} ({rule_key})"


def events_are_settled(session: Session, scope: Scope) -> Found:
    """I8: what happened in a closed month is handled, unless it came in just now."""
    closed_until = session.scalar(
        select(func.max(Period.ends_at)).where(Period.status == PeriodStatus.CLOSED)
    )
    if closed_until is None:
        return
    rows = session.scalars(
        select(InboxEvent)
        .where(
            InboxEvent.status.in_([InboxStatus.RECEIVED, InboxStatus.FAILED]),
            InboxEvent.occurred_at < closed_until,
            InboxEvent.received_at < scope.now - _TIME_TO_HANDLE,
        )
        .order_by(InboxEvent.id)
    )
    for event in rows:
        yield event.id, f"is {event.status} and belongs to a closed month"


def ignored_events_say_why(session: Session, scope: Scope) -> Found:
    """I8: an event that led to nothing has a reason."""
    rows = session.scalars(
        select(InboxEvent.id)
        .where(
            InboxEvent.status.in_([InboxStatus.IGNORED, InboxStatus.PARKED]),
            InboxEvent.note == "",
            scope.covers(InboxEvent.received_at),
        )
        .order_by(InboxEvent.id)
    )
    for event_id in rows:
        yield event_id, "was put aside without a reason"


def adjustments_are_approved(session: Session, _scope: Scope) -> Found:
    """Only what a second person approved is on a statement, at its amount."""
    rows = session.execute(
        select(Adjustment, StatementLine.amount_minor)
        .join(StatementLine, StatementLine.adjustment_id == Adjustment.id)
        .where(
            or_(
                Adjustment.status != AdjustmentStatus.APPROVED,
                Adjustment.amount_minor != StatementLine.amount_minor,
            )
        )
        .order_by(Adjustment.id)
    )
    for adjustment, stated in rows:
        yield (
            adjustment.public_id,
            (
                f"is {adjustment.status} at {adjustment.amount_minor}, its line says "
                f"{stated}"
            ),
        )


def shares_add_up(session: Session, _scope: Scope) -> Found:
    """The shares of a customer are the whole of the credit."""
    for customer_id, _program_id in attribution.uneven(session):
        yield public_id("cus", customer_id), "has shares that are not the whole of it"
