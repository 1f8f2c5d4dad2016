"""A refusal is read by people: its message goes through gettext."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_house_rules import MODULES, name_of, tree_of

BESIDE_THE_PORTAL = {"stripe_sandbox", "demo"}
"""What no customer's people see: they speak to engineers, in English."""
IN_THE_PORTAL = [m for m in MODULES if BESIDE_THE_PORTAL.isdisjoint(m.parts)]


def refusals() -> set[str]:
    """Return the names of `DomainError` and of all that inherits from it."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ClassDef)
    }
    found = {"DomainError"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


REFUSALS = refusals()


def untranslated(tree: ast.AST) -> Iterator[int]:
    """Yield the lines on which a refusal is made with a bare text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if name in REFUSALS and _is_bare(node.args[0]):
            yield node.lineno


def _is_bare(message: ast.expr) -> bool:
    if isinstance(message, ast.IfExp):
        return _is_bare(message.body) or _is_bare(message.orelse)
    if isinstance(message, ast.BinOp):
        return _is_bare(message.left) or _is_bare(message.right)
    return isinstance(message, ast.Constant | ast.JoinedStr)


@pytest.mark.parametrize("module", IN_THE_PORTAL, ids=name_of)
def test_a_refusal_speaks_through_gettext(module: Path) -> None:
    assert list(untranslated(tree_of(module))) == []


@pytest.mark.parametrize(
    "refusal",
    [
        'raise Conflict("No.")',
        'raise Conflict(f"No, {name}.")',
        'raise errors.Invalid("No." if short else _("No, thanks."), field="x")',
        'raise Conflict(_("No") + ".")',
    ],
)
def test_a_bare_text_would_be_found(refusal: str) -> None:
    assert list(untranslated(ast.parse(refusal))) == [1]
