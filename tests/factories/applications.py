from datetime import timedelta

import factory

from portal.accounts.tokens import token_hash
from portal.applications.models import (
    Application,
    ApplicationDocument,
    ApplicationLink,
    ApplicationMessage,
    ApplicationStatus,
)
from portal.applications.rules import RejectionReason, domain_of, new_reference
from portal.kit.ids import new_token
from portal.programs.documents import preset
from portal.programs.models import ProgramVersion
from tests.factories.base_factory import NOW, Factory
from tests.factories.people import UserFactory
from tests.factories.programs import ProgramVersionFactory

ANSWERS = {
    "name": "Mina Park",
    "role": "Owner",
    "company": "Hanbit Digital",
    "website": "https://www.hanbit.example",
    "country": "KR",
    "team-size": "two-to-ten",
    "services": ["selling", "training"],
    "client-count": "14",
    "clients": "A chain of shops and a port.",
}
"""Answers to all questions of the preset that must be answered."""


def version_with_join(**changes: object) -> ProgramVersion:
    """Return a version of the preset with another way to join."""
    definition = preset("hubspot-solutions-partner").model_dump(mode="json")
    definition["join"] |= changes
    version: ProgramVersion = ProgramVersionFactory.create(definition_json=definition)
    return version


class ApplicationFactory(Factory):
    """Sent and waiting for a decision, unless a trait says else."""

    class Meta:
        model = Application

    reference = factory.LazyFunction(new_reference)
    version = factory.SubFactory(ProgramVersionFactory)
    program_id = factory.SelfAttribute("version.program_id")
    email = factory.Sequence(lambda n: f"mina{n}@hanbit{n}.example")
    email_domain = factory.LazyAttribute(lambda row: domain_of(row.email))
    status = ApplicationStatus.SUBMITTED
    answers = factory.LazyFunction(lambda: dict(ANSWERS))
    email_confirmed_at = NOW
    submitted_at = NOW
    answer_by = NOW + timedelta(days=5)
    created_at = NOW
    updated_at = NOW

    class Params:
        draft = factory.Trait(
            status=ApplicationStatus.DRAFT, submitted_at=None, answer_by=None
        )
        waiting = factory.Trait(status=ApplicationStatus.INFO_REQUESTED)
        approved = factory.Trait(
            status=ApplicationStatus.APPROVED,
            decided_at=NOW,
            decided_by=factory.SubFactory(UserFactory, reviewer=True),
            decided_from=ApplicationStatus.SUBMITTED,
            held_until=NOW + timedelta(seconds=30),
        )
        rejected = factory.Trait(
            status=ApplicationStatus.REJECTED,
            decided_at=NOW,
            decided_by=factory.SubFactory(UserFactory, reviewer=True),
            decided_from=ApplicationStatus.SUBMITTED,
            held_until=NOW + timedelta(seconds=30),
            reason=RejectionReason.NOT_A_FIT,
            reapply_on=(NOW + timedelta(days=30)).date(),
        )
        withdrawn = factory.Trait(status=ApplicationStatus.WITHDRAWN)


class ApplicationLinkFactory(Factory):
    class Meta:
        model = ApplicationLink

    class Params:
        application = factory.SubFactory(ApplicationFactory)
        token = factory.LazyFunction(new_token)

    application_id = factory.SelfAttribute("application.id")
    token_sha256 = factory.LazyAttribute(lambda row: token_hash(row.token))
    created_at = NOW
    expires_at = NOW + timedelta(days=90)


class ApplicationMessageFactory(Factory):
    class Meta:
        model = ApplicationMessage

    class Params:
        application = factory.SubFactory(ApplicationFactory)

    application_id = factory.SelfAttribute("application.id")
    author = factory.SubFactory(UserFactory, reviewer=True)
    text = "Which of your clients use a billing tool today?"
    written_at = NOW


class ApplicationDocumentFactory(Factory):
    class Meta:
        model = ApplicationDocument

    class Params:
        application = factory.SubFactory(ApplicationFactory)

    application_id = factory.SelfAttribute("application.id")
    question_key = "proof"
    name = "register.pdf"
    media_type = "application/pdf"
    content = b"%PDF-1.7 not looked into here"
    size = factory.LazyAttribute(lambda row: len(row.content))
    sent_sha256 = b"\x01" * 32
    uploaded_at = NOW
