import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.commissions.calculation import Outcome
from portal.kit.json_text import canonical, read, written

LARGE = 9 * 10**15
WORDS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
    max_leaves=20,
)


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


@given(value=VALUES)
def test_there_is_one_way_to_write_a_value_down(value: object) -> None:
    theirs = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )

    assert canonical(value).decode() == theirs
    assert read(canonical(value)) == value


@pytest.mark.parametrize("number", [2**63, -(2**64), LARGE**2])
def test_a_number_of_any_length_is_read_exactly(number: int) -> None:
    assert read(f'{{"n": {number}}}'.encode()) == {"n": number}


@pytest.mark.parametrize("wrong", [b"", b"{", b"[1,]", b"9" * 20 + b","])
def test_what_is_no_json_is_not_read(wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(wrong)


def test_a_number_of_any_length_is_written_the_one_way() -> None:
    value = {"word": "Größe", "number": LARGE**2}

    assert canonical(value).decode() == f'{{"number":{LARGE**2},"word":"Größe"}}'
