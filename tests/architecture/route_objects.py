"""What stands in for the arguments of routes when the route matrix walks them.

A feature adds a maker for each argument that names an object of the partner under
test: `MAKERS["statements:statement_id"] = ...` (blueprint and argument), or with the
whole endpoint in front. Each object is made once for a walk. An id without a maker
fails the walk; a text without one names nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from portal.accounts import tokens
from portal.accounts.models import TokenPurpose, User, UserSession
from portal.accounts.permissions import Role
from portal.certification import service as certification
from portal.certification.models import Attempt
from portal.commissions.models import Commission
from portal.fees.models import FeeSubscription
from portal.kit.clock import utc_now
from portal.kit.ids import new_id
from portal.mail import service as mail
from portal.partners.models import Partner
from portal.payments import service as payments
from portal.payments.models import InboxSource
from portal.payouts.models import BatchRow, PayoutBatch
from portal.payouts.rules import FileFormat
from portal.statements.models import Statement
from tests.agreements.signing import signed
from tests.commissions.story import Story
from tests.factories.adjustments import AdjustmentFactory
from tests.factories.applications import (
    ApplicationDocumentFactory,
    ApplicationFactory,
    ApplicationLinkFactory,
)
from tests.factories.base_factory import NOW
from tests.factories.certification import (
    EXAM,
    a_course,
    a_program_with_an_open_course,
    another_exam,
    answer_all,
    started,
)
from tests.factories.invitations import InvitationFactory
from tests.factories.people import PartnerFactory, PartnerMemberFactory, UserFactory
from tests.factories.tax import UNPROVEN
from tests.factories.tax import signed as signed_form
from tests.payouts.paying import an_account
from tests.sales import stripe_objects
from tests.statements.books import a_month, a_period, close
from tests.threads.asking import a_question

FOREIGN: frozenset[str] = frozenset()
"""Views of libraries, which wear no guard of ours."""

ANONYMOUS = "anonymous"
OTHER_PARTNER = "other_partner_owner"
ROLES: Mapping[str, Role] = {
    **{role.value: role for role in Role},
    OTHER_PARTNER: Role.PARTNER_OWNER,
}
ACTORS = (ANONYMOUS, *ROLES)
HOLDER = Role.PARTNER_OWNER.value
"""Whose the objects of one person are, such as an attempt at an exam."""


@dataclass(frozen=True)
class World:
    """One partner with all its roles, the owner of another one, and staff."""

    session: Session
    story: Story
    people: Mapping[str, User]
    made: dict["Maker", object] = field(default_factory=dict)

    @property
    def partner(self) -> Partner:
        return self.story.enrollment.partner

    @cached_property
    def statement(self) -> Statement:
        """January's, with a line; February is open."""
        [statement] = close(self.session, a_month(self.story))
        a_period(self.session, self.story.version.program_id, "2026-02")
        return statement

    def the(self, maker: "Maker") -> object:
        """Return what `maker` makes, always the same."""
        if maker not in self.made:
            self.made[maker] = maker(self)
            self.session.flush()  # the views read it on a session of their own
        return self.made[maker]


Maker = Callable[[World], object]


def a_world(session: Session) -> World:
    story, other = Story(session), PartnerFactory.create()
    people = {actor: UserFactory.create(role=role) for actor, role in ROLES.items()}
    for actor, user in people.items():
        if not user.is_staff:
            home = other if actor == OTHER_PARTNER else story.enrollment.partner
            PartnerMemberFactory.create(user=user, partner=home)
    return World(session, story, people)


# The partner's own


def _member(world: World) -> object:
    user: User = UserFactory.create(role=Role.PARTNER_VIEWER)
    PartnerMemberFactory.create(user=user, partner=world.partner)
    return user.id


def _enrollment(world: World) -> object:
    return world.story.enrollment.id


def _signature(world: World) -> object:
    return signed(world.session, world.story.enrollment).id


def _link(world: World) -> object:
    return world.story.link.id


def _line(world: World) -> Commission:
    """The line on the statement."""
    key = world.statement.lines[0].commission_id
    return world.session.get_one(Commission, key)


