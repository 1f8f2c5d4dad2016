"""Signing agreements in tests, and programs whose agreement moves on."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.agreements import queries, service
from portal.agreements.models import AgreementSignature
from portal.enrollments.models import Enrollment
from portal.programs.documents import preset
from portal.programs.models import Program, ProgramVersion
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import ProgramVersionFactory

PRESET = "hubspot-solutions-partner"
OLD_TEXT = "# Terms\n\nYou get 20% of each sale.\n\nBe kind.\n"
NEW_TEXT = "# Terms\n\nYou get 15% of each sale.\n\nBe kind.\n"


def text_to_sign(
    session: Session, enrollment: Enrollment, *, now: datetime = NOW
) -> str:
    """The hash of the text that the partner signs next, or of nothing."""
    standing = queries.standing(session, enrollment, now=now)
    return standing.to_sign.sha256 if standing and standing.to_sign else ""


def signed(
    session: Session,
    enrollment: Enrollment,
    *,
    user: User | None = None,
    now: datetime = NOW,
    sha256: str | None = None,
    user_agent: str = "Firefox",
) -> AgreementSignature:
    """Sign what the partner signs next."""
    signature = service.sign(
        session,
        enrollment,
        user=user or UserFactory.create(name="Mina Park"),
        sha256=sha256 or text_to_sign(session, enrollment, now=now),
        origin=service.Origin("192.0.2.1", user_agent, "en"),
        issuer_name="Acme",
        now=now,
    )
    session.flush()
    return signature


def definition_with(
    version: str,
    text: str = OLD_TEXT,
    *,
    within_days: int | None = None,
    time_zone: str = "UTC",
) -> dict[str, Any]:
    """The preset with an agreement of the test's own."""
    definition = preset(PRESET).model_dump(mode="json")
    definition["time_zone"] = time_zone
    definition["agreement"] = {
        "title": "Partner terms",
        "version": version,
        "text": text,
        "sign_again": {"within_days": within_days} if within_days else None,
    }
    return definition


def first_version(**more: Any) -> ProgramVersion:  # noqa: ANN401 - columns of the version
    """A program whose agreement is of January."""
    values = {"definition_json": definition_with("2026-01")} | more
    version: ProgramVersion = ProgramVersionFactory.create(**values)
    return version


def next_version(
    program: Program,
    number: int,
    definition: dict[str, Any],
    *,
    effective_from: datetime,
    published_at: datetime = NOW,
) -> ProgramVersion:
    """One more version of a program."""
    version: ProgramVersion = ProgramVersionFactory.create(
        program=program,
        number=number,
        definition_json=definition,
        effective_from=effective_from,
        published_at=published_at,
    )
    return version


DAY = timedelta(days=1)
