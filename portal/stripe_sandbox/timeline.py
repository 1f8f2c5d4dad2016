"""The clock's hand: everything that happens by itself, in the order of time."""

from collections.abc import Callable, Mapping

from portal.stripe_sandbox.checkout import expire_on_time
from portal.stripe_sandbox.disputes import open_dispute
from portal.stripe_sandbox.refunds import fail_refund
from portal.stripe_sandbox.store import Store
from portal.stripe_sandbox.subscriptions import (
    renew,
    resume,
    retry,
    warn_of_trial_end,
)


def _dispute(store: Store, key: str, at: int) -> None:
    del at
    charge = store.get("charge", key)
    if not charge["disputed"]:
        open_dispute(store, charge, "fraudulent")


_TASKS: Mapping[str, Callable[[Store, str, int], None]] = {
    "dispute": _dispute,
    "expire": expire_on_time,
    "fail_refund": fail_refund,
    "renew": renew,
    "resume": resume,
    "retry": retry,
    "trial_will_end": warn_of_trial_end,
}


def advance(store: Store, until: int) -> None:
    """Move the clock forward, doing on the way what is due."""
    while (task := store.due(until)) is not None:
        at, name, key = task
        store.now = max(store.now, at)
        _TASKS[name](store, key, at)
    store.now = max(store.now, until)
