import secrets

import pytest

from portal.accounts.passwords import common_passwords
from portal.accounts.rules import MAX_LENGTH, may_change_role, why_weak

ABOUT = ("dana.scully", "Northwind", "gatehouse")


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "Password!2026",
        "p@ssw0rd12345",
        "qwertyuiop123",
        "welcome-12345",
        "letmein123456",
        "123456789012",
        "9876543210987",
        "abcdefghijklm",
        "qwertyuiopasd",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "ab12ab12ab12ab12",
        "dana.scully12",
        "Dana-Scully-1",
        "northwind2026",
        "gatehouse1234",
        "Northwind Gatehouse",
        "x" * (MAX_LENGTH + 1),
    ],
)
def test_weak_passwords_are_refused_with_a_remedy(password: str) -> None:
    problem = why_weak(password, about=ABOUT, common=common_passwords())

    assert problem is not None
    assert problem.startswith(("Use ", "This password "))


@pytest.mark.parametrize(
    "password",
    [
        "seven green bicycles",
        "correct staple northwind lamp",
        "trucs-et-astuces du soir",
        "fünf blaue Schmetterlinge",
        "비밀번호를아무도몰라요정말",
        "Xk7#mQ2$vL9p",
        "w" * 3 + "orte und noch mehr",
        "z4" + "y" * 80 + "x9q",
    ],
)
def test_other_passwords_are_taken(password: str) -> None:
    assert why_weak(password, about=ABOUT, common=common_passwords()) is None


def test_no_random_password_is_refused() -> None:
    common = common_passwords()

    refused = [
        password
        for password in (secrets.token_urlsafe(12) for _ in range(2_000))
        if why_weak(password, about=ABOUT, common=common)
    ]

    assert refused == []


def test_nobody_changes_their_own_role_or_the_side_they_are_on() -> None:
    assert may_change_role(is_self=False, crosses_sides=False) is None
    assert may_change_role(is_self=True, crosses_sides=False)
    assert may_change_role(is_self=False, crosses_sides=True)
