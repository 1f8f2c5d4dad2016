"""What the sandbox remembers: objects, events, deliveries, the clock, ids."""

import hashlib
import heapq
import json
import marshal
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from portal.stripe_sandbox.errors import no_such

Json = Any
"""Any value that JSON can hold."""

Obj = dict[str, Json]
"""One of Stripe's objects in its current shape. Names that begin with an underscore
are the sandbox's own notes and never leave it."""

PREFIXES = {
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs_test",
    "coupon": "",
    "credit_note": "cn",
    "credit_note_line_item": "cnli",
    "customer": "cus",
    "customer_balance_transaction": "cbtxn",
    "balance_transaction": "txn",
    "discount": "di",
    "dispute": "dp",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "item": "li",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "promotion_code": "promo",
    "refund": "re",
    "request": "req",
    "subscription": "sub",
    "subscription_item": "si",
    "webhook_endpoint": "we",
}
"""The beginning of each kind's ids."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"
_LETTERS = bytes(ord(_ALPHABET[byte % len(_ALPHABET)]) for byte in range(256))
_KEY_LENGTH = 24
_FORMAT = 1


class Store:
    """One account's state. Callers hold the sandbox's lock.

    Attributes:
        now: The sandbox's clock, in seconds since 1970.
        api_version: The version in which events are written by default.
        base_url: Where the hosted pages are, without a slash at the end.
        request: The request under way, for the events it causes.
    """

    def __init__(self, *, now: int, api_version: str, seed: str, base_url: str) -> None:
        self.now = now
        self.api_version = api_version
        self.base_url = base_url
        self.objects: dict[str, dict[str, Obj]] = {}
        self.events: dict[str, Obj] = {}
        self.deliveries: dict[str, Obj] = {}
        self.pending: dict[str, None] = {}
        self.idempotency: dict[str, Obj] = {}
        self.request: Obj = {"id": None, "idempotency_key": None}
        self._seed = seed
        self._count = 0
        self._agenda: list[tuple[int, int, str, str]] = []

    def letters(self, length: int = _KEY_LENGTH) -> str:
        """Return fresh letters, the same ones in the same order for a seed."""
        self._count += 1
        digest = hashlib.sha512(f"{self._seed}:{self._count}".encode()).digest()
        return digest[:length].translate(_LETTERS).decode()

    def new_id(self, kind: str) -> str:
        """Return a fresh id such as `cus_...`."""
        return f"{PREFIXES[kind]}_{self.letters()}"

    def add(self, obj: Obj) -> Obj:
        """Keep a new object under its kind and id."""
        self.objects.setdefault(obj["object"], {})[obj["id"]] = obj
        return obj

    def get(self, kind: str, key: str, *, param: str = "id") -> Obj:
        """Return an object.

        Raises:
            ApiError: There is none.
        """
        found = self.objects.get(kind, {}).get(key)
        if found is None:
            raise no_such(kind, key, param=param)
        return found

    def find(self, key: str) -> Obj | None:
        """Return the object with this id, of whatever kind, or none."""
        prefix = key.rpartition("_")[0]
        for kind, known in PREFIXES.items():
            if known == prefix and key in self.objects.get(kind, {}):
                return self.objects[kind][key]
        return None

    def every(self, kind: str) -> Iterator[Obj]:
        """Iterate over one kind, the newest first."""
        return reversed(self.objects.get(kind, {}).values())

    def remove(self, obj: Obj) -> None:
        """Forget an object."""
        del self.objects[obj["object"]][obj["id"]]

    def emit(self, event_type: str, obj: Obj, previous: Obj | None = None) -> None:
        """Record that something happened, with `obj` as it is at this moment.

        Args:
            event_type: Such as `invoice.paid`.
            obj: What it happened to.
            previous: For `*.updated`: the old values of what changed.
        """
        key = self.new_id("event")
        self.events[key] = {
            "id": key,
            "type": event_type,
            "created": self.now,
            # Bytes are both the cheapest copy and one that cannot change.
            "snapshot": marshal.dumps(obj),
            "previous": previous,
            "request": dict(self.request),
        }
        for endpoint in self.objects.get("webhook_endpoint", {}).values():
            wanted = endpoint["enabled_events"]
            if endpoint["status"] == "enabled" and (
                "*" in wanted or event_type in wanted
            ):
                self._hand_over(key, endpoint["id"])

    def _hand_over(self, event: str, endpoint: str) -> None:
        delivery = f"{event} {endpoint}"
        self.deliveries[delivery] = {
            "event": event,
            "endpoint": endpoint,
            "attempts": 0,
            "next_at": 0.0,
            "state": "pending",
            "answer": None,
        }
        self.pending[delivery] = None

    def settle(self, delivery: str, state: str) -> None:
        """Close a delivery as `delivered` or `failed`."""
        self.deliveries[delivery]["state"] = state
        self.pending.pop(delivery, None)

    def schedule(self, at: int, task: str, key: str) -> None:
        """Note what is to be done when the clock reaches `at`."""
        self._count += 1
        heapq.heappush(self._agenda, (at, self._count, task, key))

    def due(self, until: int) -> tuple[int, str, str] | None:
        """Take the next noted task up to `until`: its time, name and object."""
        if not self._agenda or self._agenda[0][0] > until:
            return None
        at, _, task, key = heapq.heappop(self._agenda)
        return at, task, key

    def clock(self) -> datetime:
        """Return the sandbox's time."""
        return datetime.fromtimestamp(self.now, UTC)

    def dump(self) -> str:
        """Return everything as JSON."""
        for event in self.events.values():
            if isinstance(event["snapshot"], bytes):
                event["snapshot"] = json.dumps(snapshot_of(event))
        return json.dumps(
            {
                "format": _FORMAT,
                "now": self.now,
                "api_version": self.api_version,
                "base_url": self.base_url,
                "seed": self._seed,
                "count": self._count,
                "agenda": self._agenda,
                "objects": self.objects,
                "events": self.events,
                "deliveries": self.deliveries,
                "idempotency": self.idempotency,
            }
        )

    @classmethod
    def restore(cls, text: str) -> "Store":
        """Return the store that `dump` wrote.

        Raises:
            ValueError: The text is not such a dump.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ValueError("This file does not hold the state of a Stripe sandbox.")
        store = cls(
            now=data["now"],
            api_version=data["api_version"],
            seed=data["seed"],
            base_url=data["base_url"],
        )
        store._count = data["count"]
        store._agenda = [(at, n, task, key) for at, n, task, key in data["agenda"]]
        store.objects = data["objects"]
        store.events = data["events"]
        store.deliveries = data["deliveries"]
        store.idempotency = data["idempotency"]
        for key, delivery in store.deliveries.items():
            if delivery["state"] == "pending":
                store.pending[key] = None
        return store


def snapshot_of(event: Obj) -> Obj:
    """Return the object of an event as it was at that moment."""
    kept = event["snapshot"]
    if isinstance(kept, str):
        return dict(json.loads(kept))
    return dict(marshal.loads(kept))  # noqa: S302 (written by `emit`, in this process)
