"""What several partners of one customer get, from the clicks to the pages."""

import re
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.attribution import queries, service
from portal.attribution.models import Attribution
from portal.attribution.rules import LossReason
from portal.attribution.splitting import CreditShare
from portal.audit.models import AuditEvent
from portal.commissions import queries as commission_queries
from portal.commissions import service as commissions
from portal.dashboard.queries import home
from portal.dashboard.queries import partners as partner_list
from portal.programs.definition import CreditModel
from portal.verification.service import verify
from tests.attribution.sharing import CAME, DAY, clicked, partners, shared
from tests.commissions.facts import rule
from tests.commissions.story import Story
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

TWENTY: dict[str, Any] = {"rules": [rule()]}


def weights(rows: list[Attribution]) -> dict[UUID | None, tuple[int, int]]:
    return {row.enrollment_id: (row.weight, row.of_weight) for row in rows}


def actions(session: Session) -> list[str]:
    rows = session.scalars(
        select(AuditEvent.action)
        .where(AuditEvent.action.startswith("attribution."))
        .order_by(AuditEvent.action)
    )
    return [action.removeprefix("attribution.") for action in rows]


class TestWhoGetsACustomer:
    def test_everyone_in_the_path_has_a_row_with_the_share(
        self, session: Session
    ) -> None:
        first, middle, last = partners(session, 3)
        customer = clicked(first, middle, last)

        rows = service.attribute(session, customer, now=NOW)

        assert weights(rows) == {
            first.enrollment.id: (2, 5),
            middle.enrollment.id: (1, 5),
            last.enrollment.id: (2, 5),
        }
        assert all(row.is_shared for row in rows)
        assert {row.share_bps for row in rows} == {4_000, 2_000}
        assert len({repr(row.reasons) for row in rows}) == 1
        assert actions(session) == ["decided"] * 3
        found = queries.in_program(session, customer.id, rows[0].program_id)
        assert [row.weight for row in found] == [2, 2, 1]
        for story in (first, middle, last):
            credit = queries.credit_of(session, customer.id, story.enrollment.id)
            assert credit in rows
        assert credit is not None
        click = credit.reasons.winner
        assert click is not None
        assert credit.click_id == click.click_id

    def test_the_first_click_can_have_it_all(self, session: Session) -> None:
        first, last = partners(session, 2, CreditModel.FIRST_CLICK)

        (row,) = service.attribute(session, clicked(first, last), now=NOW)

        assert weights([row]) == {first.enrollment.id: (1, 1)}
        assert [lost.reason for lost in row.reasons.losers] == [LossReason.NEWER_CLICK]
        assert queries.credit_of(session, row.customer_id, last.enrollment.id) is None

    def test_deciding_again_changes_no_share(self, session: Session) -> None:
        customer = clicked(*partners(session, 3))
        before = service.attribute(session, customer, now=NOW)

        after = service.attribute(session, customer, now=NOW + DAY)

        assert {row.id for row in after} == {row.id for row in before}
        assert actions(session) == ["decided"] * 3

    def test_an_earlier_conversion_takes_away_the_shares_of_later_clicks(
        self, session: Session
    ) -> None:
        first, middle, last = partners(session, 3)
        customer = clicked(first, middle, last)
        before = service.attribute(session, customer, now=NOW)
        kept = {row.enrollment_id: row.id for row in before}
        first.sale(customer, CAME - 3 * DAY + DAY / 2)

        after = service.attribute(session, customer, now=NOW)

        assert weights(after) == {first.enrollment.id: (1, 1)}
        assert after[0].id == kept[first.enrollment.id]
        assert set(queries.of_customer(session, customer.id)) == set(after)
        assert actions(session) == ["changed", *["decided"] * 3, *["removed"] * 2]

    def test_another_click_gives_the_rows_to_those_who_are_new(
        self, session: Session
    ) -> None:
        one, two, three = partners(session, 3)
        customer = clicked(one, two)
        before = service.attribute(session, customer, now=NOW)
        other = [
            story.click(CAME - DAY, visitor="another browser") for story in (two, three)
        ]
        customer.click_reference = other[1].public_id
        session.flush()

        after = service.attribute(session, customer, now=NOW)

        assert weights(after) == {
            two.enrollment.id: (1, 2),
            three.enrollment.id: (1, 2),
        }
        assert {row.id for row in after} == {row.id for row in before}

    def test_a_click_of_another_program_leaves_one_row_without_anybody(
        self, session: Session
    ) -> None:
        one, two = partners(session, 2)
        rival = Story(session)
        customer = clicked(one, two, rival)

        rows = service.attribute(session, customer, now=NOW)

        assert weights(rows) == {None: (0, 1), rival.enrollment.id: (1, 1)}
        (lost,) = (row for row in rows if row.enrollment_id is None)
        assert [one.reason for one in lost.reasons.losers] == (
            [LossReason.OTHER_PROGRAM] * 2
        )

    def test_who_shared_and_who_shares_now_are_worked_out_anew(
        self, session: Session
    ) -> None:
        one, two, three = partners(session, 3, CreditModel.LINEAR)
        customer = shared(one, two)
        other = three.click(CAME - DAY)
        customer.click_reference = other.public_id
        session.flush()

        touched = commissions.customer_changed(session, customer, now=NOW)

        assert set(touched) == {story.enrollment.id for story in (one, two, three)}

    def test_the_database_refuses_two_rows_for_nobody(self, session: Session) -> None:
        one, two = partners(session, 2)
        rows = service.attribute(session, clicked(one, two), now=NOW)

        with pytest.raises(IntegrityError), session.begin_nested():
            for row in rows:
                row.enrollment_id = None
            session.flush()


