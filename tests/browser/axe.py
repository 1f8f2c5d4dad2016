"""axe-core on a page, with what it could not decide looked at by a person."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

SOURCE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN = """tags => axe.run(document, {
  runOnly: {type: 'tag', values: tags}, resultTypes: ['violations', 'incomplete'],
})"""

TRIAGED: dict[tuple[str, str], str] = {}
"""What axe leaves undecided and a person has looked at: rule and message, and why."""


def problems(page: Page) -> list[str]:
    """Violations, and whatever is undecided and not triaged."""
    page.evaluate(f"() => {{ if (!window.axe) {{ {SOURCE} }} }}")
    found = page.evaluate(_RUN, list(TAGS))
    return [
        *(_told("violation", rule, node) for rule, node in _nodes(found["violations"])),
        *(
            _told("undecided", rule, node)
            for rule, node in _nodes(found["incomplete"])
            if not all((rule["id"], key) in TRIAGED for key in _keys(node))
        ),
    ]


def _nodes(rules: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(rule, node) for rule in rules for node in rule["nodes"]]


def _keys(node: dict[str, Any]) -> set[str]:
    """Why axe could not decide about an element."""
    checks = [*node["any"], *node["all"], *node["none"]]
    return {
        str((check.get("data") or {}).get("messageKey") or check["id"])
        if isinstance(check.get("data"), dict)
        else str(check["id"])
        for check in checks
    }


def _told(kind: str, rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = sorted(_keys(node))
    return f"axe {kind} {rule['id']} {why}: {node['target']} {node['html'][:160]}"
