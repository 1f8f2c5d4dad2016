from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from portal.kit.ids import new_id, new_token, parse_public_id, public_id
from portal.kit.ids_in_urls import PublicIdConverter


def test_later_keys_sort_after_earlier_ones() -> None:
    keys = [new_id() for _ in range(1_000)]

    assert sorted(keys) == keys
    assert keys[0].version == 7


def test_tokens_hold_256_bits_and_differ() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)


@given(key=st.uuids())
def test_a_public_id_leads_back_to_its_key(key: UUID) -> None:
    assert parse_public_id("stm", public_id("stm", key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stm_",
        "prt_06bnq3x4x5w6y7z8a9b0c1d2e3",
        "stm_06bnq",
        "stm_" + "z" * 26,  # 130 bits
        "stm_" + "u" * 26,  # no such letter
        "stm-06bnq3x4x5w6y7z8a9b0c1d2e3",
    ],
)
def test_anything_else_is_not_a_public_id(text: str) -> None:
    with pytest.raises(ValueError, match=r"stm_|substring"):
        parse_public_id("stm", text)


def test_an_address_takes_the_public_id_and_nothing_else() -> None:
    key = new_id()
    rules = Map(
        [Rule("/s/<pid(stm):key>", endpoint="s")], converters={"pid": PublicIdConverter}
    )
    urls = rules.bind("localhost")

    assert urls.build("s", {"key": key}) == f"/s/{public_id('stm', key)}"
    assert urls.match(f"/s/{public_id('stm', key)}") == ("s", {"key": key})
    for wrong in (str(key), public_id("prt", key), "stm_" + "z" * 26):
        with pytest.raises(NotFound):
            urls.match(f"/s/{wrong}")
