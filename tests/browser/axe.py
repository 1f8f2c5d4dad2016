"""axe-core on a page, with what it could not decide looked at by a person."""

from importlib.resources import files
from typing import NamedTuple

from playwright.sync_api import Page

SOURCE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Triaged(NamedTuple):
    """Something that axe leaves undecided, and why it is fine."""

    rule: str
    key: str
    inside: str
    why: str


TRIAGED = (
    Triaged(
        "color-contrast",
        "elmPartiallyObscured",
        ".side nav, .tabs",
        "On a phone navigation and tabs are strips that scroll; the edge cuts a label. "
        "The labels in the middle have the same colours, and axe passes those.",
    ),
    Triaged(
        "color-contrast",
        "imgNode",
        "svg text",
        "axe does not look behind text in a drawing. The colours of chart texts are "
        "tokens, and tests/web/test_style.py computes the contrast of every pair.",
    ),
    Triaged(
        "color-contrast",
        "nonBmp",
        "[aria-hidden=true]",
        "An arrow that only adorns the words beside it.",
    ),
)

_RUN = """async ([only, triaged]) => {
  const {violations, incomplete} = await axe.run(document, {
    runOnly: only, elementRef: true,
    resultTypes: ['violations', 'incomplete'],
  });
  const keys = (node) => [...node.any, ...node.all, ...node.none].map(
    (check) => (check.data && check.data.messageKey) || check.id);
  const fine = (rule, node) => keys(node).every((key) => triaged.some(
    ([id, known, inside]) => id === rule.id && known === key
      && node.element && node.element.closest(inside)));
  const told = (kind, rule, node) =>
    `axe ${kind} ${rule.id} (${keys(node)}) ${node.target}: ${node.html.slice(0, 160)}`;
  return [
    ...violations.flatMap((rule) => rule.nodes.map((n) => told('violation', rule, n))),
    ...incomplete.flatMap((rule) => rule.nodes.filter((n) => !fine(rule, n))
      .map((n) => told('undecided', rule, n))),
  ];
}"""


def problems(page: Page) -> list[str]:
    """Violations, and whatever is undecided and not triaged."""
    return _run(page, {"type": "tag", "values": list(TAGS)})


def contrast(page: Page) -> list[str]:
    """What of that depends on the colours alone."""
    return _run(page, {"type": "rule", "values": ["color-contrast"]})


def _run(page: Page, only: dict[str, object]) -> list[str]:
    page.evaluate(f"() => {{ if (!window.axe) {{ {SOURCE} }} }}")
    triaged = [list(row[:3]) for row in TRIAGED]
    found: list[str] = page.evaluate(_RUN, [only, triaged])
    return found
