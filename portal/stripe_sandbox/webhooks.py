"""Telling the world: signed events over HTTP, at least once."""

import hashlib
import hmac
import http.client
import json
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from portal.kit.clock import utc_now
from portal.stripe_sandbox.store import Store
from portal.stripe_sandbox.versions import render_event

_log = logging.getLogger(__name__)

BACKOFF = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 10_800.0, 43_200.0, 86_400.0)
"""Seconds between one attempt and the next; after the last a delivery has failed."""
_TIMEOUT = 10.0
_IDLE = 0.5
_BATCH = 50
_SUCCESS = range(200, 300)
_LONGEST_ANSWER = 65_536


class HasStore(Protocol):
    """What a courier needs of a sandbox."""

    store: Store
    lock: threading.RLock


def sign(body: bytes, secret: str, at: datetime) -> str:
    """Return the value of `Stripe-Signature` for a body sent at this moment."""
    moment = int(at.timestamp())
    signed = f"{moment}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def body_of(store: Store, delivery: str) -> bytes:
    """Return the event of a delivery in the version of its endpoint."""
    note = store.deliveries[delivery]
    endpoint = store.get("webhook_endpoint", note["endpoint"])
    version = endpoint["api_version"] or store.api_version
    event = render_event(store.events[note["event"]], version, 1)
    return json.dumps(event).encode()


class Courier:
    """A thread that delivers what is pending, and tries again what was refused."""

    def __init__(
        self,
        sandbox: HasStore,
        *,
        backoff: Sequence[float] = BACKOFF,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            sandbox: Whose events are delivered.
            backoff: Seconds between attempts.
            after: Called when the state of deliveries has changed.
        """
        self._sandbox = sandbox
        self._backoff = tuple(backoff)
        self._after = after
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Look for work now instead of in half a second."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the delivery under way and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            if not self.deliver_due(utc_now()):
                self._wake.wait(_IDLE)
                self._wake.clear()
        for connection in self._connections.values():
            connection.close()

    def deliver_due(self, now: datetime) -> int:
        """Try every pending delivery whose time has come.

        Returns:
            How many were tried.
        """
        with self._sandbox.lock:
            store = self._sandbox.store
            due = [
                key
                for key in store.pending
                if store.deliveries[key]["next_at"] <= now.timestamp()
            ][:_BATCH]
        for key in due:
            if self._stopping:
                break
            self._deliver(key)
        if due:
            self._after()
        return len(due)

    def _deliver(self, key: str) -> None:
        with self._sandbox.lock:
            store = self._sandbox.store
            if key not in store.pending:
                return
            endpoint = store.get("webhook_endpoint", store.deliveries[key]["endpoint"])
            url, secret = endpoint["url"], endpoint["_secret"]
            body = body_of(store, key)
        status = self._post(url, body, sign(body, secret, utc_now()))
        with self._sandbox.lock:
            self._note(self._sandbox.store, key, status)

    def _note(self, store: Store, key: str, status: int | None) -> None:
        if key not in store.pending:
            return
        delivery = store.deliveries[key]
        delivery["attempts"] += 1
        delivery["answer"] = status
        if status is not None and status in _SUCCESS:
            store.settle(key, "delivered")
        elif delivery["attempts"] > len(self._backoff):
            store.settle(key, "failed")
        else:
            wait = self._backoff[delivery["attempts"] - 1]
            delivery["next_at"] = utc_now().timestamp() + wait

    def _post(self, url: str, body: bytes, signature: str) -> int | None:
        """Send one event. Returns the status, or none when nobody answered."""
        parts = urlsplit(url)
        path = parts.path or "/"
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature,
            "User-Agent": "Stripe/1.0 (sandbox)",
        }
        connection = self._connection(parts.scheme, parts.netloc)
        try:
            target = f"{path}?{parts.query}" if parts.query else path
            connection.request("POST", target, body, headers)
            response = connection.getresponse()
            response.read(_LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            _log.info("No answer from %s: %s", url, error)
            self._connections.pop(parts.netloc).close()
            return None
        return response.status

    def _connection(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        if netloc not in self._connections:
            secure = scheme == "https"
            make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connections[netloc] = make(netloc, timeout=_TIMEOUT)
        return self._connections[netloc]
