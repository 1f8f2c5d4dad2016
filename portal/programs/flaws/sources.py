"""Flaws in sources: notes on parts that do not exist."""

from collections.abc import Iterator

from portal.programs.definition import ProgramDefinition
from portal.programs.flaws.flaw import Flaw
from portal.programs.sentences.phrases import gettext as _


def source_flaws(definition: ProgramDefinition) -> Iterator[Flaw]:
    """Yield the sources whose part is not there."""
    document = definition.model_dump(mode="json")
    for source in definition.sources:
        if not _exists(document, source.path):
            yield Flaw(
                f"sources.{source.path}",
                _(
                    "There is no part %(path)s, so its mark is shown nowhere: name one "
                    "that exists, such as payout.minimum_minor.",
                    path=source.path,
                ),
                _("A visitor reads the term as your own, without a mark."),
            )


def _exists(part: object, path: str) -> bool:
    for name in path.split("."):
        if isinstance(part, list):
            named = {
                entry.get("key") or entry.get("per"): entry
                for entry in part
                if isinstance(entry, dict)
            }
        else:
            named = part if isinstance(part, dict) else {}
        if name not in named:
            return False
        part = named[name]
    return True