def _commission(world: World) -> object:
    return _line(world).id


def _customer(world: World) -> object:
    return _line(world).customer_id


def _statement(world: World) -> object:
    return world.statement.id


def _thread(world: World) -> object:
    """A question about the statement's line that waits for finance."""
    return a_question(world.session, world.statement, world.people[HOLDER]).id


def _fee(world: World) -> object:
    """A fee that nobody paid yet, of the partner's enrollment in another program."""
    elsewhere = Story(world.session)
    elsewhere.enrollment.partner = world.partner
    fee = FeeSubscription(
        id=new_id(),
        enrollment_id=elsewhere.enrollment.id,
        amount_minor=9_900,
        currency="USD",
        interval="month",
        created_at=NOW,
    )
    world.session.add(fee)
    return fee.id


def _exam(world: World) -> object:
    world.the(_attempt)
    return EXAM


def _tax_form(world: World) -> object:
    """A tax form that staff have to look at."""
    user = world.people[HOLDER]
    return signed_form(world.session, user, world.partner, UNPROVEN).id


# One person's own


def _attempt(world: World) -> object:
    holder = world.people[HOLDER]
    return started(world.session, holder, world.story.enrollment, utc_now()).id


def _failed(world: World) -> object:
    """An attempt that its holder failed a moment ago."""
    holder, now = world.people[HOLDER], utc_now()
    exam = another_exam(world.session)
    enrollment = world.story.enrollment
    attempt = started(world.session, holder, enrollment, now, certification=exam)
    certification.submit(world.session, attempt, now=now)
    return attempt.id


def _session(world: World) -> object:
    whose = UserSession.user_id == world.people[HOLDER].id
    return world.session.scalars(select(UserSession.id).where(whose)).first()


# The vendor's


def _partner(world: World) -> object:
    return world.partner.id


def _adjustment(world: World) -> object:
    return AdjustmentFactory.create(enrollment=world.story.enrollment).id


def _staff(world: World) -> object:
    del world
    return UserFactory.create(finance=True).id


def _application(world: World) -> object:
    return ApplicationFactory.create(version=world.story.version).id


def _invitation_of_staff(world: World) -> object:
    return InvitationFactory.create(program=world.story.version.program).id


def _document(world: World) -> object:
    application_id = world.the(_application)
    return ApplicationDocumentFactory.create(application_id=application_id).id


def _period(world: World) -> object:
    return world.statement.period_id


def _passed(world: World) -> Attempt:
    """An attempt of a colleague who passed."""
    user = world.people[Role.PARTNER_VIEWER.value]
    attempt = started(world.session, user, world.story.enrollment, utc_now())
    answer_all(
        world.session, attempt, rightly=len(attempt.questions), now=attempt.started_at
    )
    return attempt


def _question(world: World) -> object:
    """A question of the exam, of an attempt that is over."""
    attempt = world.the(_passed)
    return attempt.questions[0].question_id  # type: ignore[attr-defined]  # an attempt


def _certificate(world: World) -> object:
    passed = world.the(_passed)
    assert isinstance(passed, Attempt)
    certificate = certification.submit(world.session, passed, now=utc_now())
    assert certificate is not None
    return certificate


def _certificate_id(world: World) -> object:
    return world.the(_certificate).id  # type: ignore[attr-defined]  # a certificate


def _certificate_number(world: World) -> object:
    return world.the(_certificate).number  # type: ignore[attr-defined]  # a certificate


def _lesson(world: World) -> object:
    return world.the(_course).id  # type: ignore[attr-defined]  # a lesson


def _lesson_key(world: World) -> object:
    return world.the(_course).key  # type: ignore[attr-defined]  # a lesson


def _course(world: World) -> object:
    """The first of the exam's lessons."""
    return a_course(world.session)[0]


def _exam_of_open_course(world: World) -> object:
    """An exam whose course a program opens to everybody."""
    world.the(_course)
    a_program_with_an_open_course()
    return EXAM


