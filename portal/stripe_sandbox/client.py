"""Everything that knows Stripe's own library: the in-process mount, its types."""

import importlib
import threading
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, NotRequired, Protocol

import stripe
from stripe import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from portal.kit.db import refuse_inside_transaction
from portal.stripe_sandbox.parameters import Shape

LIBRARY_API_VERSION: str = stripe.api_version
"""The API version that the installed library pins."""

_ANY = Shape(scalars=frozenset({"str"}))
_FREE = Shape(scalars=frozenset({"str"}), choices=frozenset({""}))
_SCALARS: Mapping[Any, str] = {int: "int", bool: "bool"}
_lock = threading.RLock()


class Answering(Protocol):
    """What can answer a request: the sandbox."""

    def handle(
        self, method: str, url: str, headers: Mapping[str, str], body: str
    ) -> tuple[str, int, dict[str, str]]:
        """Return body, status and headers of the answer."""


class SandboxHTTPClient(stripe.HTTPClient):
    """Carries the library's requests to a sandbox in the same process.

    Use it as `stripe.StripeClient(key, http_client=SandboxHTTPClient(sandbox))`.
    """

    name: ClassVar[str] = "sandbox"

    def __init__(self, sandbox: Answering) -> None:
        super().__init__()
        self._sandbox = sandbox

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # noqa: ANN401 (the library's own signature)
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Answer like the network would.

        Raises:
            RuntimeError: A database transaction is open.
        """
        del _usage
        refuse_inside_transaction()
        return self._sandbox.handle(method, url, headers or {}, post_data or "")

    def close(self) -> None:
        """Do nothing: there is no connection."""


@cache
def parameters_of(name: str) -> Shape:
    """Return what the library's type `stripe.params.<name>` allows.

    Args:
        name: Such as `RefundCreateParams` or `checkout.SessionCreateParams`.
    """
    package, _, class_name = name.rpartition(".")
    module = importlib.import_module("stripe.params" + (package and f".{package}"))
    with _lock:
        return _typed_dict(getattr(module, class_name))


@cache
def _typed_dict(cls: type) -> Shape:
    options = RequestOptions.__annotations__
    own = {k: v for k, v in cls.__annotations__.items() if k not in options}
    # The options of a request name types that exist for type checkers only, so the
    # library's class cannot be evaluated as a whole.
    holder = type(
        cls.__name__, (), {"__annotations__": own, "__module__": cls.__module__}
    )
    hints = typing.get_type_hints(holder, include_extras=True)
    required = {k for k, hint in hints.items() if not _is_optional(hint)}
    return Shape(
        fields={name: _shape(hint) for name, hint in hints.items()},
        required=frozenset(required),
    )


def _is_optional(hint: Any) -> bool:  # noqa: ANN401 (a type, of whatever form)
    return typing.get_origin(hint) is NotRequired


def _shape(hint: Any) -> Shape:  # noqa: ANN401 (a type, of whatever form)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is NotRequired:
        shape = _shape(arguments[0])
    elif origin in {typing.Union, types.UnionType}:
        shape = _either([_shape(argument) for argument in arguments])
    elif origin is typing.Literal:
        shape = Shape(choices=frozenset(str(choice) for choice in arguments))
    elif origin is list:
        shape = Shape(items=_shape(arguments[0]))
    elif origin is dict or origin is UntypedStripeObject:
        shape = Shape(values=_FREE)
    elif is_typeddict(hint):
        shape = _typed_dict(hint)
    elif hint in _SCALARS:
        shape = Shape(scalars=frozenset({_SCALARS[hint]}))
    else:
        shape = _ANY
    return shape


def _either(options: list[Shape]) -> Shape:
    scalars = frozenset[str]().union(*(option.scalars for option in options))
    choices = frozenset[str]().union(*(option.choices for option in options))
    if choices - {""}:
        # The library leaves enumerations open to values of later versions.
        scalars -= {"str"}
    return Shape(
        scalars=scalars,
        choices=choices,
        fields=next((o.fields for o in options if o.fields is not None), None),
        required=next(
            (o.required for o in options if o.fields is not None), frozenset()
        ),
        items=next((o.items for o in options if o.items is not None), None),
        values=next((o.values for o in options if o.values is not None), None),
    )
