"""The mark of a view that anyone may call.

`portal.accounts.access.public` sets the same attribute; it lives above this package.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Mark a view that anyone on the internet may call."""
    view.access_rule = "public"  # type: ignore[attr-defined]  # read by a test
    return view