def _batch(world: World) -> PayoutBatch:
    """A draft with one row."""
    statement = world.statement
    account = an_account(world.session, world.partner)
    batch = PayoutBatch(
        currency="USD",
        format=FileFormat.CSV,
        pay_on=statement.ends_on,
        four_eyes=False,
        form_id=new_id(),
        made_at=NOW,
        made_by_id=account.added_by_id,
    )
    world.session.add(batch)
    world.session.flush()
    world.session.add(
        BatchRow(
            batch_id=batch.id,
            position=1,
            end_to_end_id=f"{batch.name}-00001",
            partner_id=statement.partner_id,
            program_id=statement.program_id,
            enrollment_id=statement.enrollment_id,
            account_id=account.id,
            amount_minor=1,
            currency="USD",
            statements=[],
        )
    )
    return batch


def _batch_id(world: World) -> object:
    return world.the(_batch).id  # type: ignore[attr-defined]  # a batch


def _batch_row_id(world: World) -> object:
    batch = BatchRow.batch_id == world.the(_batch).id  # type: ignore[attr-defined]  # a batch
    return world.session.scalars(select(BatchRow.id).where(batch)).first()


def _mail(world: World) -> object:
    return mail.enqueue(
        world.session,
        to="dana@acme.example",
        template="accounts/password_changed",
        context={},
        now=NOW,
    ).id


def _event(world: World) -> object:
    event = stripe_objects.event("invoice.paid", stripe_objects.invoice())
    payments.receive(world.session, event, source=InboxSource.WEBHOOK, now=NOW)
    return event["id"]


def _slug(world: World) -> object:
    return world.story.version.program.key


def _step_key(world: World) -> object:
    return world.story.version.definition.join.steps[0].key


def _question_key(world: World) -> object:
    return world.story.version.definition.join.questions[0].key


def _number(world: World) -> object:
    return world.story.version.number


# What anyone may hold


def _code(world: World) -> object:
    return world.story.link.code


def _sha256(world: World) -> object:
    return world.statement.sha256


def _reference(world: World) -> object:
    return ApplicationFactory.create(version=world.story.version).reference


def _link_of_application(world: World) -> object:
    application = ApplicationFactory.create(version=world.story.version)
    token = "t" * 43
    ApplicationLinkFactory.create(
        application=application, token=token, expires_at=utc_now() + timedelta(days=1)
    )
    return token


def _invitation_to_program(world: World) -> object:
    token = "i" * 43
    InvitationFactory.create(
        program=world.story.version.program,
        token=token,
        expires_at=utc_now() + timedelta(days=1),
    )
    return token


def _invitation(world: World) -> object:
    invited = UserFactory.create()
    return tokens.issue(world.session, invited, TokenPurpose.JOIN, now=utc_now())


def _reset(world: World) -> object:
    user, purpose = UserFactory.create(), TokenPurpose.RESET_PASSWORD
    return tokens.issue(world.session, user, purpose, now=utc_now())


def _file(world: World) -> object:
    del world
    return "app.css"


