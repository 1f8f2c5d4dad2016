from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.kit.clock import utc_now
from portal.tiers import queries, service
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
    story.enrollment.joined_at = now - 90 * DAY
    story.sale(story.credited(first_seen_at=now - 60 * DAY), now - 40 * DAY, 246_000)
    story.recompute(now)

    shown = page(sign_in(story.user()))

    assert "The way to Platinum" in shown
    assert "123 points of 312.5 points" in shown
    assert "Still missing: 189.5 points." in shown
    assert "Joined the program" in shown


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


def needing(**more: object) -> dict[str, object]:
    """Tiers by sales of which the upper one needs a rating of 40 besides."""
    need = {"metric": "fact", "fact": "app-rating", "at_least": 40}
    levels: list[dict[str, object]] = [
        {"key": "base", "name": "Base", "from_value": 0},
        {"key": "top", "name": "Top", "from_value": 100_000, "requires": [need]},
    ]
    return {"metric": "net_sales", "window": "month", "levels": levels, **more}


def storied(session: Session, tiers: dict[str, object]) -> Story:
    return Story(
        session,
        a_version(tiers=tiers, fee=None, gates=_gates(), time_zone="Europe/Berlin"),
    )


def rated(story: Story, value: int, now: datetime) -> None:
    service.record_fact(
        story.session,
        story.enrollment,
        definition=story.version.definition,
        fact="app-rating",
        value=value,
        from_at=now - 400 * DAY,
        reason="Survey",
        actor=None,
        now=now,
    )


def test_everything_that_the_next_tier_needs_is_listed(
    session: Session, sign_in: SignIn
) -> None:
    story = storied(session, needing())
    story.recompute(utc_now())

    shown = page(sign_in(story.user()))

    assert "What Top needs" in shown
    assert "not recorded yet" in shown
    assert (
        "Still missing: $1,000.00; App rating: 40 or more, now not recorded yet."
        in (shown)
    )
    assert "Nothing: everybody has it" in shown


def test_who_meets_everything_reads_on_which_day_the_move_comes(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    dates = {"when": "dates", "dates": ["01-15", "07-15"]}
    story = storied(session, needing(window="life", promote=dates))
    rated(story, 45, now)
    today = now.astimezone(ZoneInfo("Europe/Berlin")).date()
    story.sale(story.credited(first_seen_at=now - 2 * DAY), now - DAY, 100_000)
    story.recompute(now)

    shown = page(sign_in(story.user()))

    next_day = min(
        day
        for year in (today.year, today.year + 1)
        for day in (date(year, 1, 15), date(year, 7, 15))
        if day > today
    )
    # On the 16th of January and July, yesterday's sale lies before the date.
    if today.day != 15:
        assert f"If that is still so on {next_day:%b %-d, %Y}, you move up" in shown
        assert "You meet all that it needs." in shown
    assert "Partners move up on January 15 and July 15." in shown


def test_who_has_less_than_before_reads_until_when_the_tier_stays(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    dates = {"when": "dates", "dates": ["02-28"], "look_back_months": 3}
    story = storied(session, needing(window="life", demote=dates))
    rated(story, 45, now)
    sale = story.sale(story.credited(first_seen_at=now - 2 * DAY), now - DAY, 100_000)
    story.refund(sale, now - DAY / 2, 100_001)
    story.recompute(now)

    shown = page(sign_in(story.user()))

    assert "You keep Top until Feb 28," in shown
    assert "None: this is the highest" in shown


def test_who_never_falls_reads_that_the_tier_stays(
    session: Session, sign_in: SignIn
) -> None:
    now = utc_now()
    story = storied(session, needing(window="life", demote={"when": "never"}))
    rated(story, 45, now)
    sale = story.sale(story.credited(first_seen_at=now - 2 * DAY), now - DAY, 100_000)
    story.refund(sale, now - DAY / 2, 100_001)
    story.recompute(now)

    assert "a tier that was reached stays" in page(sign_in(story.user()))


@pytest.mark.parametrize(
    ("joined_days_ago", "move_to", "expected"),
    [
        (10, None, "your membership ends then."),
        (10, "base", "you move to Base then."),
        (100, "base", "Top was not reached in time. Once you reach it"),
        (100, None, "Your membership ended on"),
    ],
)
def test_the_duty_is_said_with_its_day_and_what_follows(
    session: Session,
    sign_in: SignIn,
    joined_days_ago: int,
    move_to: str | None,
    expected: str,
) -> None:
    now = utc_now()
    duty = {"level": "top", "within_months": 2, "move_to": move_to}
    story = storied(session, needing(duty=duty))
    story.enrollment.joined_at = now - joined_days_ago * DAY
    story.recompute(now)

    assert expected in page(sign_in(story.user()))


@pytest.mark.parametrize(
    ("days", "expected"),
    [(None, "It holds until they change it."), (30, "then your results decide again")],
)
def test_a_tier_set_by_staff_is_named_as_such(
    session: Session, sign_in: SignIn, days: int | None, expected: str
) -> None:
    now = utc_now()
    story = storied(session, needing())
    service.set_override(
        session,
        story.enrollment,
        definition=story.version.definition,
        level="top",
        until_at=now + days * DAY if days else None,
        reason="A promise",
        actor=None,
        now=now - DAY,
    )
    story.recompute(now)

    shown = page(sign_in(story.user()))

    assert expected in shown
    assert "A promise" not in shown


def test_a_rule_that_pays_from_the_next_tier_on_is_named(
    session: Session, sign_in: SignIn
) -> None:
    bonus = rule(key="bonus", title="Bonus for the best", when={"tiers": ["top"]})
    version = a_version(
        tiers=needing(), rules=[rule(), bonus], fee=None, gates=_gates()
    )
    story = Story(session, version)

    assert "Bonus for the best: pays from this tier on." in page(sign_in(story.user()))


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


def test_the_page_costs_the_same_in_however_many_programs(
    session: Session,
    sign_in: SignIn,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    costs = []
    for programs in (1, 3):
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
        costs.append(len(statements))

    assert costs[0] == costs[1]


def test_a_marketer_may_not_see_it(session: Session, sign_in: SignIn) -> None:
    story = Story(session)
    client = sign_in(story.user(Role.PARTNER_MARKETER))

    assert client.get("/app/tier").status_code == 403
