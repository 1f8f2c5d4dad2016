"""Every consequence of time: told before, explained after, whenever the job runs.

One partner meets all of them: a certificate that expires, a fee that lapses, something
that had to be done by a day, a date on which tiers are lost, and a duty that is missed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.enrollments import queries
from portal.enrollments import service as gates
from portal.enrollments.models import (
    Enrollment,
    EnrollmentStatus,
    GateInterval,
    GateNotice,
)
from portal.enrollments.notices import WARNINGS
from portal.mail.models import OutboxEmail
from portal.mail.rendering import render
from portal.programs.definition import Blocks
from portal.tiers import emails, moves, service, standing
from portal.tiers.models import TierChange
from tests.commissions.story import Story, a_version
from tests.enrollments.gates import EXAM, FEE, FEE_OF_50, TAX_FORM
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory

DAY = timedelta(days=1)
CALL = TAX_FORM | {"key": "call", "blocks": ["payout"], "deadline_days": 90}
TIERS = {
    "metric": "net_sales",
    "window": "month",
    "levels": [
        {"key": "base", "name": "Base", "from_value": 0},
        {"key": "top", "name": "Top", "from_value": 100_000},
        {"key": "elite", "name": "Elite", "from_value": 10_000_000},
    ],
    "demote": {"when": "dates", "dates": ["01-15"]},
    "duty": {"level": "elite", "within_months": 12},
}
CALL_OVER = datetime(2026, 5, 31, tzinfo=NOW.tzinfo)
CERTIFIED_UNTIL = NOW + 150 * DAY
PAID_UNTIL = NOW + 220 * DAY
FALLS = datetime(2027, 1, 15, tzinfo=NOW.tzinfo)
DUE = NOW + 365 * DAY
CONSEQUENCES = {
    ("call", CALL_OVER),
    ("certification", CERTIFIED_UNTIL),
    ("fee", PAID_UNTIL),
    (moves.MOVE, FALLS),
    (standing.DUTY, DUE),
}
KEY_DAYS = sorted(
    {
        (about_at - NOW).days + 1 - before
        for _key, about_at in CONSEQUENCES
        for before in (60, 30, 7, 0)
    }
    | {372}
)
"""The days of all warnings and consequences, a look each."""


def a_partner(session: Session) -> Story:
    version = a_version(
        tiers=TIERS,
        fee=FEE_OF_50 | {"interval": "year"},
        gates=[EXAM, FEE, CALL],
        agreement=None,
    )
    story = Story(session, version)
    for row in session.scalars(select(GateInterval)):
        row.met_until = row.met_from  # As if it had never been.
    enrollment = story.enrollment
    enrollment.joined_at = NOW
    PartnerMemberFactory.create(partner=enrollment.partner)
    session.flush()
    gates.meet_gate(
        session, enrollment, "certification", now=NOW, until=CERTIFIED_UNTIL
    )
    # Canceled by the partner: it does not move on by itself.
    gates.meet_gate(session, enrollment, "fee", now=NOW, until=PAID_UNTIL)
    story.sale(story.credited(first_seen_at=NOW + 5 * DAY), NOW + 20 * DAY, 200_000)
    session.flush()
    return story


Outcome = tuple[
    EnrollmentStatus, list[tuple[datetime, str]], list[tuple[str, str]], list[str]
]


def outcome(session: Session, enrollment: Enrollment) -> Outcome:
    """The state, the levels, what could be done on which day; none of it is a mail."""
    session.flush()
    levels = session.scalars(
        select(TierChange)
        .where(TierChange.enrollment_id == enrollment.id)
        .order_by(TierChange.from_at)
    )
    could = [
        f"{day} {blocks.value}"
        for day in range(0, 370, 30)
        for blocks in Blocks
        if queries.answer(session, enrollment, at=NOW + day * DAY).may(blocks)
    ]
    stops = session.scalars(
        select(GateInterval).where(GateInterval.gate_key == "*stopped")
    )
    return (
        enrollment.status,
        [(one.from_at, one.tier) for one in levels],
        [(str(one.met_from), str(one.met_until)) for one in stops],
        could,
    )


def told(session: Session) -> list[GateNotice]:
    return list(
        session.scalars(select(GateNotice).order_by(GateNotice.sent_at, GateNotice.id))
    )


RUNS: dict[str, Sequence[int]] = {
    "on its day": KEY_DAYS,
    "twice": sorted(KEY_DAYS * 2),
    "a week late": [day + 7 for day in KEY_DAYS],
    "once, at the end": [372],
}


@pytest.mark.parametrize("name", RUNS)
def test_whenever_the_job_runs_the_result_is_the_same(
    session: Session, name: str
) -> None:
    story = a_partner(session)

    for day in RUNS[name]:
        standing.act(session, story.enrollment, now=NOW + day * DAY)

    status, levels, stops, could = outcome(session, story.enrollment)
    assert status is EnrollmentStatus.TERMINATED
    assert levels == [(NOW, "base"), (NOW + 20 * DAY, "top"), (FALLS, "base")]
    assert stops == [(str(DUE), "None")]
    assert [one for one in could if one.endswith("earn")] == [
        f"{day} earn" for day in range(0, 150, 30)
    ]
    explained = [
        (one.gate_key, one.about_at)
        for one in told(session)
        if one.kind not in WARNINGS
    ]
    # What is older than 30 days is no news any more; nothing is told twice.
    recent = {one for one in CONSEQUENCES if one[1] > NOW + 342 * DAY}
    expected = recent if name == "once, at the end" else CONSEQUENCES
    assert sorted(explained) == sorted(expected)


def test_each_consequence_is_announced_before_it_comes(
    app: Flask, session: Session
) -> None:
    story = a_partner(session)

    for day in KEY_DAYS:
        standing.act(session, story.enrollment, now=NOW + day * DAY)

    for key, about_at in CONSEQUENCES:
        steps = [
            one.step
            for one in told(session)
            if (one.gate_key, one.about_at) == (key, about_at)
            and one.kind in WARNINGS
            and one.sent_at < about_at
        ]
        assert steps == [60, 30, 7], key
    with app.app_context():
        mails = [
            render(one.template, one.context, one.locale)
            for one in session.scalars(select(OutboxEmail))
        ]
    subjects = [one.subject for one in mails]
    assert subjects.count("By January 14, 2027: stay at Top") == 3
    assert subjects.count("Your tier is now Base") == 1
    [fell] = [one.text for one in mails if one.subject == "Your tier is now Base"]
    assert "On that day the program looked at the tier of every partner." in fell
    assert "January 15, 2027" in fell


def test_without_its_look_nothing_would_be_told(session: Session) -> None:
    """The control: it is the job that tells, and nothing else does."""
    story = a_partner(session)

    outcome(session, story.enrollment)

    assert told(session) == []
    assert story.enrollment.status is not EnrollmentStatus.TERMINATED


def test_who_makes_it_good_before_the_date_is_told_no_more(session: Session) -> None:
    story = a_partner(session)
    warned = (FALLS - NOW).days - 59
    standing.act(session, story.enrollment, now=NOW + warned * DAY)
    customer = story.credited(first_seen_at=NOW + 6 * DAY)
    story.sale(customer, FALLS - DAY, 200_000)

    for day in (warned + 30, warned + 53, warned + 61):
        standing.act(session, story.enrollment, now=NOW + day * DAY)

    of_moves = [one for one in told(session) if one.gate_key == moves.MOVE]
    assert [(one.kind.value, one.step) for one in of_moves] == [("deadline", 60)]


def test_an_old_fall_and_one_made_good_since_are_not_explained(
    session: Session,
) -> None:
    story = a_partner(session)
    line = service.timeline_of(
        session,
        story.enrollment,
        story.version.definition,
        until=FALLS + 100 * DAY,
    )
    definition = story.version.definition

    assert moves.recent_fall(definition, line, at=FALLS - DAY) is None
    assert moves.recent_fall(definition, line, at=FALLS + 31 * DAY) is None
    found = moves.recent_fall(definition, line, at=FALLS + DAY)
    assert found is not None
    assert (found.held.key, found.level.key) == ("top", "base")


def test_a_program_without_tiers_has_no_date_and_no_levels(session: Session) -> None:
    story = Story(session, a_version(tiers=None, rules=a_flat_rule()))
    definition = story.version.definition

    assert moves.next_date(definition, NOW) is None
    with pytest.raises(ValueError, match="has no tiers"):
        service.timeline_of(session, story.enrollment, definition, until=NOW)


def a_flat_rule() -> list[dict[str, object]]:
    return [
        {
            "key": "share",
            "title": "Share",
            "bands": [{"from_value": 0, "rate_bps": 1000}],
        }
    ]


def test_the_mail_of_a_move_says_what_each_tier_pays(
    app: Flask, session: Session
) -> None:
    story, later = a_partner(session), FALLS + DAY
    definition = story.version.definition
    line = service.timeline_of(session, story.enrollment, definition, until=later)
    fall = moves.recent_fall(definition, line, at=later)
    assert fall is not None
    rates = {"base": 1_000, "top": 2_000, "elite": 3_000}
    rule = definition.rules[0].model_copy(
        update={"title": "Share", "bands": (), "rate_bps_by_tier": rates}
    )
    by_tier = definition.model_copy(update={"rules": (rule,)})

    emails.send_move(session, story.enrollment, by_tier, fall, now=later)
    session.flush()

    [mail] = session.scalars(select(OutboxEmail)).all()
    with app.app_context():
        text = render(mail.template, mail.context, mail.locale).text
    assert "Share: 20% at Top, 10% at Base." in text
