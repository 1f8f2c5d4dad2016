import factory

from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.programs.documents import preset
from portal.programs.models import Program, ProgramVersion
from tests.factories.base_factory import NOW, Factory
from tests.factories.people import PartnerFactory


class ProgramFactory(Factory):
    class Meta:
        model = Program

    key = factory.Sequence(lambda n: f"program-{n}")
    created_at = NOW


class ProgramVersionFactory(Factory):
    """The preset `hubspot-solutions-partner` unless `definition_json` says else."""

    class Meta:
        model = ProgramVersion

    program = factory.SubFactory(ProgramFactory)
    number = 1
    definition_json = factory.LazyFunction(
        lambda: preset("hubspot-solutions-partner").model_dump(mode="json")
    )
    effective_from = NOW
    published_at = NOW


class EnrollmentFactory(Factory):
    class Meta:
        model = Enrollment

    partner = factory.SubFactory(PartnerFactory)
    version = factory.SubFactory(ProgramVersionFactory)
    program_id = factory.SelfAttribute("version.program_id")
    status = EnrollmentStatus.PENDING
    joined_at = NOW
