"""What is generated from the code is current, and links lead somewhere."""

import re
from pathlib import Path

import pytest

from scripts import reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_the_configuration_reference_is_current() -> None:
    written = (reference.FOLDER / "configuration.md").read_text(encoding="utf-8")

    assert written == reference.configuration(), "run: python -m scripts.reference"


def test_the_command_reference_is_current() -> None:
    written = (reference.FOLDER / "cli.md").read_text(encoding="utf-8")

    assert written == reference.commands(), "run: python -m scripts.reference"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(page.read_text(encoding="utf-8"))

    assert [t for t in targets if not (page.parent / t).exists()] == []
