"""Who may call what is said once, on each view, and nobody is let in by accident."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.accounts.access import PUBLIC, SIGNED_IN
from portal.accounts.permissions import GRANTS, Permission, Role
from tests.architecture.route_objects import FOREIGN

PUBLIC_SURFACE = {
    # Signing in: counted by address and by network, one answer for known and unknown.
    "accounts.recover",
    "accounts.recover_submitted",
    "accounts.sign_in",
    "accounts.sign_in_submitted",
    # Behind a mailed single-use token.
    "accounts.join",
    "accounts.join_submitted",
    "accounts.reset",
    "accounts.reset_submitted",
    "applications.confirm",
    # Applying: counted, one answer for known and unknown.
    "applications.check_email",
    "applications.enter_code",
    "applications.resend",
    "applications.start",
    # An invitation, only by the token in its link; answered only by its address.
    "invitations.answer",
    "invitations.show",
    # One application, only in a browser that followed its mailed link.
    "applications.check",
    "applications.save_step",
    "applications.save_step_with_files",
    "applications.sent",
    "applications.step",
    "applications.tasks",
    "applications_status.document",
    "applications_status.look_again",
    "applications_status.reply",
    "applications_status.show",
    "applications_status.withdraw",
    # Meant for everybody: programs, checks of numbers and files, referral links.
    "certification_open_course.course",
    "certification_open_course.lesson",
    "certification_public.ask",
    "certification_public.badge",
    "certification_public.issuer",
    "certification_public.qr",
    "certification_public.revoked",
    "certification_public.verify",
    "programs.detail",
    "programs.home",
    "programs.robots",
    "programs.sitemap",
    "statements_public.verify",
    "tracking.follow",
    # Files, health, and two choices kept in the visitor's own cookie.
    "static",
    "web.favicon",
    "web.healthz",
    "web.readyz",
    "web.set_shortcuts",
    "web.set_theme",
    # For developers: no such page unless DEV_PAGES is on, in the demo and in tests.
    "web.components",
    "web.example_job",
    # Signed by Stripe.
    "webhooks.stripe",
}
"""What anyone on the internet may call. A longer list needs a thought, then a line."""


def test_every_view_wears_exactly_one_guard(app: Flask) -> None:
    known = {PUBLIC, SIGNED_IN, *Permission}
    wrong = []
    for endpoint, view in app.view_functions.items():
        if endpoint in FOREIGN:
            continue
        rule = getattr(view, "access_rule", None)
        inner = getattr(view, "__wrapped__", None)
        if rule not in known or hasattr(inner, "access_rule"):
            wrong.append(endpoint)

    assert wrong == []


def test_the_guard_is_the_outermost_decorator(app: Flask) -> None:
    """A decorator above it would run before the check."""
    wrong = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if getattr(view, "access_rule", PUBLIC) != PUBLIC
        and Path(view.__code__.co_filename).name != "access.py"
    ]

    assert wrong == []


def test_pages_of_developers_are_off_unless_switched_on(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "DEV_PAGES", value=False)

    for path in ("/dev/components", "/dev/job"):
        assert client.get(path).status_code == 404


def test_the_public_surface_is_exactly_this(app: Flask) -> None:
    public = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if getattr(view, "access_rule", None) == PUBLIC
    }

    assert public == PUBLIC_SURFACE


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_granted_to_someone(permission: Permission) -> None:
    assert any(permission in granted for granted in GRANTS.values())


@pytest.mark.parametrize("role", Role)
def test_no_role_has_a_permission_of_the_other_face(role: Role) -> None:
    face = "staff:" if role.is_staff else "workspace:"

    assert all(permission.startswith(face) for permission in GRANTS[role])


WRITING = {permission for permission in Permission if not permission.endswith(":read")}
_P = Permission


def held(role: Role) -> set[Permission]:
    return set(GRANTS[role])


def test_a_route_that_changes_something_asks_for_more_than_reading(app: Flask) -> None:
    wrong = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
        and getattr(app.view_functions[rule.endpoint], "access_rule", None)
        not in {PUBLIC, SIGNED_IN, *WRITING}
    ]

    assert wrong == []


def test_auditors_only_read() -> None:
    assert held(Role.AUDITOR) & WRITING == set()


def test_viewers_change_nothing_but_their_own_exams() -> None:
    assert held(Role.PARTNER_VIEWER) & WRITING == {_P.CERTIFICATION_TAKE}


def test_marketers_see_no_money() -> None:
    money = {_P.EARNINGS_READ, _P.STATEMENTS_READ, _P.BILLING_READ, _P.BILLING_PAY}

    assert held(Role.PARTNER_MARKETER) & money == set()


def test_reviewers_decide_applications_and_see_no_books() -> None:
    books = {_P.COMMISSIONS_READ, _P.PERIODS_READ, _P.FEES_READ, _P.EVENTS_READ}

    assert held(Role.REVIEWER) & WRITING == {
        _P.APPLICATIONS_REVIEW,
        _P.GATES_CONFIRM,
    }
    assert held(Role.REVIEWER) & books == set()


@pytest.mark.parametrize(
    ("permission", "roles"),
    [
        (_P.PERIODS_CLOSE, {Role.ADMIN, Role.FINANCE}),
        (_P.PAYOUTS_RECORD, {Role.ADMIN, Role.FINANCE}),
        (_P.APPLICATIONS_REVIEW, {Role.ADMIN, Role.REVIEWER}),
        (_P.USERS_MANAGE, {Role.ADMIN}),
        (_P.TEAM_MANAGE, {Role.PARTNER_OWNER}),
        (_P.AGREEMENT_ACCEPT, {Role.PARTNER_OWNER}),
        (_P.BILLING_PAY, {Role.PARTNER_OWNER, Role.PARTNER_FINANCE}),
    ],
)
def test_what_binds_the_company_is_for_few(
    permission: Permission, roles: set[Role]
) -> None:
    assert {role for role in Role if permission in GRANTS[role]} == roles
