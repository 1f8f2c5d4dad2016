"""Work that happens after the commit, through Procrastinate on our own database.

`defer` writes the job in the caller's transaction: the change and its job are both
there, or neither is. Every task may run twice, and again after a crash; it opens its
own transaction.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec

import procrastinate
from flask import Flask
from procrastinate.testing import InMemoryConnector
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.kit.db import violates

P = ParamSpec("P")

log = logging.getLogger(__name__)

registry = procrastinate.App(connector=InMemoryConnector())
"""Every task by name; the worker runs them over a connector of its own."""

TASKS: dict[str, Callable[..., None]] = {}
"""The bare functions behind the tasks, for running a job on the spot."""

_QUEUEING_LOCK = "procrastinate_jobs_queueing_lock_idx_v1"
_DEFER = text(
    """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
      ROW('default', :task, 0, :lock, :queueing_lock, CAST(:args AS jsonb), :at)
      ::procrastinate_job_to_defer_v1])
    """
)

_HOLD = text(
    """
    SELECT id FROM procrastinate_jobs
    WHERE queueing_lock = :queueing_lock AND status = 'todo' FOR UPDATE
    """
)

_bound: list[Flask] = []


def bind(app: Flask) -> None:
    """Make tasks run inside the context of `app`."""
    _bound[:] = [app]


def task(
    name: str, *, attempts: int = 5
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Register a function as the task `name`.

    Args:
        name: `<feature>.<verb>`, such as `mail.deliver`.
        attempts: How often it is tried, with growing pauses, before it counts as
            failed.
    """

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            with _bound[0].app_context():
                function(*args, **kwargs)

        retry = procrastinate.RetryStrategy(max_attempts=attempts, exponential_wait=4)
        registry.task(name=name, retry=retry)(run)
        TASKS[name] = function
        return function

    return decorate


def periodic(
    name: str, cron: str
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that runs by the clock, once for all workers.

    Args:
        name: `<feature>.<verb>`.
        cron: When, in the five fields of a crontab, in UTC.
    """

    def decorate(function: Callable[[], None]) -> Callable[[], None]:
        def run(timestamp: int) -> None:
            del timestamp
            with _bound[0].app_context():
                function()

        registered = registry.task(name=name, queueing_lock=name)(run)
        registry.periodic(cron=cron)(registered)
        TASKS[name] = function
        return function

    return decorate


def defer(
    session: Session,
    name: str,
    args: dict[str, Any] | None = None,
    *,
    at: datetime | None = None,
    lock: str | None = None,
    queueing_lock: str | None = None,
) -> None:
    """Queue the task `name` in the caller's transaction.

    Args:
        session: The session that holds the open transaction.
        name: The registered task.
        args: Its keyword arguments; JSON values only.
        at: Not before this moment.
        lock: Jobs with the same lock run one after the other.
        queueing_lock: While a job with this lock waits, another one is not added.
            The one that waits does not start before the caller's transaction ends,
            so it sees the change.

    Raises:
        KeyError: No such task.
    """
    values = {
        "task": name if name in TASKS else TASKS[name],
        "args": json.dumps(args or {}),
        "at": at,
        "lock": lock,
        "queueing_lock": queueing_lock,
    }
    if queueing_lock is None:
        session.execute(_DEFER, values)
        return
    # Workers skip a locked job. If one has just taken it, another must be added; if
    # somebody else has just added it, that one is held.
    while session.execute(_HOLD, values).first() is None:
        if _is_added(session, values):
            return


def _is_added(session: Session, values: dict[str, Any]) -> bool:
    try:
        with session.begin_nested():
            session.execute(_DEFER, values)
    except IntegrityError as error:
        if not violates(error, _QUEUEING_LOCK):
            raise
        return False
    return True


async def retry_stalled_jobs(app: procrastinate.App) -> int:
    """Queue again what a killed worker had in hand; return how many jobs."""
    stalled = list(await app.job_manager.get_stalled_jobs())
    for job in stalled:
        log.warning("jobs.stalled id=%s task=%s", job.id, job.task_name)
        await app.job_manager.retry_job(job)
    return len(stalled)


@registry.periodic(cron="* * * * *")
@registry.task(name="jobs.retry_stalled", pass_context=True, queueing_lock="stalled")
async def _retry_stalled(context: procrastinate.JobContext, timestamp: int) -> None:
    del timestamp
    await retry_stalled_jobs(context.app)
