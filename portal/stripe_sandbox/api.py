"""Stripe's wire protocol: one request in, one answer out."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from portal.stripe_sandbox import timeline
from portal.stripe_sandbox.client import parameters_of
from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.parameters import check, decode, unsupported
from portal.stripe_sandbox.reading import present
from portal.stripe_sandbox.routes import Route, route_for
from portal.stripe_sandbox.store import Store

_KEPT_FOR = 86_400
_SECRET_KEY = "sk_test_"  # noqa: S105 (the beginning that every test key has)
Answer = tuple[str, int, dict[str, str]]


def answer(
    store: Store,
    secret_key: str | None,
    request: tuple[str, str, Mapping[str, str], str],
) -> Answer:
    """Answer one request of the API.

    Args:
        store: The account; the caller holds the lock.
        secret_key: The key that is let in; none lets every test key in.
        request: Its method; its address, whole or from the path on; its headers;
            the form of a POST.

    Returns:
        The body, the status and the headers of the answer.
    """
    method, url, headers, body = request
    named = {name.lower(): value for name, value in headers.items()}
    method = method.upper()
    parts = urlsplit(url)
    replayed = False
    request_id = store.new_id("request")
    try:
        _admit(secret_key, named)
        route, key = _find(method, parts.path)
        form = body if method == "POST" else parts.query
        params = _read(route, form)
        version = named.get("stripe-version", store.api_version)
        idempotency = named.get("idempotency-key") if method == "POST" else None
        print_of = hashlib.sha256(f"{parts.path}\n{form}".encode()).hexdigest()
        kept = _kept(store, idempotency, print_of)
        if kept is not None:
            text, status, replayed = kept[0], kept[1], True
        else:
            store.request = {"id": request_id, "idempotency_key": idempotency}
            text, status = _run(store, route, params, key, version)
            _keep(store, idempotency, print_of, text, status)
    except ApiError as error:
        text, status = json.dumps(error.body()), error.status
    finally:
        store.request = {"id": None, "idempotency_key": None}
    extra = {"Idempotent-Replayed": "true"} if replayed else {}
    head = {"Content-Type": "application/json", "Request-Id": request_id, **extra}
    return text, status, head


def _admit(secret_key: str | None, headers: Mapping[str, str]) -> None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise ApiError(
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth.",
            status=401,
        )
    if not key.startswith(_SECRET_KEY) or secret_key not in {None, key}:
        shown = f"{key[:8]}{'*' * 8}{key[-4:]}"
        raise ApiError(f"Invalid API Key provided: {shown}", status=401)
    if account := headers.get("stripe-account"):
        raise ApiError(
            f"The provided key does not have access to account '{account}'.",
            status=403,
            code="account_invalid",
        )


def _find(method: str, path: str) -> tuple[Route, str]:
    found = route_for(method, path)
    if found is None:
        raise ApiError(
            f"Unrecognized request URL ({method}: {path}). The Stripe sandbox does not "
            "have this address.",
            status=404,
        )
    return found


def _read(route: Route, form: str) -> dict[str, Any]:
    params: dict[str, Any] = check(parameters_of(route.library_type), decode(form))
    foreign = unsupported(params, route.supported)
    if foreign is not None:
        raise ApiError(
            f"The Stripe sandbox does not support the parameter {foreign} here.",
            code="sandbox_unsupported",
            param=foreign,
        )
    return params


def _run(
    store: Store, route: Route, params: dict[str, Any], key: str, version: str
) -> tuple[str, int]:
    expand = params.pop("expand", [])
    try:
        result = route.run(store, params, key)
        if route.method != "GET":
            timeline.advance(store, store.now)
    except ApiError as error:
        if error.kind != "card_error":
            raise
        return json.dumps(error.body()), error.status
    return json.dumps(present(store, result, version, expand)), 200


def _kept(store: Store, key: str | None, fingerprint: str) -> tuple[str, int] | None:
    kept = store.idempotency.get(key or "")
    if kept is None or kept["at"] < store.now - _KEPT_FOR:
        return None
    if kept["fingerprint"] != fingerprint:
        raise ApiError(
            "Keys for idempotent requests can only be used with the same parameters "
            f"they were first used with. Try using a key other than '{key}' if you "
            "meant to execute a different request.",
            kind="idempotency_error",
        )
    return kept["text"], kept["status"]


def _keep(
    store: Store, key: str | None, fingerprint: str, text: str, status: int
) -> None:
    """Remember an answer for a day, and forget those that are older."""
    if key is None:
        return
    kept = store.idempotency
    while kept and next(iter(kept.values()))["at"] < store.now - _KEPT_FOR:
        del kept[next(iter(kept))]
    kept.pop(key, None)
    kept[key] = {
        "fingerprint": fingerprint,
        "text": text,
        "status": status,
        "at": store.now,
    }
