"""Who may call what is said once, on each view, and nobody is let in by accident."""

import inspect

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
    "certification_public.verify",
    "certification_public.verify_number",
    "programs.detail",
    "programs.home",
    "static",
    "web.components",
    "web.favicon",
    "web.healthz",
    "web.readyz",
    "web.set_shortcuts",
    "web.set_theme",
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
    """A decorator above it would copy the mark and run before the check."""
    guards = {"portal.accounts.access", "portal.web.access_rule"}
    wrong = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if getattr(view, "access_rule", None) not in {None, PUBLIC}
        and inspect.unwrap(view, stop=lambda f: not hasattr(f, "__wrapped__"))
        and view.__code__.co_filename.rpartition("/")[2] != "access.py"
    ]

    assert guards
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
