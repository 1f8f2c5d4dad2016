import factory

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.partners.models import Partner, PartnerMember
from tests.factories.base_factory import NOW, Factory


class UserFactory(Factory):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@people.example")
    name = factory.Sequence(lambda n: f"Person {n}")
    role = Role.PARTNER_OWNER
    created_at = NOW

    class Params:
        admin = factory.Trait(role=Role.ADMIN)
        reviewer = factory.Trait(role=Role.REVIEWER)
        finance = factory.Trait(role=Role.FINANCE)
        auditor = factory.Trait(role=Role.AUDITOR)


class PartnerFactory(Factory):
    class Meta:
        model = Partner

    name = factory.Sequence(lambda n: f"Partner {n} Ltd")
    country = "DE"
    website = factory.Sequence(lambda n: f"https://partner{n}.example")
    created_at = NOW


class PartnerMemberFactory(Factory):
    class Meta:
        model = PartnerMember

    user = factory.SubFactory(UserFactory)
    partner = factory.SubFactory(PartnerFactory)
    joined_at = NOW
