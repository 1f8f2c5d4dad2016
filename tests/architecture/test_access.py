"""Who may call what is said once, on each view, and nobody is let in by accident."""

from pathlib import Path

import pytest
from flask import Flask

from portal.accounts.access import PUBLIC, SIGNED_IN
from portal.accounts.permissions import GRANTS, Permission, Role
from tests.architecture.route_objects import FOREIGN

PUBLIC_SURFACE = {
    "accounts.join",
    "accounts.join_submitted",
    "accounts.recover",
    "accounts.recover_submitted",
    "accounts.reset",
    "accounts.reset_submitted",
    "accounts.sign_in",
    "accounts.sign_in_submitted",
    "applications.check",
    "applications.check_email",
    "applications.confirm",
    "applications.enter_code",
    "applications.resend",
    "applications.save_step",
    "applications.sent",
    "applications.start",
    "applications.step",
    "applications.tasks",
    "applications_status.reply",
    "applications_status.show",
    "applications_status.withdraw",
    "certification_public.ask",
    "certification_public.verify",
    "programs.detail",
    "programs.home",
    "statements_public.verify",
    "static",
    "tracking.follow",
    "web.components",
    "web.example_job",
    "web.favicon",
    "web.healthz",
    "web.readyz",
    "web.set_shortcuts",
    "web.set_theme",
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
