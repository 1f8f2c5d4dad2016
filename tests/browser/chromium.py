"""Finding Chromium, and starting it so that it talks to nobody but us."""

import os
import shutil

NOT_FOUND = (
    "BROWSER TESTS DID NOT RUN: no Chromium found. Install one (Debian: apt install "
    "chromium) or name it in CHROMIUM=/path/to/chromium."
)
REQUIRED = "GATEHOUSE_REQUIRE_BROWSER"
ARGUMENTS = (
    "--no-sandbox",  # containers and root have none
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--metrics-recording-only",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
)


def find() -> str | None:
    """The path of a Chromium, or None."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def is_required() -> bool:
    return os.environ.get(REQUIRED) == "1"
