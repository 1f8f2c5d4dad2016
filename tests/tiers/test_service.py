from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.certification.models import AttemptStatus, Certificate
from portal.enrollments.models import EnrollmentStatus
from portal.kit.clock import utc_now
from portal.tiers import queries, service, tasks
from portal.tiers.facts import TierInputs
from portal.tiers.models import LevelOverride, RecordedFact, TierChange
from portal.tiers.rules import ChangeReason
from tests.commissions.facts import rule
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.factories.base_factory import NOW
from tests.factories.certification import started
from tests.factories.people import UserFactory
from tests.tiers.test_views import needing, rated, storied

DAY = timedelta(days=1)


def set_by_hand(
    story: Story, level: str = "top", days: int | None = None, actor: User | None = None
) -> LevelOverride:
    return service.set_override(
        story.session,
        story.enrollment,
        definition=story.version.definition,
        level=level,
        until_at=NOW + days * DAY if days is not None else None,
        reason="A promise",
        actor=actor,
        now=NOW,
    )


def inputs_of(story: Story) -> TierInputs:
    story.session.flush()
    return queries.inputs_of(story.session, [story.enrollment.id])[story.enrollment.id]


def kept(story: Story) -> list[tuple[str, ChangeReason]]:
    rows = queries.history(story.session, story.enrollment.id)
    return [(row.tier, row.reason) for row in reversed(rows)]


def test_what_was_recorded_decides_the_kept_level(session: Session) -> None:
    story = storied(session, needing(window="life"))
    story.sale(story.credited(), NOW - 40 * DAY, 100_000)
    story.recompute()
    assert kept(story) == [("base", ChangeReason.START)]

    rated(story, 40, NOW)
    story.recompute()

    assert kept(story) == [("base", ChangeReason.START), ("top", ChangeReason.SALE)]
    assert story.enrollment.tier == "top"


def test_a_value_for_the_same_moment_takes_the_place_of_the_one_before(
    session: Session,
) -> None:
    story = storied(session, needing())
    rated(story, 50, NOW)
    rated(story, 30, NOW)

    ratings = [f.value for f in inputs_of(story).facts if f.fact == "app-rating"]

    assert ratings == [30]
    assert [row.value for row in queries.facts_of(session, story.enrollment.id)] == [
        30,
        50,
    ]


@pytest.mark.parametrize(
    ("parts", "refusal"),
    [
        ({"fact": "shoe-size"}, service.FactNotAsked),
        ({"fact": "certifications"}, service.FactNotAsked),
        ({"value": -1}, service.FactOutOfRange),
        ({"value": 10**15 + 1}, service.FactOutOfRange),
        ({"from_at": NOW + DAY}, service.FactInTheFuture),
    ],
)
def test_what_makes_no_sense_is_not_recorded(
    session: Session, parts: dict, refusal: type[Exception]
) -> None:
    story = storied(session, needing())
    given = {"fact": "app-rating", "value": 40, "from_at": NOW, **parts}

    with pytest.raises(refusal):
        service.record_fact(
            session,
            story.enrollment,
            definition=story.version.definition,
            reason="Survey",
            actor=None,
            now=NOW,
            **given,
        )


def test_a_program_without_tiers_records_nothing(session: Session) -> None:
    story = storied(session, needing())
    without = story.version.definition.model_copy(update={"tiers": None})

    with pytest.raises(service.FactNotAsked):
        service.record_fact(
            session,
            story.enrollment,
            definition=without,
            fact="app-rating",
            value=40,
            from_at=NOW,
            reason="Survey",
            actor=None,
            now=NOW,
        )
    with pytest.raises(service.NoSuchLevel):
        service.set_override(
            session,
            story.enrollment,
            definition=without,
            level="top",
            until_at=None,
            reason="A promise",
            actor=None,
            now=NOW,
        )


def test_what_was_recorded_is_never_rewritten(session: Session) -> None:
    story = storied(session, needing())
    rated(story, 40, NOW)
    session.flush()

    with pytest.raises(ProgrammingError), session.begin_nested():
        session.execute(text("UPDATE tier_facts SET value = 50"))
    with pytest.raises(ProgrammingError), session.begin_nested():
        session.execute(text("UPDATE tier_overrides SET level = 'top'"))


def test_certificates_of_the_partners_people_are_among_the_facts(
    session: Session,
) -> None:
    story = storied(session, needing())
    user = story.user()
    for number, revoked_at in (("1", None), ("2", NOW - DAY)):
        attempt = started(session, user, story.enrollment, NOW - 30 * DAY)
        attempt.status = AttemptStatus.PASSED
        session.add(
            Certificate(
                number=number,
                certification_id=attempt.certification_id,
                attempt_id=attempt.id,
                user_id=user.id if number == "1" else UserFactory.create().id,
                partner_id=story.enrollment.partner_id,
                holder_name="Ann",
                issued_at=NOW - 30 * DAY,
                expires_at=NOW + 30 * DAY,
                revoked_at=revoked_at,
            )
        )
        session.flush()

    found = [
        (fact.at, fact.value)
        for fact in inputs_of(story).facts
        if fact.fact == "certifications"
    ]

    assert found == [
        (LONG_AGO, 0),
        (NOW - 30 * DAY, 2),
        (NOW - DAY, 1),
        (NOW + 30 * DAY, 0),
    ]


