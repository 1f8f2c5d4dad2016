"""A prospective partner's request to join a program, and what was said about it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.models import User
from portal.applications.rules import Answer, RejectionReason, draft_ends_at
from portal.kit.db import Base
from portal.kit.errors import Conflict
from portal.kit.ids import new_id, public_id
from portal.programs.definition import ProgramDefinition
from portal.programs.models import ProgramVersion

ONE_OPEN_PER_EMAIL = "uq_applications_open"
ONE_PER_REFERENCE = "uq_applications_reference"


class ApplicationStatus(StrEnum):
    """Where an application stands between applicant and reviewer."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    INFO_REQUESTED = "info_requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


_S = ApplicationStatus

TRANSITIONS: Mapping[ApplicationStatus, frozenset[ApplicationStatus]] = (
    MappingProxyType(
        {
            _S.DRAFT: frozenset({_S.SUBMITTED, _S.WITHDRAWN}),
            _S.SUBMITTED: frozenset(
                {_S.INFO_REQUESTED, _S.APPROVED, _S.REJECTED, _S.WITHDRAWN}
            ),
            _S.INFO_REQUESTED: frozenset({_S.SUBMITTED, _S.REJECTED, _S.WITHDRAWN}),
            # A decision leads back only while its mail is held; the service says so.
            _S.APPROVED: frozenset({_S.SUBMITTED}),
            _S.REJECTED: frozenset({_S.SUBMITTED, _S.INFO_REQUESTED}),
            _S.WITHDRAWN: frozenset(),
        }
    )
)
"""Every move an application can make. A status that maps to nothing is final."""

OPEN = (_S.DRAFT, _S.SUBMITTED, _S.INFO_REQUESTED)
"""One program and e-mail address have at most one application in these."""
DECIDED = (_S.APPROVED, _S.REJECTED)


class ApplicationTransition(Conflict):
    """The application cannot move from where it is to where it was sent."""

    code = "application_transition"


