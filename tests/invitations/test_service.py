"""Invitations: who may be invited, what a link opens, and when it ends."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.throttle import TooManyTries
from portal.applications import service as applications
from portal.applications.models import Application, ApplicationStatus
from portal.applications.rules import DRAFT_DAYS
from portal.audit.models import AuditEvent
from portal.invitations import queries, service
from portal.invitations.models import (
    TRANSITIONS,
    Invitation,
    InvitationState,
    InvitationStatus,
    InvitationTransition,
)
from portal.invitations.queries import NoSuchInvitation
from portal.kit.errors import Invalid
from portal.mail.models import OutboxEmail
from portal.programs.models import ProgramVersion
from tests.factories.applications import ApplicationFactory, version_with_join
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory

DAY = timedelta(days=1)
MINA = "mina@hanbit.example"


@pytest.fixture
def version(session: Session) -> ProgramVersion:
    del session
    return version_with_join(mode="invite")


@pytest.fixture
def reviewer(session: Session) -> User:
    del session
    user: User = UserFactory.create(reviewer=True)
    return user


def invited(
    session: Session, version: ProgramVersion, reviewer: User, email: str = MINA
) -> Invitation:
    invitation = service.invite(
        session,
        version,
        email=email,
        actor=reviewer,
        now=NOW,
        name="Mina Park",
        company="Hanbit Digital",
    )
    session.flush()
    return invitation


def token_of(session: Session) -> str:
    """The token in the newest mail."""
    session.flush()
    mail = session.scalars(
        select(OutboxEmail)
        .where(OutboxEmail.template == "invitations/invited")
        .order_by(OutboxEmail.queued_at.desc(), OutboxEmail.id.desc())
    ).first()
    assert mail is not None
    path: str = mail.context["secret_path"]
    return path.removeprefix("/invitations/")


@pytest.mark.parametrize("here", InvitationStatus)
@pytest.mark.parametrize("there", InvitationStatus)
def test_an_invitation_makes_the_listed_moves_and_no_other(
    here: InvitationStatus, there: InvitationStatus
) -> None:
    invitation = Invitation(status=here)

    if there in TRANSITIONS[here]:
        invitation.move_to(there)
        assert invitation.status is there
    else:
        with pytest.raises(InvitationTransition):
            invitation.move_to(there)


class TestInviting:
    def test_the_mail_says_who_asks_to_what_and_until_when(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invitation = invited(session, version, reviewer, " Mina@Hanbit.example ")

        mail = session.scalars(select(OutboxEmail)).one()
        assert mail.to == invitation.email == MINA
        assert mail.context["inviter"] == reviewer.name
        assert mail.context["program"] == version.definition.name
        assert mail.context["last_day"] == "March 31, 2026"
        assert token_of(session) not in str(invitation.token_sha256)

    def test_one_address_has_one_open_invitation(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invited(session, version, reviewer)

        with pytest.raises(service.AlreadyInvited, match="is invited already"):
            invited(session, version, reviewer)

    def test_another_one_follows_when_the_first_is_over(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        first = invited(session, version, reviewer)
        later = NOW + 30 * DAY
        assert first.state(later) is InvitationState.EXPIRED

        second = service.invite(session, version, email=MINA, actor=reviewer, now=later)

        assert first.status is InvitationStatus.REVOKED
        assert second.is_usable(later)

    def test_staff_and_partners_in_the_program_are_not_invited(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        member = PartnerMemberFactory.create()
        EnrollmentFactory.create(partner=member.partner, version=version)

        with pytest.raises(service.NotInvitable):
            invited(session, version, reviewer, reviewer.email)
        with pytest.raises(service.AlreadyInProgram):
            invited(session, version, reviewer, member.user.email)

    @pytest.mark.parametrize("days", [0, 181])
    def test_it_lasts_from_a_day_to_half_a_year(
        self, session: Session, version: ProgramVersion, reviewer: User, days: int
    ) -> None:
        with pytest.raises(Invalid, match="from 1 to 180"):
            service.invite(
                session, version, email=MINA, actor=reviewer, now=NOW, days=days
            )

    def test_an_address_is_not_flooded(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invitation = invited(session, version, reviewer)
        service.resend(session, invitation, version, actor=reviewer, now=NOW)

        with pytest.raises(TooManyTries):
            service.resend(session, invitation, version, actor=reviewer, now=NOW)
        service.resend(session, invitation, version, actor=reviewer, now=NOW + DAY)


class TestAnswering:
    def test_its_address_opens_a_draft_that_knows_what_we_know(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invited(session, version, reviewer)

        invitation, application = service.use(
            session, token_of(session), email=MINA.upper(), locale="ko", now=NOW
        )

        assert application is not None
        assert application.status is ApplicationStatus.DRAFT
        assert application.email_confirmed_at == NOW
        assert application.company == "Hanbit Digital"
        assert application.locale == "ko"
        assert invitation.status is InvitationStatus.USED
        session.flush()
        actions = session.scalars(
            select(AuditEvent.action).where(AuditEvent.subject_id == invitation.id)
        ).all()
        assert set(actions) == {"invitation.sent", "invitation.used"}

    @pytest.mark.parametrize("typed", ["eve@hanbit.example", "no address", "@"])
    def test_another_address_opens_nothing_and_is_counted(
        self, session: Session, version: ProgramVersion, reviewer: User, typed: str
    ) -> None:
        invited(session, version, reviewer)
        token = token_of(session)

        for _ in range(10):
            found = service.use(session, token, email=typed, locale="en", now=NOW)
            assert found[1] is None
        with pytest.raises(TooManyTries):
            service.use(session, token, email=MINA, locale="en", now=NOW)

        assert session.scalar(select(func.count()).select_from(Application)) == 0

    def test_a_second_use_mails_the_way_back_and_makes_nothing(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invited(session, version, reviewer)
        token = token_of(session)
        service.use(session, token, email=MINA, locale="en", now=NOW)
        session.flush()

        _invitation, application = service.use(
            session, token, email=MINA, locale="en", now=NOW + 400 * DAY
        )

        session.flush()
        assert application is None
        assert session.scalar(select(func.count()).select_from(Application)) == 1
        mails = session.scalars(select(OutboxEmail.template)).all()
        assert sorted(mails) == ["applications/link", "invitations/invited"]

    def test_it_ends_at_the_very_second(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invitation = invited(session, version, reviewer)
        token, last = token_of(session), invitation.expires_at - timedelta.resolution

        assert service.look_at(session, token, now=last).id == invitation.id
        with pytest.raises(service.InvitationEnded, match="has expired"):
            service.look_at(session, token, now=invitation.expires_at)
        with pytest.raises(service.InvitationEnded):
            service.use(
                session, token, email=MINA, locale="en", now=invitation.expires_at
            )

    def test_what_was_taken_back_is_as_if_it_had_never_been(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invitation = invited(session, version, reviewer)
        token = token_of(session)

        service.revoke(session, invitation, actor=reviewer, now=NOW)

        for unknown in (token, "x" * 43):
            with pytest.raises(
                NoSuchInvitation, match=r"There is no such invitation\."
            ):
                service.look_at(session, unknown, now=NOW)
        for verb in (service.InvitationIsOver,):
            with pytest.raises(verb):
                service.revoke(session, invitation, actor=reviewer, now=NOW)

    def test_a_new_link_ends_the_earlier_one_and_lasts_as_long(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invitation = invited(session, version, reviewer)
        first = token_of(session)
        service.look_at(session, first, now=NOW)
        assert invitation.status is InvitationStatus.OPENED

        service.resend(session, invitation, version, actor=reviewer, now=NOW + 40 * DAY)

        with pytest.raises(NoSuchInvitation):
            service.look_at(session, first, now=NOW + 40 * DAY)
        assert invitation.expires_at == NOW + 70 * DAY
        found = service.look_at(session, token_of(session), now=NOW + 69 * DAY)
        assert found is invitation

    def test_who_used_it_cannot_be_sent_another_one(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invitation = invited(session, version, reviewer)
        service.use(session, token_of(session), email=MINA, locale="en", now=NOW)

        with pytest.raises(service.InvitationIsOver, match="was used already"):
            service.resend(session, invitation, version, actor=reviewer, now=NOW)

    def test_who_was_rejected_may_begin_anew_because_they_were_asked(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        old = ApplicationFactory.create(
            version=version,
            email=MINA,
            status=ApplicationStatus.REJECTED,
            reapply_on=(NOW + 90 * DAY).date(),
        )
        invited(session, version, reviewer)

        _invitation, application = service.use(
            session, token_of(session), email=MINA, locale="en", now=NOW
        )

        assert application is not None
        assert application.id != old.id

    def test_who_has_an_application_goes_on_with_it(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        sent = ApplicationFactory.create(version=version, email=MINA)
        invited(session, version, reviewer)

        _invitation, application = service.use(
            session, token_of(session), email=MINA, locale="en", now=NOW
        )

        assert application is not None
        assert application.id == sent.id
        assert application.answers == sent.answers

    def test_a_draft_that_was_deleted_unfinished_ends_it(
        self, session: Session, version: ProgramVersion, reviewer: User
    ) -> None:
        invitation = invited(session, version, reviewer)
        token = token_of(session)
        service.use(session, token, email=MINA, locale="en", now=NOW)
        session.flush()
        later = NOW + (DRAFT_DAYS + 1) * DAY

        applications.expire_drafts(session, now=later)
        session.flush()
        session.expire(invitation)

        with pytest.raises(service.InvitationEnded, match="was deleted"):
            service.look_at(session, token, now=later)
        assert queries.open_for(session, version.program_id, MINA) is None
