"""One thing that a valid definition gets wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that a valid definition gets wrong.

    Attributes:
        path: The part, such as `rules.partner-share.bands`.
        message: What is wrong and what to do.
        example: An event that shows it.
    """

    path: str
    message: str
    example: str
