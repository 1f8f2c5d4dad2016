"""A database of its own, for what only shows between real transactions."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TypeVar

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine

from portal.config import Settings
from tests.postgres import throwaway_server

T = TypeVar("T")


@pytest.fixture(scope="module")
def committed(app: Flask, settings: Settings) -> Iterator[Engine]:
    """The engine of a migrated database in which tests commit."""
    with throwaway_server() as server:
        app.extensions["portal.settings"] = replace(
            settings,
            database_url=server.app_url,
            database_owner_url=server.owner_url,
        )
        with app.app_context():
            flask_migrate.upgrade()
        app.extensions["portal.settings"] = settings
        engine = create_engine(server.app_url, pool_size=10)
        yield engine
        engine.dispose()


def at_once(work: Callable[[int, Barrier], T], workers: int = 2) -> list[T]:
    """Run `work` in several threads, which may wait for each other."""
    barrier = Barrier(workers, timeout=30)
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(work, number, barrier) for number in range(workers)]
        return [one.result(timeout=60) for one in running]
