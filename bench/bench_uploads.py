"""How long files take to look into, and how much memory, bombs among them.

python -m bench.bench_uploads

Each file is looked into as in production, by a process of its own; its time is wall
time, its memory the largest resident size of any such process so far. Prints figures,
asserts nothing.
"""

import platform
import resource
from time import perf_counter

from portal.kit.uploads import FileRefused, accept
from tests.factories import files

FILES = {
    "small.pdf": files.pdf(),
    "300 pages.pdf": files.pdf(300),
    "small.png": files.picture(),
    "36 megapixels.png": files.picture("PNG", (6_000, 6_000)),
    "36 megapixels.jpg": files.picture("JPEG", (6_000, 6_000)),
    "pixel bomb, 30,000 square.png": files.pixel_bomb(),
    "comment bomb, 300 MB.png": files.text_bomb(300),
    "stream bomb, 400 MB.pdf": files.pdf_bomb(400),
}


def main() -> None:
    """Print one line for each file."""
    print(f"{platform.machine()}, Python {platform.python_version()}")
    print(f"{'file':32} {'kB':>8} {'seconds':>8} {'MB':>6}  result")
    for name, content in FILES.items():
        began = perf_counter()
        try:
            result = f"taken, {len(accept(content, name).content) // 1000} kB"
        except FileRefused as refusal:
            result = f"refused: {refusal.why.value}"
        took = perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        kilobytes = len(content) / 1000
        print(f"{name:32} {kilobytes:8.0f} {took:8.2f} {peak:6}  {result}")


if __name__ == "__main__":
    main()
