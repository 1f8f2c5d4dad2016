"""Hold what the tests ran through against the gates.

All of `portal` together: at least 95 % of lines and branches. The packages that decide
about money and gates: all of them. `make cover` measures it and calls this.
"""

import json
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

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


def missed(seen: dict[str, Any]) -> list[str]:
    """Return the lines, and the steps from line to line, that no test took."""
    steps = [f"{one}->{other}" for one, other in seen["missing_branches"]]
    return [*map(str, seen["missing_lines"]), *steps]


def main(measured: Path) -> int:
    """Check every gate, so that one run shows all that is missing."""
    coverage = json.loads(measured.read_text(encoding="utf-8"))
    incomplete = {
        name: missed(seen)
        for name, seen in sorted(coverage["files"].items())
        if missed(seen) and any(fnmatch(name, pattern) for pattern in COMPLETE)
    }
    for name, places in incomplete.items():
        print(f"{name} must be complete; no test reaches {', '.join(places)}")
    percent = coverage["summary"]["percent_covered"]
    print(f"{percent:.1f} % of everything is covered; the gate is {EVERYTHING} %.")
    return 1 if incomplete or percent < EVERYTHING else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
