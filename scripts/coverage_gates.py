"""Hold the coverage of the last test run against the gates.

All of `portal` together: at least 95 % of branches. The packages that decide about
money and gates: all of them.
"""

import subprocess
import sys

EVERYTHING = 95
COMPLETE = (
    "portal/kit/money.py",
    "portal/programs/*",
    "portal/enrollments/*",
    "portal/tiers/*",
    "portal/attribution/*",
    "portal/commissions/*",
    "portal/ledger/*",
    "portal/statements/*",
    "portal/payouts/*",
)


def report(*arguments: str) -> bool:
    """Print one coverage report; return whether its gate holds."""
    command = [sys.executable, "-m", "coverage", "report", *arguments]
    return subprocess.run(command, check=False).returncode == 0


def main() -> int:
    """Check every gate, so that one run shows all that is missing."""
    complete = report("--fail-under=100", f"--include={','.join(COMPLETE)}")
    everything = report(f"--fail-under={EVERYTHING}")
    return 0 if complete and everything else 1


if __name__ == "__main__":
    sys.exit(main())
