"""The list of certifications: how one stands, why it matters, who has it."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.certification import cards, service
from portal.certification.cards import Card, Standing
from portal.enrollments.models import Enrollment
from portal.kit.clock import utc_now
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.certification import EXAM, answer_all, exam, learner, started
from tests.factories.people import PartnerMemberFactory, UserFactory

DAY = timedelta(days=1)


def card_of(session: Session, user: User, enrollment: Enrollment, days: int) -> Card:
    session.flush()
    [card] = cards.cards_of(
        session, user.id, enrollment.partner_id, now=NOW + days * DAY
    )
    return card


def sit(session: Session, user: User, enrollment: Enrollment, right: int) -> None:
    attempt = started(session, user, enrollment)
    answer_all(session, attempt, rightly=right)
    service.submit(session, attempt, now=NOW)


def test_who_has_not_begun(session: Session) -> None:
    user, enrollment = learner()
    exam(session)

    card = card_of(session, user, enrollment, 0)

    assert card.standing is Standing.NOT_STARTED
    assert (card.certified, card.team) == (0, 1)


def test_who_is_in_the_middle_of_it(session: Session) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment)

    card = card_of(session, user, enrollment, 0)

    assert (card.standing, card.running) == (Standing.IN_PROGRESS, attempt)


def test_who_failed_waits_and_may_try_again(session: Session) -> None:
    user, enrollment = learner()
    sit(session, user, enrollment, right=0)

    waiting, later = (card_of(session, user, enrollment, days) for days in (0, 1))

    assert waiting.standing is later.standing is Standing.FAILED
    assert waiting.retry_at == NOW + timedelta(hours=12)
    assert later.retry_at is None


@pytest.mark.parametrize(
    ("days", "standing", "certified"),
    [
        (0, Standing.PASSED, 1),
        (340, Standing.EXPIRING, 1),
        (400, Standing.EXPIRED, 0),
    ],
)
def test_who_passed(
    session: Session, days: int, standing: Standing, certified: int
) -> None:
    user, enrollment = learner()
    sit(session, user, enrollment, right=12)
    PartnerMemberFactory.create(partner=enrollment.partner)

    card = card_of(session, user, enrollment, days)

    assert card.standing is standing
    assert (card.certified, card.team) == (certified, 2)


def test_who_lost_the_certificate_and_then_failed(session: Session) -> None:
    user, enrollment = learner()
    sit(session, user, enrollment, right=12)
    certificate = card_of(session, user, enrollment, 0).certificate
    assert certificate is not None
    staff = UserFactory.create(admin=True)
    service.revoke(session, certificate, actor=staff, reason="Copied.", now=NOW)
    revoked = card_of(session, user, enrollment, 0).standing

    attempt = started(session, user, enrollment, NOW + DAY)
    service.submit(session, attempt, now=NOW + DAY)

    assert revoked is Standing.REVOKED
    assert card_of(session, user, enrollment, 2).standing is Standing.FAILED


def test_the_page_says_why_and_how_the_team_stands(
    session: Session, sign_in: SignIn
) -> None:
    user, enrollment = learner()
    PartnerMemberFactory.create(partner=enrollment.partner)
    now = utc_now()
    attempt = started(session, user, enrollment, now)
    answer_all(session, attempt, rightly=12, now=now)
    service.submit(session, attempt, now=now)
    session.flush()

    page = " ".join(sign_in(user).get("/app/certifications").data.decode().split())

    assert "1 of 2 people are certified" in page
    assert "asks for it to" in page
    assert "75% right answers to pass" in page
    assert "until " in page


@pytest.mark.parametrize("days_ago", [0, 340, 400])
def test_each_standing_has_its_one_main_action(
    session: Session, sign_in: SignIn, days_ago: int
) -> None:
    user, enrollment = learner()
    then = utc_now() - days_ago * DAY
    attempt = started(session, user, enrollment, then)
    answer_all(session, attempt, rightly=12, now=then)
    service.submit(session, attempt, now=then)
    session.flush()
    main = {0: "Open the certificate", 340: "Renew", 400: "See the rules and start"}

    page = sign_in(user).get("/app/certifications").data.decode()

    page = page.split("<main")[1].split("</main")[0]
    buttons = [part for part in page.split("<a ") if "btn-primary" in part]
    assert len(buttons) == 1
    assert main[days_ago] in buttons[0]


def test_the_number_of_queries_does_not_depend_on_the_team(
    session: Session, count_queries: CountQueries
) -> None:
    user, enrollment = learner()
    exam(session)

    def count() -> int:
        session.flush()
        session.expire_all()
        with count_queries() as statements:
            cards.cards_of(session, user.id, enrollment.partner_id, now=NOW)
        return len(statements)

    user_id_loaded = count()
    for _ in range(3):
        PartnerMemberFactory.create(partner=enrollment.partner)

    assert count() <= user_id_loaded + 1
    assert EXAM