def test_a_level_set_by_hand_is_held_until_it_ends(session: Session) -> None:
    actor = UserFactory.create()
    story = storied(session, needing())
    override = set_by_hand(story, actor=actor)
    story.recompute(NOW + DAY)
    assert story.enrollment.tier == "top"

    service.end_override(session, override, actor=actor, now=NOW + 2 * DAY)
    story.recompute(NOW + 3 * DAY)

    assert kept(story) == [
        ("base", ChangeReason.START),
        ("top", ChangeReason.OVERRIDE),
        ("base", ChangeReason.OVERRIDE),
    ]
    actions = session.scalars(
        select(AuditEvent.action)
        .where(AuditEvent.subject_id == story.enrollment.id)
        .order_by(AuditEvent.at)
    ).all()
    assert [a for a in actions if "tier" in a] == [
        "enrollment.tier_override_set",
        "enrollment.tier_override_ended",
    ]


def test_a_new_level_set_by_hand_ends_the_one_before(session: Session) -> None:
    story = storied(session, needing())
    first = set_by_hand(story)
    session.flush()
    second = set_by_hand(story, "base", 10)
    session.flush()

    third = set_by_hand(story)

    # What is over already is left as it is.
    assert (first.ended_at, second.ended_at, third.ended_at) == (NOW, NOW, None)
    assert first.stops_at == NOW
    assert second.stops_at == NOW
    assert queries.override(session, story.enrollment.id, first.id) == first
    assert [one.level for one in inputs_of(story).overrides] == [
        "top",
        "base",
        "top",
    ]


def test_an_override_that_is_over_cannot_be_ended_again(session: Session) -> None:
    override = set_by_hand(storied(session, needing()))
    service.end_override(session, override, actor=None, now=NOW + DAY)

    with pytest.raises(service.OverrideIsOver):
        service.end_override(session, override, actor=None, now=NOW + 2 * DAY)


@pytest.mark.parametrize(
    ("level", "days", "refusal"),
    [("bygone", 1, service.NoSuchLevel), ("top", 0, service.OverrideEndsTooEarly)],
)
def test_a_level_that_makes_no_sense_is_not_set(
    session: Session, level: str, days: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        set_by_hand(storied(session, needing()), level, days)


def test_a_level_that_turns_out_differently_takes_the_place_of_the_old_one(
    session: Session,
) -> None:
    story = storied(session, needing(window="life"))
    rated(story, 40, NOW)
    story.sale(story.credited(), NOW - 40 * DAY, 100_000)
    story.recompute()
    events = queries.events_of(session, [story.enrollment.id])[story.enrollment.id]

    line = service.rebuild(
        session,
        story.enrollment,
        definition=story.version.definition,
        events=events,
        now=NOW,
        inputs=TierInputs(),
    )

    assert line is not None
    assert kept(story) == [("base", ChangeReason.START)]


def test_rebuilding_again_changes_nothing(session: Session) -> None:
    story = storied(session, needing())
    set_by_hand(story)
    story.recompute(NOW + DAY)
    before = session.scalars(select(TierChange.id)).all()

    story.recompute(NOW + DAY)

    assert session.scalars(select(TierChange.id)).all() == before


def test_an_override_from_before_the_partner_joined_begins_the_history(
    session: Session,
) -> None:
    story = storied(session, needing())
    set_by_hand(story)
    story.enrollment.joined_at = NOW + 5 * DAY
    session.flush()

    story.recompute(NOW + 6 * DAY)

    assert kept(story) == [("top", ChangeReason.OVERRIDE)]


# What follows from time alone


def test_time_alone_moves_the_kept_level(session: Session, app: Flask) -> None:
    now = utc_now()
    story = storied(session, needing())
    rated(story, 45, now)
    customer = story.credited(first_seen_at=now - 90 * DAY)
    story.sale(customer, now - 80 * DAY, 100_000)
    story.recompute(now - 80 * DAY)
    assert story.enrollment.tier == "top"
    # A program without tiers is left alone.
    other = Story(session, a_version(tiers=None, rules=[rule()]))

    with app.app_context():
        tasks.keep_up()

    assert kept(story)[-1] == ("base", ChangeReason.WINDOW)
    assert kept(other) == []
    session.refresh(story.enrollment)
    assert story.enrollment.tier == "base"


def test_a_membership_ends_when_the_duty_is_missed(session: Session) -> None:
    duty = {"level": "top", "within_months": 2}
    story = storied(session, needing(duty=duty))
    story.enrollment.joined_at = NOW - 70 * DAY
    story.enrollment.status = EnrollmentStatus.ACTIVE
    session.flush()

    for _ in range(2):
        service.keep_up(session, story.enrollment, now=NOW)

    assert story.enrollment.status is EnrollmentStatus.TERMINATED
    ended = session.scalars(
        select(AuditEvent).where(AuditEvent.action == "enrollment.terminated")
    ).one()
    assert ended.actor_id is None


def test_before_the_day_of_the_duty_the_membership_goes_on(session: Session) -> None:
    story = storied(session, needing(duty={"level": "top", "within_months": 600}))
    status = story.enrollment.status

    service.keep_up(session, story.enrollment, now=NOW)

    assert story.enrollment.status is status
    assert session.scalars(select(RecordedFact)).all() == []
