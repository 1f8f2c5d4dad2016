"""Enrollments in programs with gates of the test's own."""

from datetime import datetime
from typing import Any

from portal.enrollments.models import Enrollment
from portal.programs.documents import preset
from portal.programs.models import ProgramVersion
from tests.factories.base_factory import NOW
from tests.factories.programs import EnrollmentFactory, ProgramVersionFactory

TAX_FORM: dict[str, Any] = {
    "key": "tax-form",
    "kind": "confirmation",
    "title": "Send us your tax form",
    "how": "Send form W-8 or W-9 to tax@vendor.example.",
    "blocks": ["payout"],
}
EXAM: dict[str, Any] = {
    "key": "certification",
    "kind": "certification",
    "title": "Pass the exam",
    "blocks": ["earn"],
    "certification": "solutions-partner",
}


def version_with_gates(
    *gates: dict[str, Any], time_zone: str = "UTC"
) -> ProgramVersion:
    """A version of the preset with e-mail, review and these gates, without a fee."""
    definition = preset("hubspot-solutions-partner").model_dump(mode="json")
    first = [g for g in definition["gates"] if g["kind"] in ("email", "review")]
    definition |= {
        "agreement": None,
        "fee": None,
        "gates": [*first, *gates],
        "time_zone": time_zone,
    }
    version: ProgramVersion = ProgramVersionFactory.create(definition_json=definition)
    return version


def enrolled(
    *gates: dict[str, Any], joined_at: datetime = NOW, time_zone: str = "UTC"
) -> Enrollment:
    """An enrollment under such a version."""
    enrollment: Enrollment = EnrollmentFactory.create(
        version=version_with_gates(*gates, time_zone=time_zone), joined_at=joined_at
    )
    return enrollment
