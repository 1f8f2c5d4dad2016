from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.attribution import queries, service
from portal.attribution.models import Attribution
from portal.attribution.rules import LossReason
from portal.audit.models import AuditEvent
from portal.enrollments.models import GateInterval
from portal.kit.ids import new_id
from tests.commissions.story import LONG_AGO, Story, a_version
from tests.factories.base_factory import NOW
from tests.factories.programs import ProgramVersionFactory

DAY = timedelta(days=1)
CAME = NOW - 10 * DAY


def reasons(row: Attribution) -> list[LossReason]:
    return [lost.reason for lost in row.reasons.losers]


def events(session: Session) -> list[str]:
    return list(
        session.scalars(
            select(AuditEvent.action).where(
                AuditEvent.action.startswith("attribution.")
            )
        )
    )


def test_the_last_click_of_the_visitor_gets_the_credit(session: Session) -> None:
    older, later = Story(session), Story(session)
    later_one = Story(session, older.version)
    first = older.click(CAME - 5 * DAY, visitor="v")
    last = later_one.click(CAME - DAY, visitor="v")
    later.click(CAME - DAY, visitor="somebody else")
    customer = older.customer(first, first_seen_at=CAME)

    (row,) = service.attribute(session, customer, now=NOW)

    assert (row.enrollment_id, row.click_id) == (later_one.enrollment.id, last.id)
    assert (row.converted_at, row.decided_at) == (CAME, NOW)
    assert row.version_id == older.version.id
    assert reasons(row) == [LossReason.OLDER_CLICK]
    assert events(session) == ["attribution.decided"]
    assert queries.in_program(session, customer.id, row.program_id) == [row]
    assert (row.weight, row.of_weight, row.is_shared) == (1, 1, False)


def test_deciding_again_changes_nothing_even_after_another_click(
    session: Session,
) -> None:
    story, rival = Story(session), Story(session)
    click = story.click(CAME - DAY, visitor="v")
    customer = story.customer(click, first_seen_at=CAME)
    (first,) = service.attribute(session, customer, now=NOW)
    rival.click(CAME + DAY, visitor="v")
    story.sale(customer, CAME + 2 * DAY)

    (second,) = service.attribute(session, customer, now=NOW + DAY)

    assert second is first
    assert second.decided_at == NOW
    assert events(session) == ["attribution.decided"]


def test_an_earlier_sale_that_arrives_late_is_decided_anew(session: Session) -> None:
    story, rival = Story(session), Story(session)
    early = story.click(CAME - 5 * DAY, visitor="v")
    rival.click(CAME - DAY, visitor="v")
    customer = story.customer(early, first_seen_at=CAME)
    before = service.attribute(session, customer, now=NOW)
    assert {row.enrollment_id for row in before} == {None, rival.enrollment.id}
    story.sale(customer, CAME - 4 * DAY)

    after = service.attribute(session, customer, now=NOW)

    assert {row.enrollment_id for row in after} == {None, story.enrollment.id}
    assert {row.converted_at for row in after} == {CAME - 4 * DAY}
    assert (
        sorted(events(session))
        == ["attribution.changed"] * 2 + ["attribution.decided"] * 2
    )


def test_another_click_that_the_customer_came_with_is_decided_anew(
    session: Session,
) -> None:
    story, rival = Story(session), Story(session)
    customer = story.credited(first_seen_at=CAME)
    other = rival.click(CAME - 2 * DAY)
    customer.click_reference = other.public_id
    session.flush()

    rows = service.attribute(session, customer, now=NOW)

    credited = {row.program_id: row.enrollment_id for row in rows}
    assert credited == {
        story.enrollment.program_id: None,
        rival.enrollment.program_id: rival.enrollment.id,
    }


