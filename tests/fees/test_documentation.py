"""The guide's example is one that the portal takes."""

import re
from pathlib import Path

import yaml

from portal.programs.definition import Fee

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "ask-for-a-fee.md"


def test_the_guide_shows_a_fee_that_can_be_published_and_names_its_fields() -> None:
    text = GUIDE.read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert example

    fee = Fee.model_validate(yaml.safe_load(example[1])["fee"])

    assert fee.price("gold", "US") == 95_00
    assert fee.price("gold", "IN", "year") == 250_00
    everybody_knows = {"title", "interval", "currency"}
    for field in set(Fee.model_fields) - everybody_knows:
        assert f"`{field}`" in text
