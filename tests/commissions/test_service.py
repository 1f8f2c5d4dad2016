from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import jobs
from portal.attribution.models import Attribution
from portal.audit.models import AuditEvent
from portal.commissions import queries, service
from portal.commissions.models import (
    Commission,
    CommissionKind,
    CommissionState,
    LineRow,
)
from portal.commissions.wording import ENGLISH, why
from portal.enrollments.models import GateInterval
from portal.kit.errors import NotFound
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.kit.postgres import EmbeddedPostgres
from portal.programs.documents import dump_json, preset
from portal.sales.models import RefundKind
from portal.tiers.models import TierChange
from tests.commissions.facts import bands, rule
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.factories.base_factory import NOW
from tests.factories.programs import ProgramVersionFactory

DAY = timedelta(days=1)

A_FROZEN_LINE = """
    INSERT INTO commissions
      (id, key, enrollment_id, partner_id, program_id, version_id, customer_id, sale_id,
       kind, rule_key, base_minor, amount_minor, currency, occurred_at, clears_at,
       trace, frozen_at, period_label)
    SELECT gen_random_uuid(), 'k', gen_random_uuid(), gen_random_uuid(),
      gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
      'earned', 'r', 1, 1, 'USD', now(), now(), '{}', now(), '2026-02'
"""


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "")


