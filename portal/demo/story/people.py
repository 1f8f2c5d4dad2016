"""Applications, decisions, sign-ups, exams and fees, as people would do them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal.accounts import service as accounts
from portal.accounts.models import User
from portal.agreements import queries as agreement_queries
from portal.agreements import service as agreements
from portal.applications import queries as application_queries
from portal.applications import service as applications
from portal.applications.models import Application
from portal.applications.rules import Answer, RejectionReason
from portal.certification import queries as exams
from portal.certification import service as certification
from portal.certification.bank import install, shipped
from portal.certification.courses.files import install_shipped
from portal.demo.story import cast
from portal.demo.story.cast import Applicant, Cast, StaffMember
from portal.demo.story.stage import Stage, StoryBroken
from portal.enrollments import service as enrollments
from portal.enrollments.models import Enrollment
from portal.extensions import db
from portal.fees import queries as fee_queries
from portal.fees import service as fees
from portal.kit.db import transaction
from portal.mail.models import OutboxEmail
from portal.partners import queries as partner_queries
from portal.partners import service as partners
from portal.partners.models import Partner
from portal.programs import queries as programs
from portal.programs.definition import GateKind, ProgramDefinition
from portal.programs.documents import preset
from portal.programs.models import Program
from portal.programs.service import publish
from portal.stripe_sandbox import portals
from portal.stripe_sandbox.cards import TypedCard, card_of

EXAM = "solutions-partner"
_UNDO_SECONDS = 30
_ADDRESS = "203.0.113."
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"
"""A network that RFC 5737 keeps for examples."""


def open_programs(stage: Stage, now: datetime) -> None:
    """Let the vendor's people in, publish the programs and install the exam."""
    with transaction(db.session()) as session:
        for person in cast.STAFF:
            accounts.create_user(
                session,
                email=person.email,
                name=person.name,
                role=person.role,
                now=now,
                password=stage.setting.password,
                about=(stage.setting.org_name,),
            )
        install_shipped(session, install(session, shipped(EXAM)), now=now)
    with stage.acting(cast.ADMIN) as (session, admin):
        for key in (cast.SOLUTIONS, cast.AFFILIATE):
            publish(
                session,
                _as_of(preset(key), now),
                actor=admin,
                effective_from=stage.dates.start,
                now=now,
            )


def _as_of(definition: ProgramDefinition, now: datetime) -> ProgramDefinition:
    """Give the agreement the date of the story's first month."""
    if definition.agreement is None:
        return definition
    agreement = definition.agreement.model_copy(update={"version": f"{now:%Y-%m}"})
    return definition.model_copy(update={"agreement": agreement})


def begin(stage: Stage, who: Applicant, now: datetime) -> UUID:
    """Start an application and confirm the address by the link in the mail."""
    with transaction(db.session()) as session:
        program = programs.by_key(session, who.program)
        version = programs.current_version(session, program.id, now)
        applications.start(
            session,
            version,
            email=who.email,
            country=who.country,
            remote_address=f"{_ADDRESS}{stage.rng.randint(1, 254)}",
            locale="en",
            now=now,
        )
    later = now + timedelta(minutes=4)
    with transaction(db.session()) as session:
        found = applications.open_by_link(
            session, _token(session, who.email, "secret_path"), now=later
        )
        return found.id


def fill_in(
    who: Applicant, application_id: UUID, now: datetime, *, steps: int | None = None
) -> None:
    """Answer the form, or its first steps."""
    with transaction(db.session()) as session:
        application = application_queries.get(session, application_id, lock=True)
        join = application.definition.join
        for step in join.steps[:steps]:
            known = _answers(who)
            answers: dict[str, Answer] = {
                question.key: known[question.key]
                for question in step.questions
                if question.key in known
            }
            applications.save_answers(
                session,
                application,
                step,
                answers,
                seen_version=application.answers_version,
                form_id="story",
                now=now,
            )


def apply(stage: Stage, who: Applicant, now: datetime) -> UUID:
    """Start, fill in and send an application."""
    application_id = begin(stage, who, now)
    fill_in(who, application_id, now + timedelta(minutes=9))
    with transaction(db.session()) as session:
        applications.submit(
            session,
            application_queries.get(session, application_id, lock=True),
            agrees_to_checks=True,
            now=now + timedelta(minutes=12),
        )
    return application_id


