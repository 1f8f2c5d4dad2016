"""What a lesson says: the same limits for the editor, files and the database."""

from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from portal.programs.definition.parts import storable

MOST_MINUTES = 240
LONGEST_TITLE = 120
LONGEST_TOPIC = 60
LONGEST_ADDRESS = 500
LONGEST_TEXT = 50_000

KEY_PATTERN = r"^[a-z0-9][a-z0-9-]{0,59}$"


def _short(most: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=most)


class LessonContent(BaseModel):
    """One lesson as its readers see it. The text is Markdown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, _short(LONGEST_TITLE)]
    topic: Annotated[str, _short(LONGEST_TOPIC)]
    minutes: int = Field(ge=1, le=MOST_MINUTES)
    """How long reading takes, as estimated by its author."""
    video_url: Annotated[
        str, Field(max_length=LONGEST_ADDRESS, pattern=r"^(https://\S+)?$")
    ] = ""
    text: Annotated[str, _short(LONGEST_TEXT)]

    @model_validator(mode="after")
    def _can_be_stored(self) -> Self:
        for name in ("title", "topic", "video_url", "text"):
            if not storable(getattr(self, name)):
                raise ValueError(f"{name} contains a control character: remove it")
        return self
