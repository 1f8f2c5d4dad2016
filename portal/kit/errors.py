"""Refusals: the ways the business can say no.

A service raises the most specific subclass, named as a fact. `portal.web.errors`
alone decides which HTTP status a family becomes: the domain never mentions HTTP.
"""

from typing import ClassVar


class DomainError(Exception):
    """A refusal with a stable `code` for programs and a message for people."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(DomainError):
    """The thing does not exist, or this actor may not learn that it does."""

    code = "not_found"


class Forbidden(DomainError):
    """The actor is known and may not do this."""

    code = "forbidden"


class Conflict(DomainError):
    """The request makes sense, but not in the present state."""

    code = "conflict"


class Gone(DomainError):
    """The thing was there and has ended: an expired link, a used token."""

    code = "gone"


class TooMany(DomainError):
    """The actor tried too often; `retry_after` says how many seconds to wait."""

    code = "too_many"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Invalid(DomainError):
    """A value breaks a rule; `field` names the input to blame."""

    code = "invalid"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field