class TestRecompute:
    def test_sales_and_refunds_become_lines(self, session: Session) -> None:
        story = Story(session)
        customer = story.credited()
        sold = story.sale(customer, NOW - 40 * DAY)
        story.refund(sold, NOW - 30 * DAY, 60_001)

        result = story.recompute()

        assert (result.added, result.changed, result.removed) == (2, 0, 0)
        earned, reversal = story.lines()
        assert (earned.kind, earned.amount) == (
            CommissionKind.EARNED,
            Money(12_000, "USD"),
        )
        assert (reversal.kind, reversal.amount_minor) == (
            CommissionKind.REVERSAL,
            -12_000,
        )
        assert earned.partner_id == story.enrollment.partner_id
        assert earned.version_id == story.version.id
        assert earned.base == Money(60_000, "USD")
        assert earned.settles == earned.key

    def test_doing_it_again_changes_nothing(self, session: Session) -> None:
        story = Story(session)
        story.sale(story.credited(), NOW - 40 * DAY)
        story.recompute()
        before = {line.id: line.key for line in story.lines()}

        result = story.recompute(NOW + DAY)

        assert result.is_nothing
        assert {line.id: line.key for line in story.lines()} == before

    def test_lines_that_change_keep_their_id(self, session: Session) -> None:
        version = a_version(
            rules=[rule(window="month", bands=bands((0, 1_000), (60_000, 2_000)))]
        )
        story = Story(session, version)
        customer = story.credited()
        story.sale(customer, NOW - 20 * DAY)
        story.recompute()
        before = story.lines()[0].id
        story.sale(customer, NOW - 21 * DAY)

        result = story.recompute()

        assert (result.added, result.changed) == (1, 1)
        assert story.amounts() == [6_000, 12_000]
        assert story.lines()[1].id == before

    def test_a_line_on_a_statement_is_corrected_by_an_adjustment(
        self, session: Session
    ) -> None:
        version = a_version(
            rules=[rule(window="month", bands=bands((0, 1_000), (60_000, 2_000)))]
        )
        story = Story(session, version)
        customer = story.credited()
        story.sale(customer, NOW - 20 * DAY)
        story.recompute()
        (frozen,) = story.freeze()
        story.sale(customer, NOW - 21 * DAY)

        result = story.recompute()

        assert (result.added, result.adjusted) == (2, 1)
        line = story.lines()[-1]
        assert line.kind is CommissionKind.ADJUSTMENT
        assert line.key == f"{frozen.key}/adj1"
        assert line.settles == frozen.key
        assert (line.amount_minor, line.base_minor) == (6_000, 0)
        assert (line.occurred_at, line.clears_at) == (NOW, NOW)
        assert line.trace["adjustment"] == {
            "settled_minor": 6_000,
            "rated_minor": 12_000,
            "is_gone": False,
            "is_other_rule": False,
        }
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "commission.adjusted")
        ).all()
        assert [event.subject_id for event in events] == [line.id]

    def test_an_adjustment_keeps_its_day_follows_the_truth_and_goes_with_it(
        self, session: Session
    ) -> None:
        story = Story(session)
        customer = story.credited()
        sold = story.sale(customer, NOW - 20 * DAY)
        story.recompute()
        story.freeze()
        # The gate turns out not to have been met at the sale.
        gate = session.scalars(
            select(GateInterval).where(GateInterval.gate_key == "fee")
        ).one()
        gate.met_until = sold.occurred_at
        story.recompute()
        assert story.amounts() == [12_000, -12_000]

        assert story.recompute(NOW + DAY).is_nothing
        assert story.lines()[1].occurred_at == NOW
        gate.met_until = None
        result = story.recompute(NOW + 2 * DAY)

        assert result.removed == 1
        assert story.amounts() == [12_000]

    def test_a_second_correction_adds_to_the_first(self, session: Session) -> None:
        version = a_version(
            rules=[rule(window="month", bands=bands((0, 1_000), (60_000, 2_000)))]
        )
        story = Story(session, version)
        customer = story.credited()
        story.sale(customer, NOW - 20 * DAY)
        story.recompute()
        story.freeze()
        story.sale(customer, NOW - 21 * DAY, 30_000)
        story.recompute(NOW)
        story.freeze(NOW + DAY, "2026-03")
        story.sale(customer, NOW - 22 * DAY, 30_000)

        story.recompute(NOW + 2 * DAY)

        keys = [line.key.rpartition("/")[2] for line in story.lines()]
        assert keys.count("adj1") == 1
        assert keys.count("adj2") == 1
        assert sum(story.amounts()) == 6_000 + 12_000

    def test_an_open_adjustment_is_updated_in_place(self, session: Session) -> None:
        version = a_version(
            rules=[rule(window="month", bands=bands((0, 1_000), (60_000, 2_000)))]
        )
        story = Story(session, version)
        customer = story.credited()
        story.sale(customer, NOW - 20 * DAY)
        story.recompute()
        story.freeze()
        story.sale(customer, NOW - 21 * DAY, 30_000)
        story.recompute(NOW)
        story.sale(customer, NOW - 22 * DAY, 30_000)

        result = story.recompute(NOW + DAY)

        assert (result.added, result.adjusted, result.changed) == (1, 0, 2)
        assert story.lines()[-1].amount_minor == 6_000

    def test_a_customer_credited_to_somebody_else_takes_the_lines_along(
        self, session: Session
    ) -> None:
        story = Story(session)
        customer = story.credited()
        story.sale(customer, NOW - 40 * DAY)
        story.recompute()
        story.freeze()
        story.sale(customer, NOW - 20 * DAY)
        story.recompute()
        session.execute(update(Attribution).values(enrollment_id=None))
        session.expire_all()

        result = story.recompute()

        assert (result.removed, result.adjusted) == (1, 1)
        assert story.amounts() == [12_000, -12_000]
        assert story.lines()[1].trace["adjustment"]["is_gone"]

    def test_a_sale_that_another_rule_is_about_now_says_so(
        self, session: Session
    ) -> None:
        rules = [
            rule(key="first", when={"sale": "first"}, bands=bands((0, 5_000))),
            rule(key="rest"),
        ]
        story = Story(session, a_version(rules=rules, combine="first_match"))
        customer = story.credited()
        story.sale(customer, NOW - 40 * DAY)
        story.recompute()
        story.freeze()
        story.sale(customer, NOW - 60 * DAY)  # reported late; it was the first

        story.recompute()

        gone = next(line for line in story.lines() if "adjustment" in line.trace)
        assert gone.amount_minor == -30_000
        assert why(gone, ENGLISH).endswith("Another rule is about this sale now.")
        assert sorted(story.amounts()) == [-30_000, 12_000, 30_000, 30_000]

    def test_sales_follow_the_version_of_the_customers_conversion(
        self, session: Session
    ) -> None:
        story = Story(session)
        json = dump_json(preset("hubspot-solutions-partner"))
        json["rules"] = [rule(bands=bands((0, 500)))]
        ProgramVersionFactory.create(
            program=story.version.program,
            number=2,
            definition_json=json,
            effective_from=NOW - 100 * DAY,
        )
        old = story.credited()
        new = story.credited(first_seen_at=NOW - 50 * DAY)
        story.sale(old, NOW - 10 * DAY)
        story.sale(new, NOW - 9 * DAY)

        story.recompute()

        assert story.amounts() == [12_000, 3_000]
        assert [line.trace["version"] for line in story.lines()] == [1, 2]

    @pytest.mark.parametrize("sales", [1, 6])
    def test_it_costs_the_same_however_much_was_sold(
        self,
        session: Session,
        count_queries: Callable[[], AbstractContextManager[list[str]]],
        sales: int,
    ) -> None:
        story = Story(session)
        for number in range(sales):
            customer = story.credited()
            sold = story.sale(customer, NOW - 40 * DAY + number * DAY)
            story.refund(sold, NOW - 20 * DAY, 1_000)
        session.expire_all()

        with count_queries() as statements:
            story.recompute()

        assert len(statements) == 19
        assert any("FOR UPDATE OF enrollments" in text for text in statements)

    def test_several_at_once_come_out_as_one_after_the_other(
        self,
        session: Session,
        count_queries: Callable[[], AbstractContextManager[list[str]]],
    ) -> None:
        version = a_version()
        stories = [Story(session, version) for _ in range(3)]
        for number, story in enumerate(stories):
            sold = story.sale(story.credited(), NOW - 40 * DAY, 100_000 * (number + 1))
            story.refund(sold, NOW - 20 * DAY, 1_000)
        stories[1].recompute()
        before = stories[1].lines()
        keys = [story.enrollment.id for story in stories]
        session.expire_all()

        with count_queries() as statements:
            found = service.recompute_all(session, keys, now=NOW)

        assert [found[key].added for key in keys] == [2, 0, 2]
        assert stories[1].lines() == before
        assert [story.amounts()[0] for story in stories] == [20_000, 40_000, 60_000]
        assert all(story.recompute().is_nothing for story in stories)
        assert len([text for text in statements if text.startswith("SELECT")]) == 14
        with pytest.raises(NotFound):
            service.recompute_all(session, [*keys, new_id()], now=NOW)

    def test_the_history_of_tiers_is_rebuilt(self, session: Session) -> None:
        story = Story(session)
        customer = story.credited()
        story.sale(customer, NOW - 40 * DAY, 3_300_000)
        story.recompute()
        story.sale(customer, NOW - 50 * DAY, 4_000_000)

        story.recompute()

        rows = session.scalars(select(TierChange).order_by(TierChange.from_at)).all()
        assert [(row.tier, row.metric_value) for row in rows] == [
            ("partner", 0),
            ("diamond", 2_000_000),
            ("elite", 3_650_000),
        ]
        assert rows[0].from_at == LONG_AGO
        assert len(rows) == 3

    def test_a_program_that_has_not_begun_is_read_as_joined(
        self, session: Session
    ) -> None:
        story = Story(session)
        assert story.recompute(LONG_AGO - DAY).is_nothing

    def test_an_unknown_enrollment_is_refused(self, session: Session) -> None:
        with pytest.raises(NotFound):
            service.recompute(session, new_id(), now=NOW)