class Application(Base):
    """A request to join a program.

    There is no user behind it before the approval: who opens a link from one of its
    mails may work on it.
    """

    __tablename__ = "applications"
    __table_args__ = (
        Index(
            ONE_OPEN_PER_EMAIL,
            "program_id",
            "email",
            unique=True,
            postgresql_where=text("status IN ('draft', 'submitted', 'info_requested')"),
        ),
        Index("ix_applications_status_submitted_at", "status", "submitted_at"),
        Index("ix_applications_created_at_id", "created_at", "id"),
        Index("ix_applications_status_answer_by_id", "status", "answer_by", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    reference: Mapped[str] = mapped_column(unique=True)
    """What people quote, such as APP-7F3K9Q."""
    program_id: Mapped[UUID] = mapped_column(ForeignKey("programs.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("program_versions.id"))
    """The version whose questions are asked: the one in force at the start."""
    email: Mapped[str] = mapped_column(index=True)
    """Lower case."""
    email_domain: Mapped[str] = mapped_column(index=True)
    locale: Mapped[str] = mapped_column(default="en")
    status: Mapped[ApplicationStatus] = mapped_column(default=_S.DRAFT)

    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By question key: a text, or a list of texts where several can be chosen."""
    answers_version: Mapped[int] = mapped_column(default=0)
    """Counts the changes, so that two windows do not overwrite each other."""
    answer_marks: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By question key: `[version, form id]` of the change that wrote the answer."""

    email_confirmed_at: Mapped[datetime | None]
    code_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Hash of the six digits in the newest confirmation mail."""
    code_expires_at: Mapped[datetime | None]
    code_tries: Mapped[int] = mapped_column(default=0)

    checks_agreed_at: Mapped[datetime | None]
    """When the applicant agreed that we look into what they wrote."""
    submitted_at: Mapped[datetime | None]
    answer_by: Mapped[datetime | None]
    """When the applicant expects our answer."""
    snoozed_until: Mapped[datetime | None]
    """Until then a reviewer does not want to see it among those that need review."""
    assigned_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """The reviewer who takes care of it."""
    first_approver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """Who agreed first, where it takes two to approve."""
    first_approved_at: Mapped[datetime | None]

    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_from: Mapped[ApplicationStatus | None]
    """Where an undo leads back to."""
    held_until: Mapped[datetime | None]
    """Until then nobody outside learns of the decision, and it can be undone."""
    decision_mail_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("outbox_emails.id")
    )
    reason: Mapped[RejectionReason | None]
    decision_note: Mapped[str] = mapped_column(default="")
    """The reviewer's own words to the applicant."""
    reapply_on: Mapped[date | None]
    """The first day on which a rejected applicant may apply again."""
    partner_id: Mapped[UUID | None] = mapped_column(ForeignKey("partners.id"))
    """Set when an approval is completed."""
    score: Mapped[int | None]
    """What the answers weigh together, when it was sent; none without scores."""
    findings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What the program's rules made of it: see `automatic.Judgement.as_json`."""

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    version: Mapped[ProgramVersion] = relationship(lazy="raise")
    decided_by: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[decided_by_id]
    )
    assigned_to: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[assigned_to_id]
    )
    first_approver: Mapped[User | None] = relationship(
        lazy="raise", foreign_keys=[first_approver_id]
    )

    @property
    def public_id(self) -> str:
        """The id that staff and programs see."""
        return public_id("app", self.id)

    @property
    def definition(self) -> ProgramDefinition:
        """The program as it was when the applicant began."""
        return self.version.definition

    @property
    def company(self) -> str:
        """The company's name as typed; empty while unanswered."""
        return str(self.answers.get("company") or "")

    @property
    def country(self) -> str:
        """The country's code; empty while unanswered."""
        return str(self.answers.get("country") or "")

    @property
    def draft_ends_at(self) -> datetime:
        """When a draft that nobody touches is deleted."""
        return draft_ends_at(self.updated_at)

    def answer(self, key: str) -> Answer:
        """Return one answer; an empty text while there is none."""
        answer: Answer = self.answers.get(key, "")
        return answer

    def is_held(self, now: datetime) -> bool:
        """Tell whether there is a decision that can still be undone."""
        return (
            self.status in DECIDED
            and self.held_until is not None
            and now < self.held_until
        )

    def is_snoozed(self, now: datetime) -> bool:
        """Tell whether a reviewer put it out of sight for a while."""
        return self.snoozed_until is not None and now < self.snoozed_until

    def shown_status(self, now: datetime) -> ApplicationStatus:
        """Return the status that the applicant may know of."""
        if self.is_held(now) and self.decided_from is not None:
            return self.decided_from
        return self.status

    @property
    def decided_by_rule(self) -> str:
        """The key of the rule that decided; empty if a person did, or nobody."""
        is_by_rule = self.status in DECIDED and self.decided_by_id is None
        return str(self.findings.get("decided_by") or "") if is_by_rule else ""

    def decide(
        self,
        status: ApplicationStatus,
        *,
        reviewer: User | None,
        note: str,
        hold_until: datetime,
        now: datetime,
    ) -> None:
        """Note a decision that nobody outside learns of before `hold_until`.

        Raises:
            ApplicationTransition: `TRANSITIONS` does not allow the move.
        """
        before = self.status
        self.move_to(status)
        self.decided_from = before
        self.decided_at = now
        self.decided_by = reviewer
        self.decision_note = note
        self.held_until = hold_until
        self.updated_at = now

    def forget_decision(self, now: datetime) -> None:
        """Make the decision as if it had not been; the status is the caller's."""
        self.decided_at = None
        self.decided_by = None
        self.decided_from = None
        self.held_until = None
        self.decision_mail_id = None
        self.decision_note = ""
        self.reason = None
        self.reapply_on = None
        self.updated_at = now

    def forget_first_approval(self) -> None:
        """Let two reviewers agree from the start again."""
        self.first_approver_id = None
        self.first_approved_at = None

    def reopen(self, now: datetime) -> datetime:
        """Make a rejection that was told as if it had not been.

        Returns:
            When the applicant may expect our answer.

        Raises:
            ApplicationTransition: It is not rejected.
        """
        self.move_to(ApplicationStatus.SUBMITTED)
        self.forget_decision(now)
        # Kept but for who decided, so that no page says that a rule still does.
        self.findings = self.findings | {"decided_by": None}
        answer_by = now + timedelta(days=self.definition.join.answer_within_days)
        self.answer_by = answer_by
        return answer_by

    def move_to(self, status: ApplicationStatus) -> None:
        """Change the status.

        Raises:
            ApplicationTransition: `TRANSITIONS` does not allow the move.
        """
        if status not in TRANSITIONS[self.status]:
            raise ApplicationTransition(
                _(
                    "An application that is %(status)s cannot become %(to)s.",
                    status=self.status,
                    to=status,
                )
            )
        self.status = status


class ApplicationLink(Base):
    """A link in a mail that opens one application, as often as its owner likes."""

    __tablename__ = "application_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("applications.id", ondelete="CASCADE"), index=True
    )
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """Hash of the token in the address: a stolen table opens nothing."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ApplicationMessage(Base):
    """A reviewer's question, or the applicant's reply."""

    __tablename__ = "application_messages"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("applications.id"), index=True
    )
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """The reviewer who asked; none for the applicant."""
    text: Mapped[str]
    written_at: Mapped[datetime]

    author: Mapped[User | None] = relationship(lazy="raise")


class ApplicationDocument(Base):
    """A file that an applicant added, in its harmless form.

    Nothing is ever looked up by its name: the row's key is its only address.
    """

    __tablename__ = "application_documents"
    __table_args__ = (
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("length(sent_sha256) = 32", name="sent_sha256"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    application_id: Mapped[UUID] = mapped_column(
        ForeignKey("applications.id", ondelete="CASCADE"), index=True
    )
    question_key: Mapped[str] = mapped_column(default="")
    """The question that it answers; empty for one that came with a reply."""
    message_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("application_messages.id")
    )
    """The reply that it came with."""
    name: Mapped[str]
    """As shown and given out: without folders or tricks, with its true ending."""
    media_type: Mapped[str]
    size: Mapped[int]
    """In bytes, of `content`."""
    sent_sha256: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    """Hash of what was sent: the same file from two applicants has the same one."""
    content: Mapped[bytes] = mapped_column(
        LargeBinary, deferred=True, deferred_raiseload=True
    )
    uploaded_at: Mapped[datetime]

    @property
    def public_id(self) -> str:
        """The id that people see."""
        return public_id("doc", self.id)


class FormDraft(Base):
    """The form of a program as staff are changing it; published with a version."""

    __tablename__ = "form_drafts"
    __table_args__ = (CheckConstraint("number > 0", name="number"),)

    program_id: Mapped[UUID] = mapped_column(
        ForeignKey("programs.id"), primary_key=True
    )
    based_on: Mapped[int]
    """The number of the program's version whose form was changed."""
    number: Mapped[int]
    """Counts the changes, so that two people do not overwrite each other."""
    steps: Mapped[list[Any]]
    """As `FormStep` writes them in JSON; always a form that could be published."""
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
