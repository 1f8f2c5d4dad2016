"""The pages about simulations say what the code does."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.simulation.cli import simulate
from portal.simulation.events import Event, Item
from portal.simulation.reading import read
from tests.simulation.programs import program
from tests.simulation.test_reading import GATED

DOCS = Path(__file__).resolve().parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "events.md").read_text(encoding="utf-8")
HOW_TO = (DOCS / "how-to" / "simulate.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| .*\|$", REFERENCE, re.MULTILINE))
PERSON = re.search(r"What is known about a person: (.*?)\. ", REFERENCE)
ITEM = re.search(r"An item of a sale has (.*?)\. ", REFERENCE, re.DOTALL)
MODELS = {
    model.model_fields["event"].annotation.__args__[0]: model
    for model in Event.__args__
}


def named_in(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def test_every_event_has_a_row() -> None:
    assert set(ROWS) == set(MODELS)


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_a_row_names_every_field(kind: str) -> None:
    assert PERSON
    named = named_in(ROWS[kind])
    if "what is known about a person" in ROWS[kind]:
        named |= named_in(PERSON[1])
    optional_everywhere = {"event", "at", "id"}

    assert named - {"id"} == set(MODELS[kind].model_fields) - optional_everywhere


def test_the_parts_of_an_item_are_named() -> None:
    assert ITEM
    assert named_in(ITEM[1]) == set(Item.model_fields)


def test_the_example_of_the_guide_gives_what_it_says(tmp_path: Path) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", HOW_TO, re.DOTALL)
    events = tmp_path / "events.jsonl"
    events.write_text(block, encoding="utf-8")

    said = CliRunner().invoke(
        simulate, ["--program", "hubspot-solutions-partner", "--events", str(events)]
    )

    assert said.exit_code == 0, said.output
    assert "$480.00 due on 2026-08-14" in said.stdout
    assert "$480.00 is due on 2026-08-14" in HOW_TO


def test_the_moments_of_the_reference_are_understood() -> None:
    for moment in ("2026-03-01T09:30:00Z", "2026-03-01"):
        assert moment in REFERENCE
        line = f'{{"event": "join", "partner": "a", "at": "{moment}"}}'
        assert len(read([line.encode()], [program(), GATED]).events) == 1
