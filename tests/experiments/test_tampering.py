"""A small share of the tampering that `make experiments` does a hundred times."""

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from portal.verification.service import verify
from tests.committed import committed
from tests.experiments.tampering import switch_walls_off, tamper
from tests.experiments.world import fill
from tests.payouts.paying import NOW

__all__ = ["committed"]

SHARE = 15


@pytest.fixture(scope="module")
def open_books(committed: Engine) -> Iterator[Engine]:
    with Session(committed) as session:
        fill(session)
    engine = create_engine(committed.url.set(username="postgres"))
    with Session(engine) as session:
        switch_walls_off(session)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("seed", range(SHARE))
def test_a_change_is_found_and_the_row_is_named(open_books: Engine, seed: int) -> None:
    with Session(open_books) as session:
        done = tamper(session, random.Random(seed))  # noqa: S311 - no secret

    assert done.is_named, done


def test_control_nothing_is_found_where_nothing_was_changed(
    open_books: Engine,
) -> None:
    with Session(open_books) as session:
        found = {one.invariant for one in verify(session, NOW)}

    assert found == {"walls-stand"}
