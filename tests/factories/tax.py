from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.partners.models import Partner, PartnerMember
from portal.tax import service
from portal.tax.drafts import Draft
from portal.tax.models import TaxForm
from portal.tax.numbers import TinKind
from portal.tax.rules import FormKind, Place
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerFactory, PartnerMemberFactory

KEYS = ("0123456789abcdef0123456789abcdef",)
"""As the settings of the tests have them."""
ADDRESS = {"street": "1 Planted Lane", "city": "Town", "region": "", "postal_code": ""}
SSN, GERMAN = "536-90-4399", "36 574 261 809"
W9 = Draft(
    kind=FormKind.W9,
    name="Ann Walker",
    country="US",
    place=Place.UNKNOWN,
    tin_kind=TinKind.SSN,
    tin=SSN,
    details={"us_class": "individual", "backup_notice": False},
    secret=ADDRESS,
)
W8 = Draft(
    kind=FormKind.W8BEN,
    name="Ada Lovelace",
    country="DE",
    place=Place.OUTSIDE_US,
    tin_kind=TinKind.FOREIGN,
    tin=GERMAN,
    details={"citizenship": "DE", "treaty_article": ""},
    secret={**ADDRESS, "born_on": "1985-12-10"},
)
UNPROVEN = replace(W8, country="UA", tin="3184710692")
"""One that staff have to look at."""


# What the pages send when the forms are filled in.
PERSON = {
    "name": "Ada Lovelace",
    "street": "Hauptstr. 1",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
    "citizenship": "DE",
    "born_on": "1985-12-10",
    "tin": "36 574 261 809",
    "place": "outside-us",
    "signed_name": "Ada Lovelace",
    "certify": "y",
}
COMPANY = {
    "name": "Lovelace GmbH",
    "street": "Hauptstr. 1",
    "city": "Berlin",
    "country": "DE",
    "incorporation": "DE",
    "entity_class": "corporation",
    "fatca_class": "active_nffe",
    "capacity": "y",
    "tin": "DE136695976",
    "place": "outside-us",
    "signed_name": "Ada Lovelace",
    "certify": "y",
}
AMERICAN = {
    "name": "Ann Walker",
    "us_class": "individual",
    "street": "1 Main St",
    "city": "Boston",
    "region": "MA",
    "postal_code": "02108",
    "tin_kind": "ssn",
    "tin": "536-90-4399",
    "signed_name": "Ann Walker",
    "certify": "y",
}


def owner(country: str = "DE") -> tuple[User, Partner]:
    """The owner of a partner, and the partner."""
    member: PartnerMember = PartnerMemberFactory.create(
        partner=PartnerFactory.create(country=country)
    )
    return member.user, member.partner


def signed(
    session: Session,
    user: User,
    partner: Partner,
    draft: Draft = W8,
    now: datetime = NOW,
) -> TaxForm:
    """A form as the partner's page would send it."""
    form = service.submit(
        session,
        partner.id,
        draft,
        signed_name=user.name,
        user=user,
        remote_address="192.0.2.7",
        keys=KEYS,
        now=now,
    )
    session.flush()
    return form