def test_a_customer_earns_in_one_program(session: Session) -> None:
    story, rival = Story(session), Story(session)
    first = story.click(CAME - 5 * DAY, visitor="v")
    rival.click(CAME - DAY, visitor="v")
    customer = story.customer(first, first_seen_at=CAME)

    rows = service.attribute(session, customer, now=NOW)

    found = {row.program_id: row for row in rows}
    lost = found[story.enrollment.program_id]
    assert lost.enrollment_id is None
    assert reasons(lost) == [LossReason.OTHER_PROGRAM]
    assert queries.of_enrollments(session, [rival.enrollment.id]) == [
        found[rival.enrollment.program_id]
    ]


@pytest.mark.parametrize("reference", [None, "clk_nonsense", "cus_x"])
def test_a_customer_without_a_click_is_credited_to_nobody(
    session: Session, reference: str | None
) -> None:
    story = Story(session)
    customer = story.customer(click_reference=reference)

    assert service.attribute(session, customer, now=NOW) == []


def test_a_click_that_is_not_kept_credits_nobody(session: Session) -> None:
    customer = Story(session).customer(
        click_reference="clk_" + "0" * 26, click_id=new_id()
    )

    assert service.attribute(session, customer, now=NOW) == []


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("bot", LossReason.BOT),
        ("counts", LossReason.NOT_COUNTED),
        ("disabled", LossReason.LINK_DISABLED),
        ("gate", LossReason.LINK_GATE),
        ("window", LossReason.OUTSIDE_WINDOW),
    ],
)
def test_a_click_that_does_not_count_loses_with_its_reason(
    session: Session, why: str, reason: LossReason
) -> None:
    story = Story(session)
    when = CAME - (91 if why == "window" else 1) * DAY
    link = story.a_link(disabled_at=when if why == "disabled" else CAME)
    click = story.click(when, link=link, is_bot=why == "bot", counts=why != "counts")
    if why == "gate":
        gate = session.scalars(
            select(GateInterval).where(GateInterval.gate_key == "agreement")
        ).one()
        gate.met_from = CAME
    customer = story.customer(click, first_seen_at=CAME)

    (row,) = service.attribute(session, customer, now=NOW)

    assert (row.enrollment_id, row.click_id) == (None, None)
    assert (row.weight, row.of_weight, row.is_shared) == (0, 1, False)
    assert reasons(row) == [reason]


@pytest.mark.parametrize(
    ("effective", "number"), [(CAME, 2), (CAME + timedelta(seconds=1), 1)]
)
def test_the_version_in_force_at_the_conversion_governs(
    session: Session, effective: datetime, number: int
) -> None:
    story = Story(session)
    ProgramVersionFactory.create(
        program=story.version.program, number=2, effective_from=effective
    )
    customer = story.customer(first_seen_at=CAME)

    (row,) = service.attribute(session, customer, now=NOW)

    assert row.version.number == number


def test_a_conversion_before_the_program_began_is_read_as_joined(
    session: Session,
) -> None:
    story = Story(session, a_version())
    came = LONG_AGO - 10 * DAY
    customer = story.customer(first_seen_at=came)

    (row,) = service.attribute(session, customer, now=NOW)

    assert row.version_id == story.version.id


def test_the_clicks_of_a_decision_are_told_with_their_links_and_partners(
    session: Session,
) -> None:
    story = Story(session)
    first = story.click(CAME - 5 * DAY, visitor="v")
    last = story.click(CAME - DAY, visitor="v", link=story.a_link())
    customer = story.customer(first, first_seen_at=CAME)
    (row,) = service.attribute(session, customer, now=NOW)

    told = queries.considered(session, row)

    assert {told[click.id].partner_name for click in (first, last)} == {
        story.enrollment.partner.name
    }
    assert told[first.id].link_code == story.link.code


def test_a_decision_without_a_winner_is_told_too(session: Session) -> None:
    story = Story(session)
    click = story.click(CAME - DAY, is_bot=True)
    customer = story.customer(click, first_seen_at=CAME)
    (row,) = service.attribute(session, customer, now=NOW)

    assert list(queries.considered(session, row)) == [click.id]