class TestShares:
    def test_only_shared_customers_have_an_entry(self, session: Session) -> None:
        one, two, three = partners(session, 3)
        customer = shared(one, two, three)
        shared(one, visitor="alone")
        ids = [story.enrollment.id for story in (one, two)]

        shares = queries.shares_of(session, [*ids, Story(session).enrollment.id])

        both = [shares[key][customer.id] for key in ids]
        assert {share.weights for share in both} == {(2, 2, 1)}
        assert shares[one.enrollment.id] == {
            customer.id: CreditShare((2, 2, 1), 0),
        }
        assert both[1].index == 2
        assert [len(found) for found in shares.values()] == [1, 1, 0]

    def test_shares_that_are_not_the_whole_are_found(self, session: Session) -> None:
        one, two = partners(session, 2)
        customer = shared(one, two)
        program_id = one.version.program_id
        assert queries.uneven(session) == []
        assert verify(session, NOW) == []

        row = queries.credit_of(session, customer.id, one.enrollment.id)
        assert row is not None
        row.of_weight = 3
        session.flush()

        assert queries.uneven(session) == [(customer.id, program_id)]
        (finding,) = verify(session, NOW)
        assert (finding.invariant, finding.row) == ("shares-add-up", customer.public_id)


class TestWhatTheyEarn:
    def test_each_earns_on_its_part_and_together_it_is_the_whole(
        self, session: Session
    ) -> None:
        stories = partners(session, 3, hold={"days": 0}, **TWENTY)
        customer = shared(*stories)
        sale = stories[0].sale(customer, NOW - 40 * DAY, 10_001)

        for story in stories:
            story.recompute()

        bases = [[line.base_minor for line in story.lines()] for story in stories]
        assert bases == [[4_001], [2_000], [4_000]]
        assert [story.amounts() for story in stories] == [[800], [400], [800]]

        stories[0].refund(sale, NOW - 20 * DAY, 3_333)
        stories[0].refund(sale, NOW - 10 * DAY, sale.gross_minor - 3_333)
        for story in stories:
            story.recompute()

        assert [sum(story.amounts()) for story in stories] == [0, 0, 0]
        assert verify(session, NOW) == []

    def test_doing_it_again_changes_nothing(self, session: Session) -> None:
        one, two = partners(session, 2, CreditModel.LINEAR)
        one.sale(shared(one, two), NOW - 40 * DAY, 999)

        added = [story.recompute().added for story in (one, two)]

        assert added == [1, 1]
        assert all(story.recompute().is_nothing for story in (one, two))


def shown(raw: str) -> str:
    text = re.sub(r"<[^>]+>", " ", raw)
    return re.sub(r"\s+", " ", text)


