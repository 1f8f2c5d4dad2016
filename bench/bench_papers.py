"""How many statements a core sets on paper in a second, in parallel workers.

.venv/bin/python bench/bench_papers.py [--statements 10000] [--workers 2]

Every statement differs; each has 1 to 24 lines, and one of them is broken. The floor is
what one process does without workers, measured in the same run: so the ratio says what
handing pages out costs. Both are processor time, which other work on the machine does
not change; the seconds on the clock are printed as well. Peak memory is that of the
largest worker.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time

from portal.statements.documents import many
from portal.statements.documents.many import Page
from tests.experiments.rendering import any_statement

BASE = "https://partners.acme.test"
SAMPLE = 200
LIMIT = 1.6
"""What a page may cost in workers, as a multiple of what it costs alone."""


def pages(count: int) -> Iterator[Page]:
    """Yield that many pages; the one in the middle lacks what it has to print."""
    rng = random.Random(7)
    for number in range(count):
        made = any_statement(rng)
        made.lines = made.lines[:24]
        page = replace(many.page_of(made, BASE), name=f"{number:06}.pdf")
        if number == count // 2:
            data = {key: text for key, text in page.data.items() if key != "program"}
            page = replace(page, data=data)
        yield page


def main() -> None:
    """Render, count, and print the ratio to the floor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--statements", type=int, default=1_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started, busy = perf_counter(), process_time()
        found = list(
            many.write_pages(
                pages(asked.statements), Path(folder), workers=asked.workers
            )
        )
        seconds, handing_out = perf_counter() - started, process_time() - busy
        files = list(Path(folder).iterdir())
        size = sum(file.stat().st_size for file in files)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    worker = children.ru_maxrss // 1024
    parent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    alone = _alone()
    broken = [done for done in found if done.problem]
    setting = children.ru_utime + children.ru_stime
    each = (setting + handing_out) / asked.statements
    print(
        f"{len(files)} PDFs, {size / 1e6:.0f} MB, in {seconds:.1f} s on the clock "
        f"with {asked.workers} workers"
    )
    print(f"{1 / each:.1f} documents a second of one core")
    print(f"peak memory {worker} MB in a worker, {parent} MB in the parent")
    print(f"{len(broken)} broken: {broken[0].name}: {broken[0].problem}")
    print(
        f"{each * 1000:.1f} ms a page in workers, {alone * 1000:.1f} ms alone: "
        f"{each / alone:.2f} x (limit {LIMIT} x)"
    )
    is_whole = len(broken) == 1 and len(files) == asked.statements - 1
    sys.exit(each / alone > LIMIT or not is_whole)


def _alone() -> float:
    """Return the seconds that one page takes without workers."""
    with tempfile.TemporaryDirectory() as folder:
        sample = list(islice(pages(SAMPLE), SAMPLE // 2))
        many.write_page(sample[0], Path(folder))  # reads the fonts
        started = process_time()
        for page in sample:
            many.write_page(page, Path(folder))
        return (process_time() - started) / len(sample)


if __name__ == "__main__":
    main()
