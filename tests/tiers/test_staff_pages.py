from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.kit.clock import utc_now
from portal.tiers import queries, service
from portal.tiers.models import LevelOverride, RecordedFact
from tests.commissions.facts import rule
from tests.commissions.story import Story, a_version
from tests.factories.people import UserFactory
from tests.tiers.test_views import needing, storied

DAY = timedelta(days=1)
SignIn = Callable[[User], FlaskClient]


@pytest.fixture
def admin(sign_in: SignIn) -> FlaskClient:
    return sign_in(UserFactory.create(role=Role.ADMIN))


def address(story: Story, rest: str = "") -> str:
    enrollment = story.enrollment
    return (
        f"/admin/partners/{enrollment.partner.public_id}"
        f"/programs/{enrollment.public_id}/tier{rest}"
    )


def shown(client: FlaskClient, story: Story) -> str:
    response = client.get(address(story))
    assert response.status_code == 200
    return response.get_data(as_text=True)


def recompute_is_queued(session: Session, story: Story) -> bool:
    found = session.scalar(
        text(
            "SELECT count(*) FROM procrastinate_jobs "
            "WHERE task_name = 'commissions.recompute' AND args->>'enrollment_id' = :id"
        ),
        {"id": str(story.enrollment.id)},
    )
    return bool(found)


def record(client: FlaskClient, story: Story, **parts: str) -> TestResponse:
    given = {
        "fact-fact": "app-rating",
        "fact-value": "44",
        "fact-from_on": "2026-01-01",
        "fact-reason": "Survey of January",
        **{f"fact-{name}": value for name, value in parts.items()},
    }
    return client.post(address(story, "/facts"), data=given)


def set_by_hand(client: FlaskClient, story: Story, **parts: str) -> TestResponse:
    given = {
        "override-level": "top",
        "override-until_on": "",
        "override-reason": "Promised by the founder",
        **{f"override-{name}": value for name, value in parts.items()},
    }
    return client.post(address(story, "/override"), data=given)


def test_the_page_says_that_nothing_is_recorded_or_set_yet(
    session: Session, admin: FlaskClient
) -> None:
    page = shown(admin, storied(session, needing()))

    assert "Nothing is recorded yet" in page
    assert "the rules of the program decide" in page
    assert "Nothing yet. The first sale or change starts the history." in page
    assert "App rating: 40 or more" in page


def test_a_recorded_value_is_shown_and_commissions_follow(
    session: Session, admin: FlaskClient
) -> None:
    story = storied(session, needing())

    response = record(admin, story)

    assert response.status_code == 303
    assert recompute_is_queued(session, story)
    fact = session.scalars(select(RecordedFact)).one()
    # The day begins at midnight in the program's zone.
    assert (fact.value, f"{fact.from_at:%Y-%m-%d %H:%M}") == (44, "2025-12-31 23:00")
    page = shown(admin, story)
    assert "Recorded. Tier and commissions are worked out again now." in page
    assert "Survey of January" in page
    assert "Jan 1, 2026" in page


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"value": ""}, "Enter a whole number, as the tiers count it."),
        ({"value": "4.4"}, "Enter a whole number, as the tiers count it."),
        ({"value": "-1"}, "Enter a whole number from 0 up to 10^15."),
        ({"from_on": "2099-01-01"}, "Choose today or a day before"),
        ({"reason": " "}, "Write where the number comes from"),
        ({"reason": "a\x00b"}, "Type this text again"),
        ({"fact": "shoe-size"}, "Not a valid choice"),
    ],
)
def test_a_value_that_makes_no_sense_comes_back_with_what_to_do(
    session: Session, admin: FlaskClient, parts: dict[str, str], message: str
) -> None:
    story = storied(session, needing())

    response = record(admin, story, **parts)

    assert response.status_code == 422
    assert message in response.get_data(as_text=True)
    assert session.scalars(select(RecordedFact)).all() == []
    assert not recompute_is_queued(session, story)