class TestPages:
    def test_a_partner_reads_its_share_and_nothing_about_the_others(
        self, session: Session, sign_in: SignIn
    ) -> None:
        first, middle, last = stories = partners(session, 3, **TWENTY)
        customer = shared(*stories)
        first.sale(customer, NOW - 40 * DAY, 10_000)
        middle.recompute()
        client = sign_in(middle.user())

        addresses = [
            "/app/customers",
            f"/app/customers/{customer.public_id}",
            f"/app/earnings/{middle.lines()[0].public_id}",
            "/app/",
        ]
        pages = [client.get(address) for address in addresses]

        raws = [page.get_data(as_text=True) for page in pages]
        for raw in raws[:3]:
            assert "You share this customer: 20%" in shown(raw)
        assert shown(raws[1]).count("Clicked your link") == 1
        assert middle.link.name in raws[1]
        for raw in raws:
            for other in (first, last):
                assert other.enrollment.partner.name not in raw
                assert f"{other.link.name}<" not in raw
                assert other.link.code not in raw

    def test_a_customer_of_ones_own_is_not_called_shared(
        self, session: Session, sign_in: SignIn
    ) -> None:
        (story,) = partners(session, 1, **TWENTY)
        customer = shared(story, story)
        story.sale(customer, NOW - 40 * DAY)
        story.recompute()
        client = sign_in(story.user())

        for address in (
            "/app/customers",
            f"/app/customers/{customer.public_id}",
            f"/app/earnings/{story.lines()[0].public_id}",
        ):
            raw = client.get(address).get_data(as_text=True)
            assert "You share" not in raw
        story_of = client.get(f"/app/customers/{customer.public_id}")
        assert story_of.get_data(as_text=True).count("Clicked your link") == 2

    def test_staff_see_every_share(self, session: Session, sign_in: SignIn) -> None:
        first, middle, last = stories = partners(session, 3, **TWENTY)
        customer = shared(*stories)
        first.sale(customer, NOW - 40 * DAY, 10_000)
        middle.recompute()
        client = sign_in(UserFactory.create(admin=True))
        line = middle.lines()[0].public_id

        of_line = client.get(f"/admin/commissions/{line}").get_data(as_text=True)
        of_partner = client.get(
            f"/admin/partners/{middle.enrollment.partner.public_id}?tab=customers"
        ).get_data(as_text=True)

        assert shown(of_line).count("Shares the credit: 40%") == 2
        assert shown(of_line).count("Shares the credit: 20%") == 1
        assert "Share of this partner: 20%" in shown(of_partner)
        assert f"Link: {middle.link.name}" in shown(of_partner)
        for other in (first, last):
            assert other.enrollment.partner.name in of_line
            assert f"Share of {other.enrollment.partner.name}: 40%" in shown(of_partner)

    def test_lists_take_as_many_queries_with_shared_customers_as_without(
        self, session: Session, sign_in: SignIn, count_queries: CountQueries
    ) -> None:
        one, two = partners(session, 2, **TWENTY)
        shared(one, visitor="first")
        client = sign_in(one.user())
        staff = sign_in(UserFactory.create(admin=True))
        addresses = [
            (client, "/app/customers"),
            (
                staff,
                f"/admin/partners/{one.enrollment.partner.public_id}?tab=customers",
            ),
        ]
        counts = []
        for number in (0, 3):
            for visitor in range(number):
                shared(one, two, visitor=f"v{visitor}")
            session.expire_all()
            with count_queries() as statements:
                for who, address in addresses:
                    assert who.get(address).status_code == 200
            counts.append(len(statements))

        assert counts[0] == counts[1]


class TestCounts:
    def test_a_customer_counts_for_everyone_who_shares_it_and_once_for_each(
        self, session: Session
    ) -> None:
        stories = partners(session, 3, **TWENTY)
        customer = shared(*stories)
        stories[0].sale(customer, NOW - 40 * DAY)
        ids = [story.enrollment.partner_id for story in stories]

        found = partner_list.places(session, ids, now=NOW)

        assert [found[key][0].customers for key in ids] == [1, 1, 1]
        zone = stories[0].version.definition.zone
        for key in ids:
            assert home.customer_counts(session, key, NOW, zone).active == 1

    def test_the_paid_sum_of_a_shared_customer_is_what_the_customer_paid(
        self, session: Session
    ) -> None:
        one, two = partners(session, 2, **TWENTY)
        customer = shared(one, two)
        one.sale(customer, NOW - 40 * DAY, 10_000)
        one.recompute()

        view = commission_queries.customer_for_partner(
            session, customer.id, one.enrollment.partner_id
        )

        assert (view.paid.minor, view.earned.minor) == (10_000, 1_000)


def test_decisions_from_before_there_were_shares_are_carried_over(
    session: Session,
) -> None:
    """The one winner of the time has it all, and there and back nothing is lost."""
    migration = import_module("migrations.versions.20261122_0012_attribution")
    (story,) = partners(session, 1, CreditModel.LAST_CLICK)
    rows = [
        *service.attribute(session, clicked(story, story), now=NOW),
        *service.attribute(session, clicked(story, first_seen_at=NOW), now=NOW),
    ]
    before = [row.decision for row in rows]

    session.execute(text(migration.WINNERS_IN_DECISIONS))
    session.expire_all()
    old = [row.decision for row in rows]
    session.execute(text(migration.SHARES_IN_DECISIONS))
    session.expire_all()

    assert old[0]["winner"] == before[0]["winners"][0]["clicks"][0]
    assert not {"winners", "model", "of_weight"} & old[0].keys()
    assert [row.decision for row in rows] == before
