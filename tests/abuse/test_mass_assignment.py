"""Fields that no form has: whatever a browser adds to a form changes nothing."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from portal.accounts.passwords import hash_password
from portal.accounts.permissions import STAFF_ROLES, Role
from portal.kit.db import Base
from portal.stripe_sandbox.sandbox import Sandbox
from tests.agreements.signing import text_to_sign
from tests.architecture.route_objects import (
    OTHER_PARTNER,
    World,
    a_world,
    path_of,
    values_for,
)
from tests.conftest import SignIn
from tests.factories.tax import AMERICAN, COMPANY, PERSON

Form = dict[str, str]
State = dict[str, list[str]]

VIEWER: str = Role.PARTNER_VIEWER.value
FORMS: dict[str, Callable[[World], Form]] = {
    "agreements.sign": lambda world: {
        "accept": "y",
        "sha256": text_to_sign(world.session, world.story.enrollment),
    },
    "certificates.change_holder": lambda _: {"hidden": "1"},
    "certification.answer": lambda _: {"overview": "1"},
    "certification.save": lambda _: {},
    "certification.start": lambda _: {},
    "certification.submit": lambda _: {},
    "certification_course.mark_read": lambda _: {"number": "1"},
    "dashboard.create_first_link": lambda _: {},
    "fees.end": lambda _: {},
    "fees.go_on": lambda _: {},
    "fees.manage": lambda _: {},
    "fees.pay": lambda _: {"interval": "month"},
    "partners.change_role": lambda _: {"role": "partner_marketer"},
    "partners.invite": lambda _: {"email": "new@people.example", "role": VIEWER},
    "partners.invite_again": lambda _: {},
    "partners.remove": lambda _: {},
    "payouts.change_sepa": lambda _: {
        "holder": "Noor GmbH",
        "iban": "DE89370400440532013000",
        "password": PASSWORD,
    },
    "payouts.change_us_bank": lambda _: {
        "holder": "Noor Inc.",
        "routing_number": "021000021",
        "account_number": "123456789",
        "account_type": "checking",
        "password": PASSWORD,
    },
    "tax.chosen": lambda _: {"us_person": "no", "payee": "person", "place": "unknown"},
    "tax.declare_vat": lambda _: {
        "registered": "yes",
        "country": "DE",
        "number": "DE136695976",
        "from_on": "2026-01-01",
    },
    "tax.sign": lambda _: COMPANY | PERSON | AMERICAN,
    "threads.ask": lambda _: {"text": "Why is it so little?"},
    "threads.reply": lambda _: {"text": "And the refund?"},
    "threads.resolve": lambda _: {},
    "tracking.create_link": lambda world: {
        "enrollment": str(world.story.enrollment.id),
        "name": "Summer",
        "code": "summer-offer",
    },
    "tracking.disable_link": lambda _: {},
    "tracking.enable_link": lambda _: {},
}
"""What each form of the workspace sends when it is filled in."""

PASSWORD = "a long sentence that nobody guesses"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.+]+")
FERNET = "gAAAAA"
"""How a text that is encrypted begins; no two are alike."""

PASSING = {
    "mailed_tokens",
    "outbox_emails",
    "tax_form_secrets",
    "throttle_hits",
    "user_sessions",
}
"""Tables of secrets and of tries, which no two requests leave alike."""


def extra_fields(world: World) -> Form:
    other = str(world.people[OTHER_PARTNER].id)
    return {
        "id": other,
        "user_id": other,
        "partner_id": other,
        "enrollment_id": other,
        "actor_id": other,
        "role": "admin",
        "is_active": "",
        "is_staff": "1",
        "status": "active",
        "tier": "platinum",
        "amount": "0.01",
        "amount_minor": "1",
        "price": "1",
        "currency": "JPY",
        "rate_bps": "10000",
        "right_count": "60",
        "score": "100",
        "pass_percent": "0",
        "created_at": "2001-01-01",
        "accepted_at": "2001-01-01",
        "signed_at": "2001-01-01",
        "signer_name": "Somebody Else",
        "partner_name": "Another Company",
        "disabled_at": "2001-01-01",
        "met_from": "2001-01-01",
        "password_hash": "x",
        "_method": "DELETE",
    }


def posts(app: Flask) -> list[Rule]:
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/app/") and "POST" in (rule.methods or ())
    ]


def state(connection: Connection, known: set[UUID] | None = None) -> State:
    """Everything in the tables; new ids and moments of time count as equal."""

    def shown(name: str, value: Any) -> str:  # noqa: ANN401 - any column
        if isinstance(value, UUID) and known is not None and value not in known:
            return "new"
        if isinstance(value, str) and value.startswith(FERNET):
            return "encrypted"
        if name.startswith("stripe_") and value is not None:
            return "stripe's"
        if isinstance(value, datetime | date):
            return "then"
        return MOMENT.sub("then", repr(value))

    return {
        table.name: sorted(
            ", ".join(f"{name}={shown(name, value)}" for name, value in row.items())
            for row in connection.execute(select(table)).mappings()
        )
        for table in Base.metadata.sorted_tables
        if table.name not in PASSING
    }


def ids(connection: Connection) -> set[UUID]:
    return {
        value
        for table in Base.metadata.sorted_tables
        for row in connection.execute(select(table))
        for value in row
        if isinstance(value, UUID)
    }


def test_fields_that_no_form_has_change_nothing(
    app: Flask,
    session: Session,
    connection: Connection,
    sandbox: Sandbox,
    sign_in: SignIn,
) -> None:
    del sandbox  # takes the calls to Stripe
    world = a_world(session)
    owner = world.people[Role.PARTNER_OWNER.value]
    owner.password_hash = hash_password(PASSWORD)
    client = sign_in(owner)
    paths = [
        (rule, path_of(app, rule, "POST", values_for(rule, world)))
        for rule in posts(app)
    ]
    before, known = state(connection), ids(connection)
    wrong, changing = [], 0
    for rule, path in paths:
        plain = FORMS[rule.endpoint](world)
        seen = []
        for form in (plain, extra_fields(world) | plain):
            undo = connection.begin_nested()
            status = client.post(path, data=form).status_code
            seen.append((status, state(connection, known)))
            undo.rollback()
        changing += seen[0][1] != before
        # 403: a certificate's name is its holder's own to hide.
        if seen[0] != seen[1] or seen[0][0] not in {200, 302, 303, 403, 409}:
            wrong.append(f"{rule.endpoint}: {seen[0][0]} and {seen[1][0]}")

    assert wrong == []
    assert changing >= 8  # so that there was something to change


@pytest.mark.parametrize("endpoint", ["partners.invite", "partners.change_role"])
def test_no_form_of_a_team_gives_a_role_of_the_vendor(
    endpoint: str,
    app: Flask,
    session: Session,
    connection: Connection,
    sign_in: SignIn,
) -> None:
    world = a_world(session)
    client = sign_in(world.people[Role.PARTNER_OWNER.value])
    rule = next(rule for rule in posts(app) if rule.endpoint == endpoint)
    path = path_of(app, rule, "POST", values_for(rule, world))
    before = state(connection)

    for role in STAFF_ROLES:
        form = FORMS[endpoint](world) | {"role": role.value}
        assert client.post(path, data=form).status_code == 422

    assert state(connection) == before
