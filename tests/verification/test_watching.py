"""The books are checked by the clock, and what is found stops payouts."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from portal import jobs
from portal.kit.db import snapshot
from portal.partners.models import Partner
from portal.payments.models import InboxEvent, InboxSource, InboxStatus
from portal.payouts import queries
from portal.payouts.service import PayoutsFrozen, require_not_frozen
from portal.verification.findings import Finding
from portal.verification.service import CHECKS, react, recent_from, verify
from tests.commissions.story import Story
from tests.committed import committed
from tests.factories import base_factory
from tests.factories.people import PartnerFactory
from tests.payouts.paying import finance, make, owed_120
from tests.statements.books import a_month, a_period, at, begin, close, settle

__all__ = ["committed"]

WATCHES = ["verification.recent", "verification.full"]
NOW = at("2026-04-01")


def run(app: Flask, task: str) -> None:
    with app.app_context():
        jobs.TASKS[task]()


@pytest.mark.parametrize("watch", WATCHES)
def test_sound_books_freeze_nothing(app: Flask, session: Session, watch: str) -> None:
    close(session, a_month(Story(session)))

    run(app, watch)

    assert queries.freeze(session) is None


@pytest.mark.parametrize("watch", WATCHES)
def test_broken_books_freeze_payouts_and_name_the_row(
    app: Flask, session: Session, watch: str
) -> None:
    [statement] = close(session, a_month(Story(session)))
    session.execute(text("UPDATE statement_counters SET last_count = 9"))

    run(app, watch)

    frozen = queries.freeze(session)
    assert frozen is not None
    assert frozen.reason == (
        f"portal verify: numbers-have-no-gaps: {statement.number} is the last, the "
        "counter stands at 9"
    )
    with pytest.raises(PayoutsFrozen, match=statement.number):
        require_not_frozen(session)


def test_the_rest_of_the_site_stays_up(app: Flask, session: Session) -> None:
    close(session, a_month(Story(session)))
    session.execute(text("UPDATE statement_counters SET last_count = 9"))
    run(app, "verification.full")

    story = Story(session)
    [statement] = close(session, a_month(story))

    assert statement.closing_minor == 12_000
    assert app.test_client().get("/healthz").status_code == 200


def test_a_check_that_cannot_be_done_has_not_been_passed(
    app: Flask, session: Session
) -> None:
    owed_120(session)
    make(session, finance())
    session.execute(text("UPDATE payout_batch_rows SET status = 'no such status'"))
    session.expunge_all()

    run(app, "verification.full")

    frozen = queries.freeze(session)
    assert frozen is not None
    assert "could not be done" in frozen.reason
    assert "no such status" in frozen.reason


def test_what_is_found_is_told_up_to_a_point(session: Session) -> None:
    findings = [Finding("entries-balance", f"e{n}", "is off") for n in range(25)]

    frozen = react(session, findings, now=NOW)

    assert frozen is not None
    assert frozen.findings[0] == "entries-balance: e0 is off"
    assert len(frozen.findings) == 21
    assert frozen.findings[-1] == "and 5 more"


def written(findings: list[Finding]) -> list[Finding]:
    """Leave out that a test has switched walls off."""
    return [found for found in findings if found.invariant != "walls-stand"]


class TestRecent:
    def test_only_what_was_written_lately_is_read(self, owner_session: Session) -> None:
        session = owner_session
        for label in ("2026-01", "2026-03"):
            close(session, a_month(Story(session), label))
        session.execute(text("ALTER TABLE statements DISABLE TRIGGER ALL"))
        session.execute(text("UPDATE statements SET partner_name = 'Somebody else'"))
        session.expire_all()

        everything = written(verify(session, NOW))
        lately = written(verify(session, NOW, since=at("2026-03-15")))

        assert [one.invariant for one in everything] == ["hashes-hold"] * 2
        assert [one.row for one in lately] == [everything[1].row]

    def test_the_chain_is_taken_up_where_it_was(self, owner_session: Session) -> None:
        session = owner_session
        for label in ("2026-01", "2026-03"):
            close(session, a_month(Story(session), label))
        session.execute(text("ALTER TABLE ledger_seals DISABLE TRIGGER ALL"))
        session.execute(text("UPDATE ledger_seals SET seal = 'x' WHERE seq = 2"))
        session.expire_all()

        [finding] = written(verify(session, NOW, since=at("2026-03-15")))

        assert finding.invariant == "chain-holds"

    def test_a_refund_counts_by_when_it_was_written(self, session: Session) -> None:
        story = Story(session)
        sale = story.sale(
            story.credited(first_seen_at=at("2026-01-02")), at("2026-01-10")
        )
        story.refund(sale, at("2026-01-11"), sale.gross_minor)
        story.recompute()
        session.execute(
            text("UPDATE commissions SET amount_minor = -1 WHERE kind = 'reversal'")
        )
        session.expire_all()

        name = "refunded-sales-earned-nothing"
        found = {
            since: [one.invariant for one in verify(session, NOW, since=at(since))]
            for since in ("2026-01-01", "2026-03-01")
        }

        assert found == {"2026-01-01": [name], "2026-03-01": []}

    def test_a_close_that_is_not_over_counts_whole(self, session: Session) -> None:
        assert recent_from(session, NOW) == NOW - timedelta(hours=1)
        period = a_period(session, Story(session).version.program_id, "2026-01")
        begin(session, period)

        assert recent_from(session, NOW) == period.ends_at

    def test_the_command_can_look_at_that_alone(
        self, app: Flask, session: Session
    ) -> None:
        close(session, a_month(Story(session)))

        said = app.test_cli_runner().invoke(args=["verify", "--recent"])

        assert said.exit_code == 0
        assert said.output.endswith("invariants hold.\n")


ORPHANS = [
    ("postings-have-an-entry", "DELETE FROM ledger_journal_entries"),
    ("lines-have-a-statement", "DELETE FROM statements"),
    ("lines-have-a-commission", "DELETE FROM commissions"),
]


@pytest.mark.parametrize(("invariant", "tampering"), ORPHANS)
def test_what_lost_its_parent_is_found(
    owner_session: Session, invariant: str, tampering: str
) -> None:
    close(owner_session, a_month(Story(owner_session)))
    settle(owner_session)
    for table in ("ledger_journal_entries", "statements", "commissions"):
        owner_session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))

    owner_session.execute(text(tampering))
    owner_session.expire_all()

    assert invariant in {found.invariant for found in verify(owner_session, NOW)}


def test_more_paid_than_ever_earned_is_found(owner_session: Session) -> None:
    story = Story(owner_session)
    close(owner_session, a_month(story))
    owner_session.execute(
        text("ALTER TABLE ledger_journal_entries DISABLE TRIGGER ALL")
    )
    owner_session.execute(
        text(
            "INSERT INTO ledger_journal_entries (id, key, description, occurred_at,"
            " recorded_at) VALUES (gen_random_uuid(), 'payout:x', '', now(), now());"
        )
    )
    for account, minor in (("partner_payable", -12_001), ("payout_clearing", 12_001)):
        owner_session.execute(
            text(
                "INSERT INTO ledger_postings (id, entry_id, account, partner_id,"
                " program_id, amount_minor, currency) SELECT gen_random_uuid(), id,"
                " :account, :partner, :program, :minor, 'USD'"
                " FROM ledger_journal_entries WHERE key = 'payout:x'"
            ),
            {
                "account": account,
                "minor": minor,
                "partner": story.enrollment.partner_id,
                "program": story.version.program_id,
            },
        )

    found = {one.invariant: one for one in verify(owner_session, NOW)}

    assert (
        found["paid-is-earned"].problem == "was paid 12001 USD and earned 12000 in all"
    )
    assert found["payouts-are-booked"].row == "payout:x"


def test_an_event_put_aside_without_a_reason_is_found(session: Session) -> None:
    for number, note in enumerate(["not ours", ""]):
        session.add(
            InboxEvent(
                id=f"evt_{number}",
                type="price.created",
                payload={},
                occurred_at=NOW,
                received_at=NOW,
                source=InboxSource.WEBHOOK,
                status=InboxStatus.IGNORED,
                note=note,
            )
        )
    session.flush()

    assert verify(session, NOW) == [
        Finding("ignored-events-say-why", "evt_1", "was put aside without a reason")
    ]


@pytest.mark.parametrize(
    ("held", "seen"), [(True, [0, 0]), (False, [0, 1])], ids=["snapshot", "control"]
)
def test_all_checks_see_the_same_moment(
    committed: Engine,
    held: bool,  # noqa: FBT001 - a parameter of the test
    seen: list[int],
) -> None:
    """A close that ends between two checks must not look like an error."""

    def count(session: Session) -> int:
        query = select(func.count()).select_from(Partner)
        return (session.scalar(query) or 0) - before

    with Session(committed) as session:
        before = session.scalar(select(func.count()).select_from(Partner)) or 0

    def twice(session: Session) -> list[int]:
        first = count(session)
        with Session(committed) as other:
            base_factory.bind(other)
            PartnerFactory.create()
            other.commit()
        return [first, count(session)]

    with Session(committed) as reading:
        if held:
            with snapshot(reading) as session:
                assert twice(session) == seen
        else:
            assert twice(reading) == seen


def test_every_check_says_which_invariant_it_keeps() -> None:
    said = " ".join(check.__doc__ or "" for check in CHECKS.values())

    assert all(f"I{n}" in said for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
