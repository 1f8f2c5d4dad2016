"""Runs the demo: `python -m portal.demo`, or forgets it with `--reset-only`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from portal.demo import launcher


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the demo, or reset it; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m portal.demo",
        description="Start the whole portal with its story.",
    )
    parser.add_argument(
        "--reset-only", action="store_true", help="forget the demo's data and end"
    )
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    instance = Path(os.environ.get("PORTAL_INSTANCE_DIR") or "instance").resolve()
    say = launcher.say_to(sys.stdout)
    if options.reset_only:
        return launcher.reset(instance, say)
    return launcher.launch(instance, say)


if __name__ == "__main__":
    sys.exit(main())
