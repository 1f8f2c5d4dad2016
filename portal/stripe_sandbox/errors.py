"""Refusals in Stripe's own form."""

from typing import Any


class ApiError(Exception):
    """An answer other than 200, as Stripe words it.

    Attributes:
        status: The HTTP status.
        kind: Stripe's `type`, such as `invalid_request_error`.
        code: Stripe's stable code, or none.
        param: The parameter to blame, or none.
        extra: Further members of the error object, such as `decline_code`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **extra: str | None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Return the JSON object that Stripe would send."""
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.code is not None:
            error["code"] = self.code
        if self.param is not None:
            error["param"] = self.param
        return {"error": {**error, **self.extra}}


def no_such(kind: str, key: str, *, param: str = "id") -> ApiError:
    """Return the refusal for an id that names nothing.

    Looked up by its own address (`param` is `id`) that is a 404, and a 400 when
    another request mentions it.
    """
    words = kind.rpartition(".")[2] if kind.startswith("checkout") else kind
    return ApiError(
        f"No such {words}: '{key}'",
        status=404 if param == "id" else 400,
        code="resource_missing",
        param=param,
    )


def missing(param: str) -> ApiError:
    """Return the refusal for a required parameter that was not sent."""
    return ApiError(
        f"Missing required param: {param}.", code="parameter_missing", param=param
    )
