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
FEE: dict[str, Any] = {
    "key": "fee",
    "kind": "fee",
    "title": "Pay the fee",
    "blocks": ["earn", "link"],
}
FEE_OF_50: dict[str, Any] = {
    "title": "Membership",
    "currency": "USD",
    "grace_days": 7,
    "minor_by_tier": {"any": 5_000},
}
TERMS: dict[str, Any] = {
    "key": "terms",
    "kind": "agreement",
    "title": "Sign",
    "blocks": ["join", "payout"],
}


def definition_with_gates(
    *gates: dict[str, Any], time_zone: str = "UTC", interval: str = "month"
) -> dict[str, Any]:
    """The preset with e-mail, review and these gates.

    With a fee or an agreement only if there is a gate for it.
    """
    definition = preset("hubspot-solutions-partner").model_dump(mode="json")
    first = [g for g in definition["gates"] if g["kind"] in ("email", "review")]
    kinds = {one["kind"] for one in gates}
    definition |= {
        "agreement": definition["agreement"] if "agreement" in kinds else None,
        "fee": FEE_OF_50 | {"interval": interval} if "fee" in kinds else None,
        "gates": [*first, *gates],
        "time_zone": time_zone,
    }
    return definition


def version_with_gates(*gates: dict[str, Any], **parts: str) -> ProgramVersion:
    """A version of such a program, in force from NOW on."""
    version: ProgramVersion = ProgramVersionFactory.create(
        definition_json=definition_with_gates(*gates, **parts)
    )
    return version


def enrolled(
    *gates: dict[str, Any],
    joined_at: datetime = NOW,
    **parts: str,
) -> Enrollment:
    """An enrollment under such a version."""
    enrollment: Enrollment = EnrollmentFactory.create(
        version=version_with_gates(*gates, **parts),
        joined_at=joined_at,
    )
    return enrollment
