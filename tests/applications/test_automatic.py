from datetime import timedelta
from json import dumps
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.permissions import Role
from portal.applications import service
from portal.applications.automatic import (
    Applicant,
    Judgement,
    fits_domain,
    is_disposable,
    judge,
    score_of,
)
from portal.applications.models import Application, ApplicationStatus
from portal.applications.rules import CheckKey, RejectionReason
from portal.audit.models import AuditEvent
from portal.mail.models import OutboxEmail
from portal.programs.definition import DecisionRule, Verdict
from portal.programs.documents import preset
from tests.applications.test_public_views import Opened, opened
from tests.conftest import SignIn
from tests.factories.applications import ApplicationFactory, version_with_join
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import ProgramVersionFactory

__all__ = ["opened"]

S = ApplicationStatus
THROWN_AWAY = "mina@mailinator.com"
REJECT: dict[str, Any] = {
    "key": "no-throw-away",
    "then": "reject",
    "when": {"disposable_email": True},
    "says": "Write from an address that lasts.",
}
APPROVE: dict[str, Any] = {
    "key": "large-enough",
    "then": "approve",
    "when": {"score_at_least": 40},
}
FLAG: dict[str, Any] = {
    "key": "look-at-korea",
    "then": "flag",
    "when": {"countries": ["KR"]},
}


def rules(*documents: dict[str, Any]) -> list[DecisionRule]:
    return [DecisionRule.model_validate_json(dumps(document)) for document in documents]


def draft(
    *documents: dict[str, Any], hold_minutes: int = 60, **changes: object
) -> Application:
    """A finished draft under these rules; a team of 2 to 10 weighs 40."""
    steps = preset("hubspot-solutions-partner").model_dump(mode="json")["join"]["steps"]
    for step in steps:
        for question in step["questions"]:
            if question["key"] == "team-size":
                question["choices"][1]["score"] = 40
    automatic = {"hold_minutes": hold_minutes, "rules": list(documents)}
    version = version_with_join(
        steps=steps, **({"automatic": automatic} if documents else {})
    )
    application: Application = ApplicationFactory.create(
        draft=True,
        version=version,
        email=changes.pop("email", "mina@hanbit.example"),
        **changes,
    )
    return application


def sent(session: Session, application: Application) -> Application:
    service.submit(session, application, agrees_to_checks=True, now=NOW)
    session.flush()
    return application


