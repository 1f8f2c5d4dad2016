from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.accounts.throttle import TooManyTries
from portal.applications import queries, rules, service
from portal.applications.models import (
    Application,
    ApplicationLink,
    ApplicationStatus,
    ApplicationTransition,
)
from portal.applications.rules import RejectionReason
from portal.audit.models import AuditEvent
from portal.enrollments.models import Enrollment
from portal.kit.errors import Forbidden, Invalid
from portal.kit.ids import new_id
from portal.mail.models import MailStatus, OutboxEmail
from portal.partners import queries as partners
from portal.programs.models import ProgramVersion
from tests.factories.applications import (
    ANSWERS,
    ApplicationFactory,
    ApplicationLinkFactory,
    version_with_join,
)
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

S = ApplicationStatus
HOLD = 30
LATER = NOW + timedelta(seconds=HOLD)


def start(
    session: Session, version: ProgramVersion, email: str = "mina@hanbit.example"
) -> None:
    service.start(
        session,
        version,
        email=email,
        country=None,
        remote_address="192.0.2.1",
        locale="en",
        now=NOW,
    )
    session.flush()


def somebody() -> User:
    """Return a reviewer of a company that nobody in these tests works for."""
    user: User = UserFactory.create(reviewer=True)
    user.email = user.email.replace("people.example", "acme.example")
    return user


def mails(session: Session) -> list[OutboxEmail]:
    session.flush()
    return list(session.scalars(select(OutboxEmail).order_by(OutboxEmail.id)))


def actions(session: Session, application: Application) -> list[str]:
    session.flush()
    return list(
        session.scalars(
            select(AuditEvent.action)
            .where(AuditEvent.subject_id == application.id)
            .order_by(AuditEvent.id)
        )
    )


