"""Agreements as people read them."""

import hashlib
from typing import Any

from markupsafe import Markup
from mistune import HTMLRenderer, Markdown

from portal.programs.definition import Agreement

_LOWEST_HEADING = 6


class _Renderer(HTMLRenderer):
    """Writes headings one level lower: the page's own heading stands above them."""

    def heading(self, text: str, level: int, **attrs: object) -> str:
        """Return one heading."""
        del attrs
        level = min(level + 1, _LOWEST_HEADING)
        return f"<h{level}>{text}</h{level}>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Return a picture as a link: what it shows is no part of the text.

        Somebody could change it after the signature.
        """
        return self.link(text or self.safe_url(url), url, title)


_markdown = Markdown(renderer=_Renderer(escape=True))
_parsed = Markdown(renderer=None)


def agreement_html(agreement: Agreement) -> Markup:
    """Return the text as safe HTML: tags in it are shown, not obeyed."""
    return text_html(agreement.text)


def text_html(text: str) -> Markup:
    """Return Markdown as safe HTML: tags in it are shown, not obeyed."""
    return Markup(_markdown(text))  # noqa: S704 - the renderer escapes


def text_parts(text: str) -> list[dict[str, Any]]:
    """Return Markdown as a tree of parts, for a page that is not HTML."""
    parts = _parsed(text)
    return [] if isinstance(parts, str) else parts


def text_sha256(text: str) -> str:
    """Return the hash of the exact Markdown, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
