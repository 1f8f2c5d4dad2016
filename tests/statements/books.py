"""Months and their close, for the tests of everything that a close makes."""

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.adjustments import service as adjustments
from portal.adjustments.rules import AdjustmentReason
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.ledger import sealing
from portal.ledger.models import JournalEntry, Posting
from portal.partners.models import Partner
from portal.statements import queries, service
from portal.statements.models import Period, Statement
from portal.statements.rules import month_of
from tests.commissions.story import Story
from tests.factories.people import UserFactory

ZONE = ZoneInfo("UTC")


def at(day: str) -> datetime:
    """Noon of a day."""
    return datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC)


def a_period(session: Session, program_id: UUID, label: str) -> Period:
    month = month_of(at(f"{label}-15"), ZONE)
    period = Period(
        program_id=program_id,
        label=label,
        starts_at=month.starts_at,
        ends_at=month.ends_at,
        time_zone=ZONE.key,
    )
    session.add(period)
    session.flush()
    return period


def begin(
    session: Session,
    period: Period,
    *,
    actor: User | None = None,
    notes: dict[str, str] | None = None,
    now: datetime | None = None,
    chunk_size: int = 50,
    withholds_us_tax: bool = False,
    four_eyes: bool = False,
) -> None:
    service.begin_close(
        session,
        queries.period(session, period.id, lock=True),
        actor=actor,
        issuer_name="Acme Inc.",
        acknowledged=notes or {},
        withholds_us_tax=withholds_us_tax,
        four_eyes=four_eyes,
        now=now or period.ends_at,
        chunk_size=chunk_size,
    )


def settle(session: Session) -> None:
    """Let the deferred triggers speak, which a commit would do."""
    session.flush()
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    session.execute(text("SET CONSTRAINTS ALL DEFERRED"))


def close(
    session: Session,
    period: Period,
    *,
    actor: User | None = None,
    notes: dict[str, str] | None = None,
    now: datetime | None = None,
    chunk_size: int = 50,
    withholds_us_tax: bool = False,
) -> list[Statement]:
    """Close a month from beginning to end; return its statements with their lines."""
    begin(
        session,
        period,
        actor=actor,
        notes=notes,
        now=now,
        chunk_size=chunk_size,
        withholds_us_tax=withholds_us_tax,
    )
    for chunk in queries.chunks(session, period.id):
        service.close_chunk(session, period.id, chunk.number)
    service.finish_close(session, period.id, now=now or period.ends_at)
    settle(session)
    sealing.seal(session, now=now or period.ends_at)
    issued = queries.of_period(session, period.id)
    return [queries.get(session, row.id).statement for row in issued]


def a_month(story: Story, label: str = "2026-01", *, net_minor: int = 60_000) -> Period:
    """A month in which the partner earned 20 % of one sale."""
    customer = story.credited(first_seen_at=at(f"{label}-02"))
    story.sale(customer, at(f"{label}-10"), net_minor)
    story.recompute()
    return a_period(story.session, story.version.program_id, label)


def rename(story: Story, name: str) -> Partner:
    story.enrollment.partner.name = name
    story.session.flush()
    return story.enrollment.partner


def entry_of(session: Session, key: str) -> list[Posting]:
    return list(
        session.query(Posting)
        .join(JournalEntry, JournalEntry.id == Posting.entry_id)
        .filter(JournalEntry.key == key)
        .order_by(Posting.account)
    )


def approved(story: Story, minor: int, *, is_approved: bool = True) -> None:
    """Adjust the balance by hand; a second person agrees, or has not yet."""
    change = adjustments.propose(
        story.session,
        story.enrollment,
        amount=Money(minor, "USD"),
        reason=AdjustmentReason.GOODWILL,
        note="For the broken link.",
        form_id=new_id(),
        actor=UserFactory.create(finance=True),
        now=at("2026-01-20"),
    )
    if is_approved:
        adjustments.approve(
            story.session,
            change,
            note="",
            actor=UserFactory.create(finance=True),
            now=at("2026-01-21"),
        )