class TestFreeze:
    def test_what_cleared_before_the_end_is_frozen(self, session: Session) -> None:
        story = Story(session, a_version(hold={"days": 30}))
        customer = story.credited()
        story.sale(customer, NOW - 40 * DAY)
        story.sale(customer, NOW - 30 * DAY)
        story.recompute()

        frozen = story.freeze(NOW, "2026-02")

        assert [(line.frozen_at, line.period_label) for line in frozen] == [
            (NOW, "2026-02")
        ]
        assert story.lines()[1].frozen_at is None
        assert story.freeze(NOW, "2026-02") == []

    def test_a_line_that_nobody_rated_before_is_written_as_frozen(
        self, session: Session
    ) -> None:
        story = Story(session, a_version(hold={"days": 30}))
        customer = story.credited()
        for days in (30, 40, 41):
            story.sale(customer, NOW - days * DAY)

        frozen = story.freeze(NOW, "2026-02")

        *cleared, waiting = story.lines()
        assert frozen == cleared
        assert [line.period_label for line in cleared] == ["2026-02", "2026-02"]
        assert (waiting.frozen_at, waiting.period_label) == (None, None)
        assert story.recompute().is_nothing

    def test_a_held_line_is_not_frozen(self, session: Session) -> None:
        version = a_version()
        gates = [
            gate | {"sales_while_unmet": "held"}
            for gate in version.definition_json["gates"]
        ]
        story = Story(session, a_version(gates=gates))
        sold = story.sale(story.credited(), NOW - 40 * DAY)
        gate = session.scalars(
            select(GateInterval).where(
                GateInterval.gate_key == "fee",
                GateInterval.enrollment_id == story.enrollment.id,
            )
        ).one()
        gate.met_until = sold.occurred_at
        story.recompute()

        assert story.freeze() == []
        (line,) = story.lines()
        assert (line.amount_minor, line.clears_at) == (12_000, None)
        assert line.state_at(NOW) is CommissionState.HELD

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE commissions SET amount_minor = 1",
            "UPDATE commissions SET frozen_at = NULL, period_label = NULL",
            "DELETE FROM commissions",
        ],
    )
    def test_the_database_refuses_to_touch_a_frozen_line(
        self, session: Session, statement: str
    ) -> None:
        story = Story(session)
        story.sale(story.credited(), NOW - 40 * DAY)
        story.recompute()
        story.freeze()

        with (
            pytest.raises(IntegrityError, match="on a statement"),
            session.begin_nested(),
        ):
            session.execute(text(statement))

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE commissions SET amount_minor = 1",
            "DELETE FROM commissions",
            "TRUNCATE commissions CASCADE",
        ],
    )
    def test_not_even_the_owner_with_triggers_off_touches_a_frozen_line(
        self, app: Flask, server: EmbeddedPostgres, statement: str
    ) -> None:
        del app  # it has made the tables
        with psycopg.connect(_libpq(server.owner_url)) as owner:
            owner.execute("SET session_replication_role = replica")
            owner.execute(A_FROZEN_LINE)

            with pytest.raises(psycopg.errors.RestrictViolation, match="statement"):
                owner.execute(statement)
            owner.rollback()

    def test_a_frozen_line_names_its_period(self, session: Session) -> None:
        story = Story(session)
        story.sale(story.credited(), NOW - 40 * DAY)
        story.recompute()

        with (
            pytest.raises(IntegrityError, match="frozen_in_a_period"),
            session.begin_nested(),
        ):
            session.execute(text("UPDATE commissions SET frozen_at = now()"))


