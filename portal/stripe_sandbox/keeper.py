"""Keeps the state on disk and the clock running while the program serves."""

import logging
import threading
from datetime import datetime
from pathlib import Path
from time import monotonic

from portal.kit.clock import utc_now
from portal.stripe_sandbox.sandbox import Sandbox

_log = logging.getLogger(__name__)
_INTERVAL = 1.0
_QUICK = 0.05


class Keeper:
    """Writes the state to a file after changes, and lets the clock follow real time.

    A small state is written before the change is answered. Once that takes longer
    than 50 ms, it is written in the background, at most a second later.
    """

    def __init__(self, sandbox: Sandbox, path: Path, *, ticking: bool = True) -> None:
        """Prepare; `start` begins.

        Args:
            sandbox: Whose state is kept.
            path: The file.
            ticking: Let the sandbox's clock run with the real one.
        """
        self._sandbox = sandbox
        self._path = path
        self._ticking = ticking
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._saving = threading.Lock()
        self._last_save = 0.0
        self._seen = utc_now()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to keep."""
        self._thread.start()

    def changed(self) -> None:
        """Note that there is something new to write."""
        self._changed.set()
        if self._last_save < _QUICK:
            self._save()

    def tick(self, now: datetime) -> None:
        """Move the sandbox's clock on by the real time since the last call."""
        passed, self._seen = now - self._seen, now
        before = len(self._sandbox.store.events)
        with self._sandbox.lock:
            self._sandbox.advance_to(max(self._sandbox.clock + passed, now))
        if len(self._sandbox.store.events) != before:
            self._changed.set()

    def stop(self) -> None:
        """End, with everything written."""
        self._stop.set()
        self._thread.join()
        self._changed.set()
        self._save()

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL):
            if self._ticking:
                self.tick(utc_now())
            self._save()

    def _save(self) -> None:
        with self._saving:
            if not self._changed.is_set():
                return
            self._changed.clear()
            begin = monotonic()
            try:
                self._sandbox.save(self._path)
            except OSError:
                self._changed.set()
                _log.exception("The sandbox's state could not be written.")
            self._last_save = monotonic() - begin
