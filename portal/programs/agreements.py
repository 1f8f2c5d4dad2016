"""Agreements as people read them."""

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


_markdown = Markdown(renderer=_Renderer(escape=True))


def agreement_html(agreement: Agreement) -> Markup:
    """Return the text as safe HTML: tags in it are shown, not obeyed."""
    return Markup(_markdown(agreement.text))  # noqa: S704 - the renderer escapes
