import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.commissions.calculation import Outcome
from portal.kit.json_text import written

LARGE = 9 * 10**15


@pytest.mark.parametrize(
    "value",
    [
        {"amount_minor": LARGE, "title": "Größe – 1 €", "gate": None, "bands": [1, -2]},
        {"outcome": Outcome.RATED},
        {"total": LARGE**2},
        {2026: "a key that is not text"},
        [],
    ],
)
def test_text_reads_back_as_what_the_standard_library_writes(value: object) -> None:
    assert json.loads(written(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 1, 1, tzinfo=UTC), {1}, b"bytes", {"n": LARGE**2, "x": {1}}],
)
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        written({"value": value})


def test_what_the_driver_writes_comes_back_from_the_database(session: Session) -> None:
    value = {"n": LARGE, "more": LARGE**2, "title": "Größe", "key": str(UUID(int=1))}

    back = session.scalar(
        text("SELECT CAST(:value AS jsonb)"), {"value": written(value)}
    )

    assert back == value
