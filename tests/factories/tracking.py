import factory

from portal.tracking.models import Click, ReferralLink
from tests.factories.base_factory import NOW, Factory
from tests.factories.programs import EnrollmentFactory


class ReferralLinkFactory(Factory):
    class Meta:
        model = ReferralLink

    class Params:
        enrollment = factory.SubFactory(EnrollmentFactory)

    enrollment_id = factory.SelfAttribute("enrollment.id")
    code = factory.Sequence(lambda n: f"code-{n}")
    name = factory.Sequence(lambda n: f"Link {n}")
    destination_url = "{vendor}/"
    created_at = NOW


class ClickFactory(Factory):
    class Meta:
        model = Click

    class Params:
        link = factory.SubFactory(ReferralLinkFactory)

    link_id = factory.SelfAttribute("link.id")
    visitor = factory.Sequence(lambda n: f"{n:032x}")
    clicked_at = NOW
    is_bot = False
    counts = True
    referrer_host = ""
    landing_url = "http://localhost:8027/"
