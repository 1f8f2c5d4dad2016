"""Everything that a browser complains about, collected while a test clicks."""

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response
from playwright.sync_api import Error as BrowserError

from tests.browser import axe

_ON_VIOLATION = """
document.addEventListener('securitypolicyviolation', (event) => {
  console.error(`CSP ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""
_OVERFLOW = (
    "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
)
_WIDEST = """() => [...document.querySelectorAll('body *')]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 3).map((e) => e.outerHTML.slice(0, 120))"""
BAD = 400


@dataclass
class Watch:
    """What went wrong in a browser context, and which pages were looked at."""

    problems: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    """Answers that the test provokes, such as 422."""
    seen: set[str] = field(default_factory=set)
    has_script: bool = True
    """Whether the pages may run script; without it, axe cannot either."""

    def over(self, context: BrowserContext) -> BrowserContext:
        """Begin to watch a context."""
        context.add_init_script(_ON_VIOLATION)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._error(error.error))
        context.on("response", self._response)
        return context

    def begin_anew(self, *, expected: set[int]) -> None:
        """Forget what the pages before did, for a browser that goes on."""
        self.problems.clear()
        self.seen.clear()
        self.expected = expected

    def look(self, page: Page, *, axe_too: bool = True) -> None:
        """Judge the page that is open, once for each title."""
        title = page.title()
        if title in self.seen:
            return
        self.seen.add(title)
        self.no_overflow(page)
        if axe_too:
            self.problems += [f"{page.url}: {what}" for what in axe.problems(page)]

    def contrast(self, page: Page) -> None:
        """Judge the colours once more, after they changed."""
        self.problems += [f"{page.url}: {what}" for what in axe.contrast(page)]

    def no_overflow(self, page: Page) -> None:
        wider = page.evaluate(_OVERFLOW)
        if wider > 0:
            size = page.viewport_size
            self.problems.append(
                f"{page.url} is {wider} px too wide at {size}: {page.evaluate(_WIDEST)}"
            )

    def assert_clean(self) -> None:
        assert not self.problems, "\n" + "\n".join(self.problems)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not self._is_expected(message.text):
            self.problems.append(f"console: {message.text} {message.location}")

    def _is_expected(self, text: str) -> bool:
        return any(f"status of {status}" in text for status in self.expected)

    def _error(self, error: BrowserError) -> None:
        # Chromium reports each animation between pages that it leaves out.
        if "Transition was aborted because of invalid state" in str(error):
            return
        self.problems.append(f"script: {error}")

    def _response(self, response: Response) -> None:
        if response.status >= BAD and response.status not in self.expected:
            self.problems.append(f"{response.status} {response.url}")
