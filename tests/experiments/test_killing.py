"""`kill -9` in the middle of a close, at every point and at random ones.

What `make experiments` does two hundred times is done here at every named point and a
few times by chance. After it the close is taken up, and ends as if nothing had been.
"""

import random
from collections.abc import Callable, Iterator
from time import perf_counter
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.kit.postgres import EmbeddedPostgres
from portal.ledger import sealing
from portal.verification.service import verify
from tests.databases import MakeDatabase, named
from tests.experiments.closing import (
    POINTS,
    Stable,
    dump,
    kill_after,
    prepare,
    run,
    session_on,
    stable,
)
from tests.statements.books import at

BY_CHANCE = 4


class Arena:
    """A database in which a close has begun, to be copied; and how it should end."""

    def __init__(self, server: EmbeddedPostgres, new: MakeDatabase) -> None:
        self.server, self.new = server, new
        self.template = new()
        with session_on(named(server.app_url, self.template)) as session:
            self.period_id: UUID = prepare(session)
        url = self.copy()
        began = perf_counter()
        run(url, self.period_id)
        self.takes = perf_counter() - began
        self.expected = self.look(url)

    def copy(self) -> str:
        return named(self.server.app_url, self.new(self.template))

    def look(self, url: str) -> str:
        with session_on(url) as session:
            sealing.seal(session, now=at("2026-02-01"))
            assert verify(session, at("2026-02-01")) == []
            return dump(session)


@pytest.fixture(scope="module")
def arena(server: EmbeddedPostgres, new_database: MakeDatabase) -> Arena:
    return Arena(server, new_database)


@pytest.fixture(scope="module")
def killing() -> Iterator[Stable]:
    with stable() as found:
        yield found


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_and_taken_up_it_ends_the_same(
    arena: Arena, killing: Stable, point: str
) -> None:
    url = arena.copy()
    killing.start(url, arena.period_id, point)
    assert killing.wait(), "it was not killed"

    run(url, arena.period_id)

    assert arena.look(url) == arena.expected


@pytest.mark.parametrize("seed", range(BY_CHANCE))
def test_killed_at_any_moment_and_taken_up_it_ends_the_same(
    arena: Arena, killing: Stable, seed: int
) -> None:
    url = arena.copy()
    pid = killing.start(url, arena.period_id)
    rng = random.Random(seed)  # noqa: S311 - no secret
    kill_after(pid, rng.uniform(0, arena.takes / 2))
    killing.wait()

    run(url, arena.period_id)

    assert arena.look(url) == arena.expected


def forget_a_chunk(session: Session) -> None:
    session.execute(text("UPDATE close_chunks SET done_at = NULL WHERE number = 1"))


def forget_a_number(session: Session) -> None:
    session.execute(text("UPDATE statement_counters SET last_count = last_count - 1"))


@pytest.mark.parametrize("forget", [forget_a_chunk, forget_a_number])
def test_control_without_its_marks_a_close_could_not_be_taken_up(
    arena: Arena, killing: Stable, forget: Callable[[Session], None]
) -> None:
    """What makes it safe are the marks in the same transaction; walls stand behind."""
    url = arena.copy()
    killing.start(url, arena.period_id, "chunk 1 done")
    assert killing.wait()
    with session_on(url) as session:
        forget(session)
        session.commit()

    with pytest.raises(IntegrityError):
        run(url, arena.period_id)