class TestJudging:
    MINA = Applicant("mina@cs.hanbit.edu", "KR", 40)

    def judged(
        self, *documents: dict[str, Any], checks: tuple[CheckKey, ...] = ()
    ) -> Judgement:
        return judge(rules(*documents), self.MINA, checks)

    @pytest.mark.parametrize(
        ("when", "evidence"),
        [
            ({"countries": ["JP", "KR"]}, ("country", "KR")),
            ({"email_domains": ["*.edu"]}, ("email_domain", "cs.hanbit.edu")),
            ({"email_domains": ["cs.hanbit.edu"]}, ("email_domain", "cs.hanbit.edu")),
            ({"disposable_email": False}, ("not_disposable", "cs.hanbit.edu")),
            ({"score_at_least": 40}, ("score_at_least", "40 >= 40")),
            ({"score_below": 41}, ("score_below", "40 < 41")),
        ],
    )
    def test_each_test_brings_its_evidence(
        self, when: dict[str, Any], evidence: tuple[str, str]
    ) -> None:
        judgement = self.judged(APPROVE | {"when": when})

        assert judgement.verdict is Verdict.APPROVE
        assert judgement.matches[0].evidence == (evidence,)

    @pytest.mark.parametrize(
        "when",
        [
            {"countries": ["JP"]},
            {"email_domains": ["*.hanbit.org", "hanbit.edu", "edu"]},
            {"disposable_email": True},
            {"score_at_least": 41},
            {"score_below": 40},
            {"countries": ["KR"], "score_at_least": 41},
        ],
    )
    def test_all_that_is_given_must_be_true(self, when: dict[str, Any]) -> None:
        assert self.judged(APPROVE | {"when": when}).verdict is None

    def test_without_a_score_no_rule_about_it_holds(self) -> None:
        nobody = Applicant("a@b.test", "KR", None)

        for when in ({"score_at_least": -5}, {"score_below": 5}):
            assert judge(rules(APPROVE | {"when": when}), nobody, ()).verdict is None

    def test_rejection_comes_first_then_flags_then_approval(self) -> None:
        no = REJECT | {"when": {"countries": ["KR"]}}

        assert self.judged(APPROVE, FLAG, no).verdict is Verdict.REJECT
        flagged = self.judged(APPROVE, FLAG)
        assert flagged.verdict is None
        assert [match.rule for match in flagged.matches] == [
            "large-enough",
            "look-at-korea",
        ]
        assert self.judged(APPROVE).verdict is Verdict.APPROVE

    @pytest.mark.parametrize(
        ("check", "verdict"),
        [
            (CheckKey.SAME_EMAIL, None),
            (CheckKey.DOMAIN_DIFFERS, None),
            (CheckKey.KNOWN_PARTNER, None),
            (CheckKey.FREE_MAIL, Verdict.APPROVE),
            (CheckKey.DOMAIN_MATCHES, Verdict.APPROVE),
        ],
    )
    def test_what_looks_odd_is_never_approved_by_rule(
        self, check: CheckKey, verdict: Verdict | None
    ) -> None:
        assert self.judged(APPROVE, checks=(check,)).verdict is verdict

    def test_domains_and_what_is_below_them(self) -> None:
        assert fits_domain("a@mail.acme.test", "*.acme.test")
        assert not fits_domain("a@acme.test", "*.acme.test")
        assert not fits_domain("a@notacme.test", "*.acme.test")
        assert not fits_domain("a@notacme.test", "acme.test")

    def test_thrown_away_addresses_are_known_below_their_domain_too(self) -> None:
        assert is_disposable("a@mailinator.com")
        assert is_disposable("a@inbox.mailinator.com")
        assert not is_disposable("a@hanbit.example")
        assert not is_disposable("a@gmail.com")

    def test_the_score_adds_up_what_was_asked(self, session: Session) -> None:
        del session
        join = draft(APPROVE).definition.join

        assert score_of(join, {"team-size": "two-to-ten"}) == 40
        assert score_of(join, {"team-size": "one"}) == 0
        assert score_of(join, {}) == 0
        plain = preset("hubspot-solutions-partner").join
        assert score_of(plain, {"team-size": "two-to-ten"}) is None


class TestSending:
    def test_a_rule_rejects_with_its_own_words_and_waits(
        self, session: Session
    ) -> None:
        application = sent(session, draft(REJECT, email=THROWN_AWAY))

        assert application.status is S.REJECTED
        assert application.shown_status(NOW) is S.SUBMITTED
        assert application.held_until == NOW + timedelta(minutes=60)
        assert application.reason is RejectionReason.NOT_VERIFIED
        assert application.decision_note == "Write from an address that lasts."
        assert application.decided_by_rule == "no-throw-away"
        mail = session.get(OutboxEmail, application.decision_mail_id)
        assert mail is not None
        assert mail.hold_until == application.held_until
        assert mail.context["is_by_rule"] is True
        event = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "application.rejected")
        ).one()
        assert event.details["rule"] == "no-throw-away"

    @pytest.mark.parametrize(
        ("when", "reason"),
        [
            ({"countries": ["KR"]}, RejectionReason.COUNTRY),
            ({"score_at_least": 1}, RejectionReason.NOT_A_FIT),
        ],
    )
    def test_the_kind_of_reason_follows_from_the_test(
        self, session: Session, when: dict[str, Any], reason: RejectionReason
    ) -> None:
        assert sent(session, draft(REJECT | {"when": when})).reason is reason

    def test_a_rule_approves_and_the_partner_is_made_after_the_hold(
        self, session: Session
    ) -> None:
        application = sent(session, draft(APPROVE, hold_minutes=0))

        assert application.status is S.APPROVED
        assert application.score == 40
        service.complete_approval(session, application, now=NOW)
        assert application.partner_id is not None
        mail = session.scalars(
            select(OutboxEmail).where(OutboxEmail.template == "applications/approved")
        ).one()
        assert mail.context["is_open"] is False

    def test_nobody_in_the_program_already_is_approved_by_rule(
        self, session: Session
    ) -> None:
        UserFactory.create(role=Role.REVIEWER, email="mina@hanbit.example")

        application = sent(session, draft(APPROVE))

        assert application.status is S.SUBMITTED
        assert application.findings["flags"] == ["known_partner"]

    def test_what_a_person_must_confirm_no_rule_approves(
        self, session: Session
    ) -> None:
        document = draft(APPROVE).version.definition_json
        gate = {
            "key": "in-person",
            "kind": "confirmation",
            "title": "We have met",
            "blocks": ["join"],
        }
        version = ProgramVersionFactory.create(
            definition_json=document | {"gates": [*document["gates"], gate]}
        )
        application = ApplicationFactory.create(draft=True, version=version)

        assert sent(session, application).status is S.SUBMITTED
        assert application.findings["matches"]

    def test_what_takes_two_reviewers_no_rule_approves(self, session: Session) -> None:
        application = draft(APPROVE)
        document = application.version.definition_json
        application.version = ProgramVersionFactory.create(
            definition_json=document
            | {"join": document["join"] | {"two_reviewers_from": 0}}
        )

        assert sent(session, application).status is S.SUBMITTED
        assert application.findings["matches"]

    def test_without_rules_a_person_decides_and_sees_the_score(
        self, session: Session
    ) -> None:
        application = sent(session, draft())

        assert application.status is S.SUBMITTED
        assert application.score == 40
        assert application.findings == {}