def _answers(who: Applicant) -> dict[str, Answer]:
    return {
        "name": who.name,
        "company": who.company,
        "website": who.website,
        "country": who.country,
        "role": "Owner",
        "team-size": "two-to-ten",
        "services": ["setting-up", "training"],
        "client-count": "18",
        "clients": who.words,
        "channel-type": "website",
        "audience-size": "from-1000",
        "promotion-plan": who.words,
        **who.extra,
    }


def decide(
    stage: Stage,
    application_id: UUID,
    now: datetime,
    decision: Callable[[Session, Application, User, datetime], None],
) -> None:
    """Let the reviewer act on an application."""
    with stage.acting(cast.REVIEWER) as (session, reviewer):
        application = application_queries.get(session, application_id, lock=True)
        decision(session, application, reviewer, now)


def approve(
    stage: Stage, who: Applicant, application_id: UUID, now: datetime, *, note: str
) -> None:
    """Approve, let the time to undo pass, and sign the new partner up."""

    def decision(
        session: Session, application: Application, reviewer: User, at: datetime
    ) -> None:
        applications.approve(
            session,
            application,
            reviewer=reviewer,
            note=note,
            hold_seconds=_UNDO_SECONDS,
            now=at,
        )

    decide(stage, application_id, now, decision)
    told = now + timedelta(seconds=_UNDO_SECONDS + 1)
    with transaction(db.session()) as session:
        applications.complete_approval(
            session,
            application_queries.get(session, application_id, lock=True),
            now=told,
        )
    accept_invitation(stage, who.email, who.name, told + timedelta(hours=5))


def reject(
    stage: Stage,
    application_id: UUID,
    now: datetime,
    *,
    reason: RejectionReason,
    note: str,
) -> None:
    """Turn an applicant down."""

    def decision(
        session: Session, application: Application, reviewer: User, at: datetime
    ) -> None:
        applications.reject(
            session,
            application,
            reviewer=reviewer,
            reason=reason,
            note=note,
            hold_seconds=_UNDO_SECONDS,
            now=at,
        )

    decide(stage, application_id, now, decision)


def ask(stage: Stage, application_id: UUID, now: datetime, *, question: str) -> None:
    """Ask an applicant something."""

    def decision(
        session: Session, application: Application, reviewer: User, at: datetime
    ) -> None:
        applications.ask(
            session, application, reviewer=reviewer, question=question, now=at
        )

    decide(stage, application_id, now, decision)


def accept_invitation(stage: Stage, email: str, name: str, now: datetime) -> None:
    """Follow the link in the mail and choose a password."""
    with transaction(db.session()) as session:
        accounts.accept_invitation(
            session,
            _token(session, email, "secret_path"),
            name=name,
            password=stage.setting.password,
            about=(stage.setting.org_name,),
            now=now,
        )


def invite_team(stage: Stage, who: Cast, member: StaffMember, now: datetime) -> None:
    """Let an owner invite a colleague, who joins the same day."""
    with stage.acting(who.email) as (session, owner):
        partners.invite(
            session,
            _partner(session, owner),
            email=member.email,
            role=member.role,
            actor=owner,
            now=now,
        )
    accept_invitation(stage, member.email, member.name, now + timedelta(hours=2))


def accept_agreement(stage: Stage, who: Cast, now: datetime) -> None:
    """Accept the program's agreement."""
    with stage.acting(who.email) as (session, owner):
        enrollment = enrollment_of(session, who, lock=True)
        standing = agreement_queries.standing(session, enrollment, now=now)
        if standing is None or standing.to_sign is None:
            raise StoryBroken(f"{who.email} has no agreement to sign")
        agreements.sign(
            session,
            enrollment,
            user=owner,
            sha256=standing.to_sign.sha256,
            origin=agreements.Origin(
                f"{_ADDRESS}{stage.rng.randint(1, 254)}", _BROWSER, owner.locale
            ),
            issuer_name=current_app.config["ORG_NAME"],
            now=now,
        )


def sit_exam(stage: Stage, who: Cast, now: datetime, *, wrong: int = 0) -> None:
    """Answer the exam, the first `wrong` questions wrongly, and send it."""
    right = {
        question.key: [option.right for option in question.options]
        for question in shipped(EXAM).questions
    }
    with stage.acting(who.email) as (session, owner):
        attempt_id = certification.start(
            session,
            exams.by_key(session, EXAM),
            user=owner,
            partner_id=_partner(session, owner).id,
            now=now,
            rng=stage.rng,
        ).id
    with stage.acting(who.email) as (session, owner):
        attempt = exams.attempt_of(session, attempt_id, owner.id, lock=True)
        for number, asked in enumerate(attempt.questions, start=1):
            marks = right[asked.question.key]
            keys = [option["key"] for option in asked.question.options]
            chosen = [k for k, is_right in zip(keys, marks, strict=True) if is_right]
            if number <= wrong:
                chosen = [next(key for key in keys if key not in chosen)]
            answered_at = now + timedelta(seconds=70 * number)
            certification.answer(attempt, number, chosen, now=answered_at)
        sent_at = now + timedelta(minutes=18)
        certification.submit(session, attempt, now=sent_at)


