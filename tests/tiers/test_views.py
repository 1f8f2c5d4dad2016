from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.kit.clock import utc_now
from portal.tiers import queries
from portal.tiers.models import TierChange
from tests.commissions.facts import rule
from tests.commissions.story import Story, a_version
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory

DAY = timedelta(days=1)
SignIn = Callable[[User], FlaskClient]


def page(client: FlaskClient) -> str:
    response = client.get("/app/tier")
    assert response.status_code == 200
    return response.get_data(as_text=True)


def test_the_page_says_level_and_what_is_missing(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    story = Story(session)
    story.sale(story.credited(first_seen_at=now - 60 * DAY), now - 40 * DAY, 246_000)
    story.recompute(now)

    shown = page(sign_in(story.user()))

    assert "The way to Platinum" in shown
    assert "123 points of 312.5 points" in shown
    assert "Still missing: 189.5 points." in shown
    assert "You joined the program" in shown


def test_the_page_says_what_the_next_level_pays(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    story = Story(session, a_version(based_on="monday-affiliate"))
    story.sale(story.credited(first_seen_at=now), now)
    story.recompute(now)

    shown = page(sign_in(story.user()))

    assert "1 customer" in shown
    assert "Still missing: 5 customers." in shown
    assert "50% instead of 25%" in shown


def test_sales_that_become_too_old_are_announced(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    levels = [
        {"key": "base", "name": "Base", "from_value": 0},
        {"key": "top", "name": "Top", "from_value": 100_000},
    ]
    tiers = {"metric": "net_sales", "window": "rolling_12_months", "levels": levels}
    story = Story(session, a_version(tiers=tiers, fee=None, gates=_gates()))
    customer = story.credited(first_seen_at=now - 400 * DAY)
    story.sale(customer, now - 350 * DAY, 100_000)
    story.recompute(now)

    shown = page(sign_in(story.user()))

    assert "None: this is the highest" in shown
    assert "In the next 30 days $1,000.00 will stop counting" in shown


def _gates() -> list[dict[str, object]]:
    version = a_version()
    return [g for g in version.definition_json["gates"] if g["kind"] != "fee"]


def test_a_program_without_tiers_says_so(session: Session, sign_in: SignIn) -> None:
    version = a_version(tiers=None, rules=[rule()])
    story = Story(session, version)
    story.recompute()

    assert "No tiers in this program" in page(sign_in(story.user()))
    assert queries.current_tier(session, story.enrollment.id) is None


def test_a_partner_in_no_program_is_told_so(session: Session, sign_in: SignIn) -> None:
    del session
    member = PartnerMemberFactory.create()

    assert "You are in no program yet" in page(sign_in(member.user))


def test_the_history_begins_with_joining_and_ends_with_the_level_held(
    session: Session,
) -> None:
    story = Story(session)
    story.sale(story.credited(), NOW - 40 * DAY, 300_000)
    story.recompute()

    rows = queries.history(session, story.enrollment.id)

    assert [row.tier for row in rows] == ["gold", "partner"]
    assert queries.current_tier(session, story.enrollment.id) == "gold"


def test_a_level_that_the_program_has_no_more_is_shown_by_its_key(
    session: Session, sign_in: SignIn
) -> None:
    story = Story(session)
    session.add(
        TierChange(
            enrollment_id=story.enrollment.id,
            tier="bygone",
            from_at=NOW - 500 * DAY,
            metric_value=1_500,
            reason="sale",
        )
    )
    session.flush()

    shown = page(sign_in(story.user()))

    assert "bygone" in shown
    assert "1.5 points" in shown


@pytest.mark.parametrize("programs", [1, 3])
def test_the_page_costs_the_same_in_however_many_programs(
    session: Session,
    sign_in: SignIn,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
    programs: int,
) -> None:
    story = Story(session)
    for _ in range(programs - 1):
        other = Story(session)
        other.enrollment.partner_id = story.enrollment.partner_id
        other.sale(other.credited(), NOW - 40 * DAY)
        other.recompute()
    session.flush()
    client = sign_in(story.user())

    with count_queries() as statements:
        page(client)

    assert len(statements) == 7


def test_a_marketer_may_not_see_it(session: Session, sign_in: SignIn) -> None:
    story = Story(session)
    client = sign_in(story.user(Role.PARTNER_MARKETER))

    assert client.get("/app/tier").status_code == 403