class TestTakingBack:
    def test_staff_undo_it_before_anybody_knows(self, session: Session) -> None:
        application = sent(session, draft(REJECT, email=THROWN_AWAY))

        service.undo_decision(
            session, application, actor=UserFactory.create(reviewer=True), now=NOW
        )

        assert application.status is S.SUBMITTED
        assert application.decided_by_rule == ""
        assert application.findings["matches"]

    def test_staff_decide_anew_after_the_mail(
        self, session: Session, sign_in: SignIn
    ) -> None:
        application = sent(session, draft(REJECT, email=THROWN_AWAY, hold_minutes=0))
        staff = sign_in(UserFactory.create(role=Role.REVIEWER))
        path = f"/admin/applications/{application.public_id}"
        page = staff.get(path).text
        assert "The rule no-throw-away rejects it" in page
        assert "Throw-away e-mail address: mailinator.com" in page
        assert "Reverse the rejection" in page

        assert staff.post(f"{path}/reopen").status_code == 303

        session.expire_all()
        assert application.status is S.SUBMITTED
        assert application.reapply_on is None
        assert staff.post(f"{path}/reopen").status_code == 409

    def test_applicants_learn_that_it_was_a_rule_and_ask_for_a_person(
        self, session: Session, opened: Opened
    ) -> None:
        application = sent(session, draft(REJECT, email=THROWN_AWAY, hold_minutes=0))
        client = opened(application)
        path = f"/application/{application.reference}"
        page = client.get(path).text
        assert "A rule of the program decided this." in page
        assert "Write from an address that lasts." in page

        assert client.post(f"{path}/look-again").status_code == 303

        session.expire_all()
        assert application.status is S.SUBMITTED
        assert "A person will look at your application." in client.get(path).text

    def test_only_a_rejection_by_rule_that_is_told_can_be_looked_at_again(
        self, session: Session
    ) -> None:
        held = sent(session, draft(REJECT, email=THROWN_AWAY))
        by_person = ApplicationFactory.create(rejected=True)

        for application in (held, by_person, ApplicationFactory.create()):
            with pytest.raises(service.NotReopenable):
                service.reopen(session, application, actor=None, now=NOW)

    def test_a_newer_application_comes_first(self, session: Session) -> None:
        application = sent(session, draft(REJECT, email=THROWN_AWAY, hold_minutes=0))
        ApplicationFactory.create(
            draft=True, version=application.version, email=THROWN_AWAY
        )

        with pytest.raises(service.NotReopenable):
            service.reopen(session, application, actor=None, now=NOW)