class TestStart:
    def test_a_draft_and_a_mail_with_link_and_code(self, session: Session) -> None:
        version = ProgramVersionFactory.create()

        start(session, version, " Mina@Hanbit.example ")

        application = session.scalars(select(Application)).one()
        assert (application.email, application.email_domain) == (
            "mina@hanbit.example",
            "hanbit.example",
        )
        assert application.status is S.DRAFT
        assert application.email_confirmed_at is None
        (mail,) = mails(session)
        assert mail.template == "applications/confirm"
        assert mail.context["secret_path"].startswith("/apply/confirm/")
        assert len(mail.context["secret_code"]) == 6

    def test_the_same_address_goes_on_with_the_same_draft(
        self, session: Session
    ) -> None:
        version = ProgramVersionFactory.create()

        start(session, version)
        start(session, version)

        assert len(session.scalars(select(Application)).all()) == 1
        assert len(mails(session)) == 2

    def test_strangers_cannot_flood_an_address(self, session: Session) -> None:
        for _ in range(5):
            start(session, ProgramVersionFactory.create())

        assert len(mails(session)) == 2

    def test_a_known_applicant_gets_the_way_back(self, session: Session) -> None:
        application = ApplicationFactory.create()

        start(session, application.version, application.email)

        assert [m.template for m in mails(session)] == ["applications/link"]

    @pytest.mark.parametrize(("days", "is_new"), [(0, False), (29, False), (30, True)])
    def test_a_rejected_applicant_may_try_again_when_the_day_has_come(
        self, session: Session, days: int, *, is_new: bool
    ) -> None:
        rejected = ApplicationFactory.create(rejected=True)

        service.start(
            session,
            rejected.version,
            email=rejected.email,
            country=None,
            remote_address=None,
            locale="en",
            now=NOW + timedelta(days=days),
        )

        session.flush()
        assert len(session.scalars(select(Application)).all()) == 1 + is_new

    def test_a_withdrawn_application_does_not_stand_in_the_way(
        self, session: Session
    ) -> None:
        withdrawn = ApplicationFactory.create(withdrawn=True)

        start(session, withdrawn.version, withdrawn.email)

        assert len(session.scalars(select(Application)).all()) == 2

    def test_one_source_cannot_start_for_ever(self, session: Session) -> None:
        version = ProgramVersionFactory.create()
        for n in range(20):
            start(session, version, f"mina{n}@hanbit.example")

        with pytest.raises(TooManyTries):
            start(session, version, "another@hanbit.example")

    def test_an_address_must_be_one(self, session: Session) -> None:
        with pytest.raises(Invalid):
            start(session, ProgramVersionFactory.create(), "mina")

    def test_programs_by_invitation_take_nobody(self, session: Session) -> None:
        with pytest.raises(service.NotOpen):
            start(session, version_with_join(mode="invite"))

    def test_the_country_comes_first_where_it_is_limited(
        self, session: Session
    ) -> None:
        version = version_with_join(countries=["DE", "KR"])

        with pytest.raises(service.CountryNotServed):
            start(session, version)
        service.start(
            session,
            version,
            email="mina@hanbit.example",
            country="KR",
            remote_address=None,
            locale="en",
            now=NOW,
        )

        session.flush()
        assert session.scalars(select(Application)).one().country == "KR"

    def test_a_reference_that_is_taken_is_drawn_again(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken = ApplicationFactory.create(reference="APP-000000")
        letters = iter("000000" + "1" * 6)
        monkeypatch.setattr("secrets.choice", lambda _alphabet: next(letters))

        start(session, taken.version)

        references = session.scalars(select(Application.reference)).all()
        assert set(references) == {"APP-000000", "APP-111111"}

    def test_other_broken_constraints_stay_bugs(self, session: Session) -> None:
        nowhere = ProgramVersionFactory.build(program=None, program_id=new_id())

        with pytest.raises(IntegrityError):
            start(session, nowhere)


class TestConfirm:
    def test_a_link_opens_the_draft_again_and_again(self, session: Session) -> None:
        application = ApplicationFactory.create(draft=True, email_confirmed_at=None)
        ApplicationLinkFactory.create(application=application, token="t")

        for _ in range(2):
            assert service.open_by_link(session, "t", now=LATER) is application

        assert application.email_confirmed_at == LATER
        assert actions(session, application) == ["application.email_confirmed"]

    def test_unknown_and_old_links_open_nothing(self, session: Session) -> None:
        ApplicationLinkFactory.create(token="old", expires_at=NOW)

        with pytest.raises(service.LinkExpired) as caught:
            service.open_by_link(session, "old", now=NOW)
        with pytest.raises(service.NoSuchLink):
            service.open_by_link(session, "other", now=NOW)

        assert caught.value.program_key == "hubspot-solutions-partner"

    def confirm(self, session: Session, code: str, after: int = 0) -> bool:
        application = session.scalars(select(Application)).one()
        confirmed = service.confirm_email(
            session,
            application.program_id,
            email=application.email,
            code=code,
            remote_address="192.0.2.1",
            now=NOW + timedelta(minutes=after),
        )
        return confirmed is application

    def code_of(self, session: Session) -> str:
        start(session, ProgramVersionFactory.create())
        return str(mails(session)[-1].context["secret_code"])

    def wrong(self, code: str) -> str:
        return f"{(int(code) + 1) % 1_000_000:06d}"

    def test_the_code_confirms_once(self, session: Session) -> None:
        code = self.code_of(session)

        assert self.confirm(session, code)
        assert not self.confirm(session, code)

    def test_the_code_is_guessed_five_times_at_most(self, session: Session) -> None:
        code = self.code_of(session)

        for _ in range(5):
            assert not self.confirm(session, self.wrong(code))

        assert not self.confirm(session, code)

    @pytest.mark.parametrize(("minutes", "works"), [(59, True), (60, False)])
    def test_the_code_works_for_an_hour(
        self, session: Session, minutes: int, *, works: bool
    ) -> None:
        code = self.code_of(session)

        assert self.confirm(session, code, minutes) is works

    def test_nobody_guesses_codes_without_end(self, session: Session) -> None:
        code = self.code_of(session)
        for _ in range(30):
            self.confirm(session, self.wrong(code))

        with pytest.raises(TooManyTries):
            self.confirm(session, code)


class TestAnswers:
    def save(
        self,
        session: Session,
        application: Application,
        answers: dict[str, rules.Answer],
        *,
        seen: int = 0,
        form: str = "window",
        step: int = 1,
    ) -> None:
        service.save_answers(
            session,
            application,
            application.definition.join.steps[step],
            answers,
            seen_version=seen,
            form_id=form,
            now=NOW,
        )

    def test_unfinished_answers_are_kept(self, session: Session) -> None:
        application = ApplicationFactory.create(draft=True, answers={})

        self.save(session, application, {"company": "=HYPERLINK(1)", "website": "x"})
        self.save(session, application, {"company": "=HYPERLINK(1)", "website": "x"})

        assert application.answers == {"company": "=HYPERLINK(1)", "website": "x"}
        assert application.answers_version == 1
        assert actions(session, application) == ["application.answers_saved"]

    def test_answers_to_questions_nobody_asked_are_ignored(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create(draft=True, answers={})

        self.save(session, application, {"status": "approved", "name": "Other step"})

        assert application.answers == {}

    def test_two_windows_do_not_overwrite_each_other(self, session: Session) -> None:
        application = ApplicationFactory.create(draft=True, answers={})
        self.save(session, application, {"company": "One"}, form="a")

        with pytest.raises(service.DraftChanged) as caught:
            self.save(session, application, {"company": "Two"}, form="b")

        assert caught.value.keys == ("company",)
        assert application.answers == {"company": "One"}

    def test_a_window_does_not_conflict_with_itself(self, session: Session) -> None:
        application = ApplicationFactory.create(draft=True, answers={})

        self.save(session, application, {"company": "One"}, form="a")
        self.save(session, application, {"company": "Two"}, form="a")

        assert application.company == "Two"

    def test_different_steps_in_two_windows_do_not_conflict(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create(draft=True, answers={})

        self.save(session, application, {"company": "One"}, form="a")
        self.save(session, application, {"name": "Mina"}, form="b", step=0)

        assert application.answers == {"company": "One", "name": "Mina"}

    def test_the_applicant_can_choose_the_later_answer(self, session: Session) -> None:
        application = ApplicationFactory.create(draft=True, answers={})
        self.save(session, application, {"company": "One"}, form="a")

        self.save(session, application, {"company": "Two"}, seen=1, form="b")

        assert application.company == "Two"

    def test_what_was_sent_stands(self, session: Session) -> None:
        with pytest.raises(service.NoDraft):
            self.save(session, ApplicationFactory.create(), {"company": "Other"})


class TestSubmit:
    def test_a_finished_draft_is_sent(self, session: Session) -> None:
        application = ApplicationFactory.create(draft=True)

        service.submit(session, application, agrees_to_checks=True, now=NOW)

        assert application.status is S.SUBMITTED
        assert application.answer_by == NOW + timedelta(days=5)
        assert application.checks_agreed_at == NOW
        (mail,) = mails(session)
        assert mail.template == "applications/received"
        assert mail.context["answer_day"] == "March 6, 2026"

    def test_every_question_must_be_answered(self, session: Session) -> None:
        application = ApplicationFactory.create(
            draft=True, answers=ANSWERS | {"client-count": "many"}
        )

        with pytest.raises(service.AnswersMissing):
            service.submit(session, application, agrees_to_checks=True, now=NOW)

        assert application.status is S.DRAFT

    def test_nobody_is_checked_who_did_not_agree(self, session: Session) -> None:
        application = ApplicationFactory.create(draft=True)

        with pytest.raises(Invalid):
            service.submit(session, application, agrees_to_checks=False, now=NOW)

    def test_sending_twice_is_refused(self, session: Session) -> None:
        application = ApplicationFactory.create()

        with pytest.raises(service.NoDraft):
            service.submit(session, application, agrees_to_checks=True, now=NOW)


class TestExpireDrafts:
    def test_old_drafts_go_with_their_links(self, session: Session) -> None:
        old = NOW - timedelta(days=30, seconds=1)
        gone = ApplicationFactory.create(draft=True, updated_at=old)
        ApplicationLinkFactory.create(application=gone)
        kept = ApplicationFactory.create(
            draft=True, updated_at=NOW - timedelta(days=30)
        )
        sent = ApplicationFactory.create(updated_at=old)

        expired = service.expire_drafts(session, now=NOW)

        session.flush()
        assert expired == [gone.id]
        assert set(session.scalars(select(Application.id))) == {kept.id, sent.id}
        assert session.scalars(select(ApplicationLink)).all() == []


def approve(
    session: Session, application: Application, reviewer: User | None = None
) -> None:
    service.approve(
        session,
        application,
        reviewer=reviewer or somebody(),
        note="Welcome.",
        hold_seconds=HOLD,
        now=NOW,
    )
    session.flush()


def reject(
    session: Session, application: Application, reviewer: User | None = None
) -> None:
    service.reject(
        session,
        application,
        reviewer=reviewer or somebody(),
        reason=RejectionReason.NOT_VERIFIED,
        note="Send us your register number.",
        hold_seconds=HOLD,
        now=NOW,
    )
    session.flush()


class TestApprove:
    def test_until_the_hold_is_over_nothing_else_exists(self, session: Session) -> None:
        application = ApplicationFactory.create()

        approve(session, application)
        service.complete_approval(
            session, application, now=LATER - timedelta(seconds=1)
        )

        assert application.status is S.APPROVED
        assert application.partner_id is None
        assert mails(session) == []

    def test_then_there_are_partner_owner_enrollment_and_mail(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create(locale="ko")
        approve(session, application)

        service.complete_approval(session, application, now=LATER)

        user = session.scalars(
            select(User).where(User.email == application.email)
        ).one()
        assert (user.name, user.role, user.locale) == (
            "Mina Park",
            Role.PARTNER_OWNER,
            "ko",
        )
        assert user.password_hash is None
        partner = partners.of_user(session, user.id)
        assert partner is not None
        assert (partner.name, partner.country) == ("Hanbit Digital", "KR")
        enrollment = session.scalars(select(Enrollment)).one()
        assert enrollment.partner_id == partner.id == application.partner_id
        (mail,) = mails(session)
        assert mail.template == "applications/approved"
        assert mail.context["secret_path"].startswith("/join/")
        assert mail.context["note"] == "Welcome."

    def test_completing_twice_changes_nothing(self, session: Session) -> None:
        application = ApplicationFactory.create()
        approve(session, application)

        for _ in range(2):
            service.complete_approval(session, application, now=LATER)

        assert len(mails(session)) == 1
        assert len(session.scalars(select(Enrollment)).all()) == 1

    def test_a_known_user_adds_the_program_to_their_partner(
        self, session: Session
    ) -> None:
        member = PartnerMemberFactory.create(user__password_hash="$argon2id$x")
        application = ApplicationFactory.create(email=member.user.email)
        approve(session, application)

        service.complete_approval(session, application, now=LATER)

        assert application.partner_id == member.partner_id
        (mail,) = mails(session)
        assert mail.context["secret_path"] == "/app/programs"
        assert not mail.context["is_new_user"]

    def test_a_user_who_never_joined_is_invited_again(self, session: Session) -> None:
        member = PartnerMemberFactory.create()
        application = ApplicationFactory.create(email=member.user.email)
        approve(session, application)

        service.complete_approval(session, application, now=LATER)

        assert mails(session)[0].context["secret_path"].startswith("/join/")

    def test_an_enrollment_that_appeared_meanwhile_is_kept(
        self, session: Session
    ) -> None:
        member = PartnerMemberFactory.create()
        application = ApplicationFactory.create(email=member.user.email)
        approve(session, application)
        EnrollmentFactory.create(partner=member.partner, version=application.version)

        service.complete_approval(session, application, now=LATER)

        assert application.partner_id == member.partner_id
        assert len(session.scalars(select(Enrollment)).all()) == 1

    def test_a_partner_in_the_program_is_not_let_in_twice(
        self, session: Session
    ) -> None:
        member = PartnerMemberFactory.create()
        application = ApplicationFactory.create(email=member.user.email)
        EnrollmentFactory.create(partner=member.partner, version=application.version)

        with pytest.raises(service.AlreadyInProgram):
            approve(session, application)

    def test_staff_cannot_become_partners(self, session: Session) -> None:
        staff = UserFactory.create(finance=True, email="fred@vendor.example")
        application = ApplicationFactory.create(email=staff.email)

        with pytest.raises(service.StaffAddress):
            approve(session, application)

    def test_a_double_click_is_harmless(self, session: Session) -> None:
        application = ApplicationFactory.create()
        reviewer = UserFactory.create(reviewer=True)

        approve(session, application, reviewer)
        approve(session, application, reviewer)

        assert actions(session, application) == ["application.approved"]

    def test_the_second_reviewer_learns_who_was_faster(self, session: Session) -> None:
        application = ApplicationFactory.create()
        approve(session, application, UserFactory.create(reviewer=True, name="Dana"))

        with pytest.raises(service.AlreadyDecided) as caught:
            reject(session, application)

        assert caught.value.message == (
            "Dana has approved this application: 01 March 2026, 09:00 UTC."
        )

    @pytest.mark.parametrize("email", ["mina@hanbit.example", "dana@hanbit.example"])
    @pytest.mark.parametrize("admin", [False, True])
    def test_nobody_decides_for_their_own_company(
        self, session: Session, email: str, *, admin: bool
    ) -> None:
        application = ApplicationFactory.create(email="mina@hanbit.example")
        role = Role.ADMIN if admin else Role.REVIEWER
        reviewer = UserFactory.create(email=email, role=role)

        for decide in (approve, reject):
            with pytest.raises(Forbidden):
                decide(session, application, reviewer)
        with pytest.raises(service.ConflictOfInterest):
            service.ask(
                session, application, reviewer=reviewer, question="Why?", now=NOW
            )

    def test_two_people_of_a_free_mail_provider_are_strangers(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create(email="mina@gmail.com")

        approve(
            session,
            application,
            UserFactory.create(reviewer=True, email="dana@gmail.com"),
        )

        assert application.status is S.APPROVED

    @pytest.mark.parametrize("status", [S.DRAFT, S.INFO_REQUESTED, S.WITHDRAWN])
    def test_only_what_waits_for_us_can_be_approved(
        self, session: Session, status: ApplicationStatus
    ) -> None:
        application = ApplicationFactory.create(status=status)

        with pytest.raises(ApplicationTransition):
            approve(session, application)


class TestReject:
    def test_the_mail_with_reason_and_day_is_held(self, session: Session) -> None:
        application = ApplicationFactory.create()

        reject(session, application)

        assert application.status is S.REJECTED
        (mail,) = mails(session)
        assert (mail.hold_until, mail.status) == (LATER, MailStatus.QUEUED)
        assert mail.context["reason"] == "not_verified"
        assert mail.context["reapply_day"] == "March 31, 2026"
        assert mail.id == application.decision_mail_id

    def test_a_double_click_is_harmless(self, session: Session) -> None:
        application = ApplicationFactory.create()
        reviewer = UserFactory.create(reviewer=True)

        reject(session, application, reviewer)
        reject(session, application, reviewer)

        assert len(mails(session)) == 1

    def test_an_applicant_who_does_not_answer_can_be_rejected(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create(waiting=True)

        reject(session, application)
        service.undo_decision(
            session, application, actor=UserFactory.create(reviewer=True), now=NOW
        )

        assert application.status is S.INFO_REQUESTED


class TestUndo:
    def undo(self, session: Session, application: Application, after: int = 0) -> None:
        service.undo_decision(
            session,
            application,
            actor=UserFactory.create(reviewer=True),
            now=NOW + timedelta(seconds=after),
        )

    def test_an_approval_leaves_no_trace_but_in_the_audit(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create()
        approve(session, application)

        self.undo(session, application, HOLD - 1)
        service.complete_approval(session, application, now=LATER)

        assert application.status is S.SUBMITTED
        assert (application.decided_at, application.decided_by) == (None, None)
        assert mails(session) == []
        assert session.scalars(select(Enrollment)).all() == []
        assert actions(session, application) == [
            "application.approved",
            "application.decision_undone",
        ]

    def test_a_rejections_mail_is_cancelled(self, session: Session) -> None:
        application = ApplicationFactory.create()
        reject(session, application)

        self.undo(session, application)

        assert mails(session)[0].status is MailStatus.CANCELLED
        assert (application.reason, application.reapply_on) == (None, None)

    def test_after_the_hold_it_is_too_late(self, session: Session) -> None:
        application = ApplicationFactory.create()
        approve(session, application)

        with pytest.raises(service.TooLateToUndo):
            self.undo(session, application, HOLD)

    def test_a_mail_that_left_early_cannot_be_taken_back(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create()
        reject(session, application)
        mails(session)[0].mark_sent(at=NOW)

        with pytest.raises(service.TooLateToUndo):
            self.undo(session, application)

        assert application.status is S.REJECTED

    def test_there_must_be_something_to_undo(self, session: Session) -> None:
        with pytest.raises(service.TooLateToUndo):
            self.undo(session, ApplicationFactory.create())


class TestTalk:
    def test_question_and_answer(self, session: Session) -> None:
        application = ApplicationFactory.create()
        reviewer = UserFactory.create(reviewer=True)

        service.ask(
            session, application, reviewer=reviewer, question="Which ones?", now=NOW
        )
        asked = application.status
        service.reply(session, application, text="These.", now=LATER)

        session.flush()
        thread = queries.messages(session, application.id)
        assert [(m.author_id, m.text) for m in thread] == [
            (reviewer.id, "Which ones?"),
            (None, "These."),
        ]
        assert (asked, application.status) == (S.INFO_REQUESTED, S.SUBMITTED)
        assert application.answer_by == LATER + timedelta(days=5)
        assert mails(session)[0].context["question"] == "Which ones?"

    def test_nobody_replies_who_was_not_asked(self, session: Session) -> None:
        with pytest.raises(ApplicationTransition):
            service.reply(session, ApplicationFactory.create(), text="Hi.", now=NOW)

    def test_a_reply_does_not_cross_a_decision(self, session: Session) -> None:
        application = ApplicationFactory.create(waiting=True)
        reject(session, application)

        with pytest.raises(service.BeingDecided):
            service.reply(session, application, text="These.", now=NOW)

    def test_what_is_decided_is_not_asked_about(self, session: Session) -> None:
        with pytest.raises(service.AlreadyDecided):
            service.ask(
                session,
                ApplicationFactory.create(approved=True, decided_by=None),
                reviewer=UserFactory.create(reviewer=True),
                question="Why?",
                now=NOW,
            )

    def test_an_applicant_can_withdraw(self, session: Session) -> None:
        application = ApplicationFactory.create()

        service.withdraw(session, application, now=NOW)

        assert application.status is S.WITHDRAWN
        assert mails(session) == []

    def test_withdrawing_beats_a_decision_that_nobody_told(
        self, session: Session
    ) -> None:
        application = ApplicationFactory.create()
        reject(session, application)

        service.withdraw(session, application, now=NOW)

        assert application.status is S.WITHDRAWN
        assert mails(session)[0].status is MailStatus.CANCELLED

    def test_a_decision_that_is_told_stands(self, session: Session) -> None:
        application = ApplicationFactory.create()
        approve(session, application)

        with pytest.raises(ApplicationTransition):
            service.withdraw(session, application, now=LATER)
