"""A database of its own, for what only shows between real transactions."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import Engine, create_engine

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
