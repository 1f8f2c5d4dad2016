"""Live through thousands of histories of a fee, and compare each end with Stripe's.

.venv/bin/python bench/bench_fee_histories.py 2000

Prints how many ended where Stripe is and how long it took; exits with 1 if one did not.
The same test runs with fewer of them in the suite (tests/fees/test_histories.py).
"""

import os
import sys
from pathlib import Path
from time import perf_counter

import pytest

ROOT = Path(__file__).parent.parent
MANY = 2_000


def main() -> int:
    """Run as many as the first argument says."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MANY
    os.chdir(ROOT)
    os.environ["FEE_HISTORIES"] = str(count)
    began = perf_counter()
    test = "tests/fees/test_histories.py::test_every_history_ends_where_stripe_is"
    code = int(pytest.main([test, "-q"]))
    took = perf_counter() - began
    print(f"{count} histories, {'all' if code == 0 else 'NOT all'} right, {took:.1f} s")
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main())
