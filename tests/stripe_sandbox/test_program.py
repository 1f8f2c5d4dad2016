import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
import stripe
from sqlalchemy.orm import Session

from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.stripe_sandbox import __main__ as program
from portal.stripe_sandbox.client import SandboxHTTPClient
from portal.stripe_sandbox.keeper import Keeper
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Json
from portal.stripe_sandbox.webhooks import Courier
from tests.stripe_sandbox.conftest import NOW, SUCCESS, types_of

KEY = "sk_test_program"
SECRET = "whsec_program"
PATIENCE = 20


class Receiver:
    """A web server that answers with the given statuses, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.seen: list[tuple[bytes, str]] = []
        self._statuses = list(statuses)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.seen.append((body, self.headers["Stripe-Signature"]))
                status = outer._statuses.pop(0) if outer._statuses else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                del args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?a=b"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.seen) >= count)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(*statuses)
    try:
        yield receiver
    finally:
        receiver.close()


@contextmanager
def delivering(sandbox: Sandbox, *backoff: float) -> Iterator[Courier]:
    courier = Courier(sandbox, backoff=backoff)
    courier.start()
    try:
        yield courier
    finally:
        courier.stop()


class TestCourier:
    def test_what_is_refused_comes_again_with_a_fresh_signature(
        self, sandbox: Sandbox, client: stripe.StripeClient
    ) -> None:
        with receiving(500) as receiver:
            sandbox.register_endpoint(receiver.url, SECRET)
            client.v1.customers.create({"name": "A"})
            with delivering(sandbox, 1.1) as courier:
                courier.wake()
                receiver.wait_for(2)
                wait_until(lambda: not sandbox.store.pending)

        events = [
            client.construct_event(body, signature, SECRET)
            for body, signature in receiver.seen
        ]
        assert events[0].id == events[1].id
        assert receiver.seen[0][1] != receiver.seen[1][1]
        (delivery,) = sandbox.store.deliveries.values()
        assert (delivery["state"], delivery["attempts"]) == ("delivered", 2)

    def test_after_the_last_attempt_a_delivery_has_failed(
        self, sandbox: Sandbox, client: stripe.StripeClient
    ) -> None:
        with receiving(500, 400) as receiver:
            sandbox.register_endpoint(receiver.url, SECRET)
            client.v1.customers.create({"name": "A"})
            with delivering(sandbox, 0.0):
                wait_until(lambda: not sandbox.store.pending)

        (delivery,) = sandbox.store.deliveries.values()
        assert (delivery["state"], delivery["answer"]) == ("failed", 400)

    def test_nobody_there_is_tried_again(
        self, sandbox: Sandbox, client: stripe.StripeClient
    ) -> None:
        with receiving() as receiver:
            url = receiver.url
        sandbox.register_endpoint(url, SECRET)
        client.v1.customers.create({"name": "A"})
        courier = Courier(sandbox)

        tried = courier.deliver_due(utc_now())
        again = courier.deliver_due(utc_now())

        (delivery,) = sandbox.store.deliveries.values()
        assert (tried, again) == (1, 0)
        assert (delivery["attempts"], delivery["answer"]) == (1, None)
        assert delivery["state"] == "pending"

    def test_a_deleted_endpoint_gets_nothing_more(
        self, sandbox: Sandbox, client: stripe.StripeClient
    ) -> None:
        key = sandbox.register_endpoint("http://127.0.0.1:9/", SECRET)
        client.v1.customers.create({"name": "A"})
        (delivery,) = sandbox.store.pending
        client.v1.webhook_endpoints.delete(key)
        courier = Courier(sandbox)

        courier._deliver(delivery)
        courier._note(sandbox.store, delivery, 200)

        assert sandbox.store.deliveries[delivery]["attempts"] == 0


class TestKeeper:
    def test_a_change_is_on_disk_before_it_is_answered(
        self, sandbox: Sandbox, client: stripe.StripeClient, tmp_path: Path
    ) -> None:
        file = tmp_path / "state.json"
        keeper = Keeper(sandbox, file)
        client.v1.customers.create({"name": "A"})

        keeper.changed()

        assert types_of(Sandbox.load(file)) == ["customer.created"]

    def test_a_large_state_is_written_in_the_background(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        file = tmp_path / "state.json"
        keeper = Keeper(sandbox, file)
        keeper._last_save = 10.0
        keeper.start()

        keeper.changed()
        written_at_once = file.exists()
        wait_until(file.exists)
        keeper.stop()

        assert not written_at_once
        assert sandbox.clock >= utc_now() - timedelta(minutes=1)

    def test_a_disk_that_refuses_is_tried_again(
        self, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        folder = tmp_path / "later"
        keeper = Keeper(sandbox, folder / "state.json", ticking=False)

        keeper.changed()
        folder.mkdir()
        keeper.start()
        keeper.stop()

        assert "could not be written" in caplog.text
        assert (folder / "state.json").exists()

    def test_the_clock_follows_the_real_one(
        self, sandbox: Sandbox, client: stripe.StripeClient, tmp_path: Path
    ) -> None:
        client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "success_url": SUCCESS,
                "line_items": [
                    {
                        "price_data": {
                            "currency": "usd",
                            "unit_amount": 1,
                            "product_data": {"name": "A"},
                        },
                        "quantity": 1,
                    }
                ],
            }
        )
        keeper = Keeper(sandbox, tmp_path / "state.json")
        ahead = utc_now() + timedelta(days=400)
        sandbox.advance_to(ahead)
        keeper._seen = NOW

        keeper.tick(NOW + timedelta(hours=2))

        assert sandbox.clock == ahead.replace(microsecond=0) + timedelta(hours=2)


def test_a_call_inside_a_transaction_is_refused(client: stripe.StripeClient) -> None:
    with (
        Session() as session,
        pytest.raises(RuntimeError, match="no network"),
        transaction(session),
    ):
        client.v1.customers.list()


def test_the_in_process_client_closes(sandbox: Sandbox) -> None:
    SandboxHTTPClient(sandbox).close()


class TestOptions:
    def test_a_port_that_is_taken_is_said_in_a_sentence(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            state = str(tmp_path / "state.json")

            with pytest.raises(SystemExit) as ended:
                program.main(["--port", port, "--state", state, "--secret-key", KEY])

        assert ended.value.code == 2
        assert f"Port {port} on 127.0.0.1 is not free" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--secret-key", "sk_live_x"], "must begin with sk_test_"),
            (["--secret-key", KEY, "--webhook", "http://a.test"], "together"),
        ],
    )
    def test_options_that_make_no_sense_are_refused(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: list[str],
        words: str,
    ) -> None:
        state = str(tmp_path / "state.json")

        with pytest.raises(SystemExit) as ended:
            program.main(["--port", "0", "--state", state, *arguments])

        assert ended.value.code == 2
        assert words in capsys.readouterr().err

    def test_a_file_of_another_program_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        state = tmp_path / "state.json"
        state.write_text("{}")

        with pytest.raises(SystemExit):
            program.main(["--port", "0", "--state", str(state), "--secret-key", KEY])

        assert "does not hold the state" in capsys.readouterr().err


class TestProgram:
    @contextmanager
    def running(self, state: Path, webhook: str) -> Iterator[str]:
        arguments = ["--port", "0", "--state", str(state), "--secret-key", KEY]
        arguments += ["--webhook", webhook, "--webhook-secret", SECRET]
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.stripe_sandbox", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"ready at (http://127\.0\.0\.1:\d+) ", line)
            assert found is not None
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
            if process.stdout is not None:
                process.stdout.close()
        assert process.returncode == 0

    def test_a_buyer_pays_and_a_restart_keeps_it(self, tmp_path: Path) -> None:
        state = tmp_path / "state.json"
        with receiving() as receiver:
            with self.running(state, receiver.url) as base:
                session, location = pay_over_http(base)
                wait_until(lambda: b"checkout.session.completed" in all_of(receiver))
            with self.running(state, receiver.url) as base:
                client = stripe.StripeClient(KEY, base_addresses={"api": base})
                kept = client.v1.checkout.sessions.retrieve(session)
                endpoints = client.v1.webhook_endpoints.list().data
                wrong: Json = {"nome": "A"}
                with pytest.raises(stripe.InvalidRequestError, match="unknown param"):
                    client.v1.customers.create(wrong)

        assert location == f"https://portal.test/paid?session={session}"
        assert (kept.status, kept.payment_status) == ("complete", "paid")
        assert len(endpoints) == 1
        for body, signature in receiver.seen:
            client.construct_event(body, signature, SECRET)
        ids = [json.loads(body)["id"] for body, _ in receiver.seen]
        assert len(ids) == len(set(ids))


def all_of(receiver: Receiver) -> bytes:
    return b"".join(body for body, _ in receiver.seen)


def pay_over_http(base: str) -> tuple[str, str]:
    client = stripe.StripeClient(KEY, base_addresses={"api": base})
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": SUCCESS,
            "line_items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 500,
                        "product_data": {"name": "Fee"},
                    },
                    "quantity": 1,
                }
            ],
        }
    )
    assert session.url is not None
    card = {"email": "a@b.test", "number": "4242424242424242"}
    form = urlencode({**card, "expiry": "12/50", "cvc": "123", "name": "A"})
    connection = HTTPConnection(base.removeprefix("http://"), timeout=PATIENCE)
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", session.url.removeprefix(base), form, head)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 303
    return session.id, answer.headers["Location"]
