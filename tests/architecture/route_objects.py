"""What stands in for the arguments of routes when the route matrix walks them.

A feature adds a maker for each argument that names an object of the partner under
test: `MAKERS["statements:statement_id"] = ...` (blueprint and argument), or with the
whole endpoint in front. Without a maker an argument is an id that nothing has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.kit.ids import new_id
from portal.partners.models import Partner
from tests.factories.people import PartnerMemberFactory, UserFactory
from tests.factories.programs import EnrollmentFactory
from tests.factories.tracking import ReferralLinkFactory

FOREIGN: frozenset[str] = frozenset()
"""Views of libraries, which wear no guard of ours."""

ANONYMOUS = "anonymous"
OTHER_PARTNER = "other_partner_owner"
ROLES: Mapping[str, Role] = {
    **{role.value: role for role in Role},
    OTHER_PARTNER: Role.PARTNER_OWNER,
}
ACTORS = (ANONYMOUS, *ROLES)


@dataclass(frozen=True)
class World:
    """One partner with all its roles, the owner of another one, and staff."""

    session: Session
    partner: Partner
    people: Mapping[str, User]


Maker = Callable[[World], object]


def _member(world: World) -> object:
    user: User = UserFactory.create(role=Role.PARTNER_VIEWER)
    PartnerMemberFactory.create(user=user, partner=world.partner)
    return user.id


def _staff(world: World) -> object:
    del world
    return UserFactory.create(finance=True).id


def _enrollment(world: World) -> object:
    return EnrollmentFactory.create(partner=world.partner).id


def _link(world: World) -> object:
    return ReferralLinkFactory.create(enrollment__partner=world.partner).id


MAKERS: dict[str, Maker] = {
    "accounts_admin:user_id": _staff,
    "dashboard:enrollment_id": _enrollment,
    "enrollments:enrollment_id": _enrollment,
    "fees:enrollment_id": _enrollment,
    "partners:user_id": _member,
    "tracking:link_id": _link,
}


SAMPLES: Mapping[str, object] = {
    "IntegerConverter": 1,
    "ReferenceConverter": "APP-222222",
}
"""Texts that a converter takes, where nothing has that name."""


def maker_for(endpoint: str, argument: str) -> Maker | None:
    """Return what makes this argument of this endpoint, if anything does."""
    blueprint = endpoint.rpartition(".")[0]
    return MAKERS.get(f"{endpoint}:{argument}") or MAKERS.get(f"{blueprint}:{argument}")


def values_for(rule: Rule, world: World) -> dict[str, object]:
    """Return a value for every argument of a route."""
    values: dict[str, object] = {}
    for argument in rule.arguments & set(rule._converters):  # others have defaults
        maker = maker_for(rule.endpoint, argument)
        values[argument] = maker(world) if maker else _nothing(rule, argument)
    return values


def _nothing(rule: Rule, argument: str) -> object:
    converter = type(rule._converters[argument]).__name__
    if converter in SAMPLES:
        return SAMPLES[converter]
    if converter in {"UUIDConverter", "PublicIdConverter"}:
        return new_id()
    if converter == "AnyConverter":
        return next(iter(rule._converters[argument].items))  # type: ignore[attr-defined]  # its choices
    return "none-such"


def path_of(app: Flask, rule: Rule, method: str, values: dict[str, object]) -> str:
    """Return the address of a route."""
    adapter = app.url_map.bind("localhost")
    return adapter.build(rule.endpoint, values, method=method)
