"""Lessons as people read them."""

import re

from markupsafe import Markup

from portal.programs.agreements import text_html

_TAG = re.compile(r"<(?P<slash>/?)h(?P<level>[2-6])>")
_HIGHEST = 2  # The title of the page is the first level.


def lesson_html(text: str) -> Markup:
    """Return Markdown as safe HTML, with headings that leave no level out.

    Authors begin with whichever level they like; people who listen to a page go from
    heading to heading, and miss the levels that are not there.
    """
    html = text_html(text)
    before = _HIGHEST - 1
    open_levels: dict[str, int] = {}

    def numbered(tag: re.Match[str]) -> str:
        # Tags in the text are shown, not obeyed: every one of these is a heading.
        nonlocal before
        if not tag["slash"]:
            before = min(int(tag["level"]) - lowest + _HIGHEST, before + 1)
            open_levels[tag["level"]] = before
        return f"<{tag['slash']}h{open_levels[tag['level']]}>"

    lowest = min((int(tag["level"]) for tag in _TAG.finditer(html)), default=_HIGHEST)
    return Markup(_TAG.sub(numbered, html))  # noqa: S704 - only levels have changed