def pay_fee(stage: Stage, who: Cast, now: datetime) -> None:
    """Pay the entry fee on Stripe's page; renewals go on by themselves."""
    with stage.acting(who.email) as (session, owner):
        enrollment = enrollment_of(session, who, lock=True)
        begun = fees.begin(session, enrollment, actor=owner, now=now).subscription
        key, amount, enrollment_id = begun.id, begun.amount, enrollment.id
        definition = enrollment.version.definition
        title = definition.fee.title if definition.fee else ""
        partner_id = enrollment.partner_id
    back = f"{stage.setting.base_url}/app/billing"
    page = stage.gateway.open_fee_checkout(
        key=str(key),
        enrollment_id=enrollment_id,
        product=f"{definition.name} · {title}",
        amount=amount,
        interval="month",
        email=who.email,
        success_url=f"{back}/paid",
        cancel_url=back,
    )
    with transaction(db.session()) as session:
        found = fee_queries.get_of_partner(session, key, partner_id)
        fees.note_checkout(found, page.id)
    stage.sandbox.complete_checkout(page.id, name=who.name, email=who.email)


def change_to_failing_card(stage: Stage, who: Cast) -> None:
    """Keep a card for the fee that will be refused at the next renewal."""
    with transaction(db.session()) as session:
        enrollment = enrollment_of(session, who)
        live = fee_queries.live(session, enrollment.id)
        customer_id = live.stripe_customer_id if live else None
    if customer_id is None:
        raise StoryBroken(f"{who.company} pays no fee.")
    card = TypedCard(card_of("4000000000000341"), 11, stage.sandbox.clock.year + 3)
    with stage.sandbox.lock:
        store = stage.sandbox.store
        portals.change_card(store, store.get("customer", customer_id), card, who.name)


def suspend(stage: Stage, who: Cast, now: datetime, *, reason: str) -> None:
    """Let the admin stop a partner."""
    with stage.acting(cast.ADMIN) as (session, admin):
        enrollments.suspend(
            session,
            enrollment_of(session, who, lock=True),
            actor=admin,
            reason=reason,
            now=now,
        )


def notice_ended_gates(who: Cast, now: datetime) -> None:
    """Bring the status in line with gates that ended by themselves."""
    with transaction(db.session()) as session:
        enrollments.reevaluate(session, enrollment_of(session, who, lock=True), now=now)


def enrollment_of(session: Session, who: Cast, *, lock: bool = False) -> Enrollment:
    """Return a partner's enrollment in their program.

    Raises:
        StoryBroken: There is none.
    """
    query = (
        select(Enrollment)
        .join(Enrollment.partner)
        .join(Program, Program.id == Enrollment.program_id)
        .where(Partner.name == who.company, Program.key == who.program)
        .options(contains_eager(Enrollment.partner), joinedload(Enrollment.version))
    )
    if lock:
        query = query.with_for_update(of=Enrollment).execution_options(
            populate_existing=True
        )
    found = session.scalar(query)
    if found is None:
        raise StoryBroken(f"{who.company} is not in {who.program}.")
    return found


def has_gate(who: Cast, kind: GateKind) -> bool:
    """Tell whether a partner's program asks for something."""
    return any(gate.kind is kind for gate in preset(who.program).gates)


def _partner(session: Session, user: User) -> Partner:
    partner = partner_queries.of_user(session, user.id)
    if partner is None:
        raise StoryBroken(f"{user.email} belongs to no partner.")
    return partner


def _token(session: Session, email: str, name: str) -> str:
    """Return what the link in the newest mail to somebody ends with."""
    mails = session.scalars(
        select(OutboxEmail)
        .where(OutboxEmail.to == email)
        .order_by(OutboxEmail.queued_at.desc(), OutboxEmail.id.desc())
    )
    path = next((str(m.context[name]) for m in mails if name in m.context), "")
    if not path:
        raise StoryBroken(f"No mail to {email} has a link.")
    return path.rpartition("/")[2]
