"""Many statements on paper at once, in processes of their own.

A process that has set a page must not fork, so the workers are spawned. Each page is
sent to them as the texts that it prints: they need no database.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import typst

from portal.statements.documents import as_pdf, filename, verify_url
from portal.statements.models import Statement
from portal.web.paper import set_paper

_WAITING = 4
"""How many pages wait for each worker: enough to keep it busy, few enough that the
memory does not grow with the number of statements."""


@dataclass(frozen=True, slots=True)
class Page:
    """One PDF to be made.

    Attributes:
        name: The name of the file.
        data: The texts of the page; see `as_pdf.page_data`.
        dated: The only date in the file.
    """

    name: str
    data: dict[str, Any]
    dated: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one page.

    Attributes:
        name: The name of the file.
        problem: Why there is no file; empty where there is one.
    """

    name: str
    problem: str = ""


def page_of(statement: Statement, base_url: str) -> Page:
    """Return the page of a statement that was loaded with its lines."""
    return Page(
        filename(statement, "pdf"),
        as_pdf.page_data(statement, verify_url(statement, base_url)),
        statement.issued_at,
    )


def write_page(page: Page, folder: Path) -> Done:
    """Write one PDF; one that cannot be set or written is reported."""
    try:
        content = set_paper(as_pdf.TEMPLATE, page.data, dated=page.dated)
        (folder / page.name).write_bytes(content)
    except (typst.TypstError, OSError) as error:
        return Done(page.name, str(error).partition("\n")[0])
    return Done(page.name)


def write_pages(pages: Iterable[Page], folder: Path, *, workers: int) -> Iterator[Done]:
    """Write PDFs in several processes; yield each as it is done.

    One that is broken stops no other.

    Args:
        pages: What to write; read only as fast as it is written.
        folder: Where the files go.
        workers: How many processes.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: set[Future[Done]] = set()
        for page in pages:
            running.add(pool.submit(write_page, page, folder))
            if len(running) >= workers * _WAITING:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        yield from (one.result() for one in wait(running).done)