class TestCustomerChanged:
    def test_the_credit_is_decided_and_the_work_queued_once(
        self, session: Session
    ) -> None:
        story = Story(session)
        customer = story.customer()
        story.sale(customer, NOW - 40 * DAY)

        first = service.customer_changed(session, customer, now=NOW)
        second = service.customer_changed(session, customer, now=NOW)

        assert first == second == [story.enrollment.id]
        waiting = session.execute(
            text(
                "SELECT args FROM procrastinate_jobs "
                "WHERE task_name = 'commissions.recompute'"
            )
        ).scalars()
        assert list(waiting) == [{"enrollment_id": str(story.enrollment.id)}]

    def test_a_customer_without_a_click_touches_nobody(self, session: Session) -> None:
        story = Story(session)
        customer = story.customer(click_reference=None)

        assert service.customer_changed(session, customer, now=NOW) == []

    def test_the_job_does_the_work(self, app: Flask, session: Session) -> None:
        story = Story(session)
        story.sale(story.credited(), NOW - 40 * DAY)
        session.flush()

        with app.app_context():
            jobs.TASKS[service.TASK](enrollment_id=str(story.enrollment.id))

        session.expire_all()
        assert story.amounts() == [12_000]


class TestQueries:
    def test_what_is_open_is_told_apart(self, session: Session) -> None:
        story = Story(session, a_version(hold={"days": 30}))
        customer = story.credited()
        story.sale(customer, NOW - 80 * DAY, 100)
        story.recompute()
        story.freeze()
        story.sale(customer, NOW - 40 * DAY, 1_000)
        story.sale(customer, NOW - 10 * DAY, 10_000)
        story.recompute()

        (totals,) = queries.open_totals(session, story.enrollment.partner_id, NOW)

        assert (totals.held, totals.on_hold, totals.cleared) == (
            Money(0, "USD"),
            Money(2_000, "USD"),
            Money(200, "USD"),
        )
        states = [line.state_at(NOW) for line in story.lines()]
        assert states == [
            CommissionState.ON_STATEMENT,
            CommissionState.CLEARED,
            CommissionState.ON_HOLD,
        ]

    @pytest.mark.parametrize(
        ("state", "amounts"),
        [
            (CommissionState.ON_STATEMENT, [20]),
            (CommissionState.CLEARED, [200]),
            (CommissionState.ON_HOLD, [2_000]),
            (CommissionState.HELD, []),
        ],
    )
    def test_lines_are_found_by_state(
        self, session: Session, state: CommissionState, amounts: list[int]
    ) -> None:
        story = Story(session, a_version(hold={"days": 30}))
        customer = story.credited()
        story.sale(customer, NOW - 80 * DAY, 100)
        story.recompute()
        story.freeze()
        story.sale(customer, NOW - 40 * DAY, 1_000)
        story.sale(customer, NOW - 10 * DAY, 10_000)
        story.recompute()

        lines = queries.of_partner(
            session,
            story.enrollment.partner_id,
            queries.Filters(state=state),
            now=NOW,
        )

        assert [line.amount_minor for line in lines] == amounts

    def test_a_won_dispute_gives_back(self, session: Session) -> None:
        story = Story(session)
        sold = story.sale(story.credited(), NOW - 40 * DAY)
        story.refund(sold, NOW - 30 * DAY, 60_001, RefundKind.DISPUTE)
        story.refund(sold, NOW - 20 * DAY, -60_001, RefundKind.DISPUTE_WON)

        story.recompute()

        assert story.amounts() == [12_000, -12_000, 12_000]

    def test_nobody_sees_a_line_that_is_not_there(self, session: Session) -> None:
        with pytest.raises(NotFound):
            queries.get(session, new_id())
        with pytest.raises(NotFound):
            queries.get_for_partner(session, new_id(), new_id())
        assert session.scalars(select(Commission)).all() == []


def test_a_plain_line_has_every_column_of_a_commission() -> None:
    """What it lacked would be lost where lines are written many at once."""
    assert set(LineRow._fields) == set(Commission.__table__.columns.keys())