MAKERS: dict[str, Maker] = {
    "accounts.end_session:session_id": _session,
    "accounts.join:token": _invitation,
    "accounts.join_submitted:token": _invitation,
    "accounts.reset:token": _reset,
    "accounts.reset_submitted:token": _reset,
    "accounts_admin:user_id": _staff,
    "adjustments_admin:adjustment_id": _adjustment,
    "adjustments_admin:enrollment_id": _enrollment,
    "adjustments_admin:partner_id": _partner,
    "agreements:enrollment_id": _enrollment,
    "agreements:signature_id": _signature,
    "agreements_admin:signature_id": _signature,
    "applications.confirm:token": _link_of_application,
    "applications:reference": _reference,
    "applications:slug": _slug,
    "applications_admin:application_id": _application,
    "applications_review:application_id": _application,
    "applications_documents:application_id": _application,
    "applications_documents:document_id": _document,
    "applications_status:document_id": _document,
    "applications_status:reference": _reference,
    "certificates:certificate_id": _certificate_id,
    "certification:attempt_id": _attempt,
    "certification:key": _exam,
    "certification.retry_reminder:attempt_id": _failed,
    "certification_admin:certificate_id": _certificate_id,
    "certification_bank:key": _exam,
    "certification_bank:question_id": _question,
    "certification_course:key": _exam,
    "certification_course:lesson": _lesson_key,
    "certification_lessons:key": _exam,
    "certification_lessons:lesson_id": _lesson,
    "certification_open_course:key": _exam_of_open_course,
    "certification_open_course:lesson": _lesson_key,
    "certification_public:number": _certificate_number,
    "commissions:commission_id": _commission,
    "care_admin:customer_id": _customer,
    "care_admin:enrollment_id": _enrollment,
    "care_admin:partner_id": _partner,
    "commissions:customer_id": _customer,
    "commissions_admin:commission_id": _commission,
    "dashboard:enrollment_id": _enrollment,
    "dashboard_admin:enrollment_id": _enrollment,
    "dashboard_admin:partner_id": _partner,
    "enrollments:enrollment_id": _enrollment,
    "enrollments_admin:enrollment_id": _enrollment,
    "fees:enrollment_id": _enrollment,
    "fees_admin:enrollment_id": _enrollment,
    "fees:subscription_id": _fee,
    "invitations:token": _invitation_to_program,
    "invitations_admin:invitation_id": _invitation_of_staff,
    "mail_admin:email_id": _mail,
    "partners:user_id": _member,
    "payout_batches:batch_id": _batch_id,
    "payout_batches:row_id": _batch_row_id,
    "payouts_admin:statement_id": _statement,
    "programs:slug": _slug,
    "form_editor:question_key": _question_key,
    "form_editor:slug": _slug,
    "form_editor:step_key": _step_key,
    "programs_admin:number": _number,
    "programs_admin:slug": _slug,
    "trial_admin:slug": _slug,
    "reopening:period_id": _period,
    "static:filename": _file,
    "statements:statement_id": _statement,
    "statements_admin:enrollment_id": _enrollment,
    "statements_admin:period_id": _period,
    "statements_admin:statement_id": _statement,
    "statements_public:sha256": _sha256,
    "tax:form_id": _tax_form,
    "tax_admin:form_id": _tax_form,
    "threads:commission_id": _commission,
    "threads:statement_id": _statement,
    "threads:thread_id": _thread,
    "threads_admin:thread_id": _thread,
    "tiers_admin:enrollment_id": _enrollment,
    "tiers_admin:partner_id": _partner,
    "tracking:code": _code,
    "tracking:link_id": _link,
    "webhooks_admin:event_id": _event,
}


SAMPLES: Mapping[str, object] = {
    "gate_key": "agreement",
    "position": 1,
    "step_key": "company",
    "year": 2026,
}
"""Parts of an object that another argument names."""


def maker_for(endpoint: str, argument: str) -> Maker | None:
    """Return what makes this argument of this endpoint, if anything does."""
    blueprint = endpoint.rpartition(".")[0] or endpoint
    return MAKERS.get(f"{endpoint}:{argument}") or MAKERS.get(f"{blueprint}:{argument}")


def arguments_of(rule: Rule) -> set[str]:
    """Return the arguments that the address shows; others have defaults."""
    return rule.arguments & set(rule._converters)


def choices_of(rule: Rule, argument: str) -> list[str]:
    """Return what an argument can be, if the route lists it."""
    return sorted(getattr(rule._converters[argument], "items", ()))


def unmade(rule: Rule) -> list[str]:
    """Return the arguments that nothing stands in for."""
    return [
        argument
        for argument in arguments_of(rule)
        if argument not in SAMPLES
        and not choices_of(rule, argument)
        and maker_for(rule.endpoint, argument) is None
    ]


def values_for(rule: Rule, world: World) -> dict[str, object]:
    """Return a value for every argument of a route."""
    values: dict[str, object] = {}
    for argument in arguments_of(rule):
        if maker := maker_for(rule.endpoint, argument):
            values[argument] = world.the(maker)
        else:
            choices = choices_of(rule, argument)
            values[argument] = choices[0] if choices else SAMPLES[argument]
    return values


def path_of(app: Flask, rule: Rule, method: str, values: dict[str, object]) -> str:
    """Return the address of a route."""
    adapter = app.url_map.bind("localhost")
    return adapter.build(rule.endpoint, values, method=method)
