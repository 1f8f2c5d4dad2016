"""A database of its own, for what only shows between real transactions."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import Engine, create_engine, text

from portal.kit.postgres import EmbeddedPostgres
from tests.databases import MakeDatabase, named

T = TypeVar("T")


@pytest.fixture(scope="module")
def committed(server: EmbeddedPostgres, new_database: MakeDatabase) -> Iterator[Engine]:
    """The engine of a migrated database in which tests commit."""
    engine = create_engine(named(server.app_url, new_database()), pool_size=10)
    yield engine
    engine.dispose()


def at_once(work: Callable[[int, Barrier], T], workers: int = 2) -> list[T]:
    """Run `work` in several threads, which may wait for each other."""
    barrier = Barrier(workers, timeout=30)
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, number, barrier) for number in range(workers)]
        return [one.result(timeout=60) for one in running]


@contextmanager
def without_index(committed: Engine, name: str, *, gone: bool) -> Iterator[None]:
    """Take the wall away inside the block, and build it up again."""
    if not gone:
        yield
        return
    owner = create_engine(committed.url.set(username="postgres"))
    with owner.begin() as connection:
        definition = connection.scalar(
            text("SELECT indexdef FROM pg_indexes WHERE indexname = :name"),
            {"name": name},
        )
        connection.execute(text(f"DROP INDEX {name}"))
    yield
    with owner.begin() as connection:
        connection.execute(text(str(definition)))
    owner.dispose()
