import factory

from portal.adjustments.models import Adjustment
from portal.adjustments.rules import AdjustmentReason
from tests.factories.base_factory import NOW, Factory
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory


class AdjustmentFactory(Factory):
    """A proposal of $25.00 for the partner that nobody decided on."""

    class Meta:
        model = Adjustment

    class Params:
        enrollment = factory.SubFactory(EnrollmentFactory)
        proposer = factory.SubFactory(UserFactory, finance=True)

    enrollment_id = factory.SelfAttribute("enrollment.id")
    amount_minor = 25_00
    currency = "USD"
    reason = AdjustmentReason.GOODWILL
    note = "For the broken link in January."
    proposed_by_id = factory.SelfAttribute("proposer.id")
    proposed_at = NOW
