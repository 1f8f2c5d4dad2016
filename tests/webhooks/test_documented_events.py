"""The guide names the events to subscribe to, and each one that is acted on."""

import re
from pathlib import Path

from portal.webhooks.handlers import EVENTS

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "connect-stripe.md"


def documented() -> list[str]:
    text = GUIDE.read_text()
    table = text.split("<!-- events -->")[1].split("<!-- /events -->")[0]
    return re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)


def test_the_guide_names_each_event_that_is_acted_on_once_and_no_other() -> None:
    found = documented()

    assert sorted(found) == sorted(EVENTS)