def test_a_tier_set_by_hand_is_shown_and_can_be_removed(
    session: Session, admin: FlaskClient
) -> None:
    story = storied(session, needing())

    assert set_by_hand(admin, story, until_on="2098-12-31").status_code == 303

    page = shown(admin, story)
    assert "Promised by the founder" in page
    assert "Dec 31, 2098" in page
    override = session.scalars(select(LevelOverride)).one()
    assert f"{override.until_at:%Y-%m-%d %H:%M}" == "2098-12-31 23:00"
    assert recompute_is_queued(session, story)

    ended = admin.post(
        address(story, "/override/end"), data={"override": override.public_id}
    )

    assert ended.status_code == 303
    page = shown(admin, story)
    assert "The rules of the program decide the tier again." in page
    assert "Set by hand before" in page
    session.refresh(override)
    assert not override.holds(utc_now())


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"until_on": "2020-01-01"}, "Choose a last day that is not over yet."),
        ({"reason": ""}, "Write why, so that others understand it later."),
        ({"level": "bygone"}, "Not a valid choice"),
    ],
)
def test_a_tier_that_makes_no_sense_is_not_set(
    session: Session, admin: FlaskClient, parts: dict[str, str], message: str
) -> None:
    story = storied(session, needing())

    response = set_by_hand(admin, story, **parts)

    assert response.status_code == 422
    assert message in response.get_data(as_text=True)
    assert session.scalars(select(LevelOverride)).all() == []


@pytest.mark.parametrize("stale", ["tov_nonsense", "other", "over"])
def test_who_removes_what_is_gone_reads_that_nothing_changed(
    session: Session, admin: FlaskClient, stale: str
) -> None:
    story, other = storied(session, needing()), storied(session, needing())
    set_by_hand(admin, other if stale == "other" else story)
    override = session.scalars(select(LevelOverride)).one()
    if stale == "over":
        service.end_override(session, override, actor=None, now=utc_now())
        session.flush()
    text = stale if stale == "tov_nonsense" else override.public_id

    response = admin.post(address(story, "/override/end"), data={"override": text})

    assert response.status_code == 303
    assert "Nothing was changed: somebody was faster." in shown(admin, story)


def test_a_program_without_tiers_has_nothing_to_change(
    session: Session, admin: FlaskClient
) -> None:
    story = Story(session, a_version(tiers=None, rules=[rule()]))

    assert "No tiers in this program" in shown(admin, story)
    assert record(admin, story).status_code == 409


def test_what_nobody_records_by_hand_is_not_asked_for(
    session: Session, admin: FlaskClient
) -> None:
    page = shown(admin, Story(session))

    assert "ask for nothing that is recorded by hand" in page
    assert "Record a value" not in page


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.FINANCE, Role.AUDITOR])
def test_other_staff_read_and_change_nothing(
    session: Session, sign_in: SignIn, role: Role
) -> None:
    story = storied(session, needing())
    client = sign_in(UserFactory.create(role=role))

    page = shown(client, story)

    assert "Set this tier" not in page
    assert "Record a value" not in page
    assert record(client, story).status_code == 403
    assert set_by_hand(client, story).status_code == 403
    assert client.post(address(story, "/override/end")).status_code == 403


def test_the_enrollment_of_another_partner_is_not_found(
    session: Session, admin: FlaskClient
) -> None:
    one, two = storied(session, needing()), storied(session, needing())
    wrong = address(one).replace(
        one.enrollment.partner.public_id, two.enrollment.partner.public_id
    )

    assert admin.get(wrong).status_code == 404
    assert admin.post(f"{wrong}/facts").status_code == 404
    assert admin.post(f"{wrong}/override/end").status_code == 404


def test_the_page_says_duty_move_and_end(session: Session, admin: FlaskClient) -> None:
    duty = {"level": "top", "within_months": 2, "move_to": None}
    dates = {"when": "dates", "dates": ["02-28"]}
    story = storied(session, needing(duty=duty, promote=dates))
    ended = shown(admin, story)
    story.enrollment.joined_at = utc_now() - 10 * DAY
    session.flush()
    running = shown(admin, story)

    assert "The membership ended on" in ended
    assert "Must reach Top" in running
    assert "Partners move up on February 28." in running


def test_the_page_costs_the_same_with_much_recorded(
    session: Session,
    admin: FlaskClient,
    count_queries: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    story = storied(session, needing())
    costs = []
    for _ in range(2):
        record(admin, story)
        set_by_hand(admin, story)
        shown(admin, story)  # The first page after a change also takes its message.
        with count_queries() as statements:
            shown(admin, story)
        costs.append(len(statements))

    assert costs[0] == costs[1]
    assert len(queries.facts_of(session, story.enrollment.id)) == 2
