"""Rules of the house that no linter knows."""

import ast
import re
import warnings
from functools import cache
from pathlib import Path

import pytest
from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "portal").rglob("*.py"))
TEMPLATES = sorted(p for p in (ROOT / "templates").rglob("*.*") if p.is_file())
PAGES = [p for p in TEMPLATES if "emails" not in p.parts and p.suffix == ".html"]

COMMITS_HERE = {"portal/kit/db.py"}
COMMIT_OR_NOT = {"commit", "rollback"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
MONEY = (
    "portal/kit/money.py",
    "portal/attribution/",
    "portal/commissions/",
    "portal/fees/",
    "portal/ledger/",
    "portal/payouts/",
    "portal/programs/",
    "portal/sales/",
    "portal/statements/",
    "portal/tiers/",
)
SAFE_HERE: dict[str, str] = {}
"""Templates that may say `|safe`, each with the reason."""
LONG, TOO_LONG, LONGEST_FUNCTION = 400, 600, 80
_INLINE = re.compile(
    r"<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|<script\b(?![^>]*\bsrc=)|javascript:",
    re.IGNORECASE,
)
_MACHINE_PATHS = re.compile(r"/(?:home|Users|root|work|tmp)/[\w.-]+")
_TEXT = {".py", ".html", ".txt", ".md", ".toml", ".yaml", ".yml", ".css", ".js", ".ini"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text())


every_module = pytest.mark.parametrize("module", MODULES, ids=name_of)


@every_module
def test_only_transaction_commits(module: Path) -> None:
    """A command or a job that has read a list may let go of it before each item."""
    calls = {
        node.func.attr
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    refused = {"commit"} if module.name in {"cli.py", "tasks.py"} else COMMIT_OR_NOT

    assert name_of(module) in COMMITS_HERE or calls.isdisjoint(refused)


@every_module
def test_imports_are_at_the_top(module: Path) -> None:
    hidden = [
        inner.lineno
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert hidden == []


@every_module
def test_only_models_assign_a_status(module: Path) -> None:
    if "stripe_sandbox" in module.parts:
        return  # its objects are Stripe's, not ours
    targets: list[ast.expr] = []
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets.append(node.target)
    assigned = [
        target.lineno
        for target in targets
        if isinstance(target, ast.Attribute) and target.attr == "status"
    ]

    assert module.name == "models.py" or assigned == []


@every_module
def test_modules_are_named_for_what_they_hold_and_stay_short(module: Path) -> None:
    lines = len(module.read_text().splitlines())

    assert module.stem not in VAGUE
    assert module.parent.name not in VAGUE
    assert lines <= TOO_LONG
    if lines > LONG:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"{name_of(module)} has {lines} lines", stacklevel=2)


@every_module
def test_functions_stay_short(module: Path) -> None:
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert long == []


@every_module
def test_money_is_never_a_fraction(module: Path) -> None:
    if not name_of(module).startswith(MONEY):
        return
    found = [
        node.lineno
        for node in ast.walk(tree_of(module))
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"float", "round"}
        )
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]

    assert found == []


def test_templates_compile(app: Flask) -> None:
    for template in TEMPLATES:
        app.jinja_env.get_template(str(template.relative_to(ROOT / "templates")))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_have_no_inline_script_or_style(page: Path) -> None:
    assert _INLINE.findall(page.read_text()) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=name_of)
def test_nothing_is_called_safe_without_a_reason(template: Path) -> None:
    is_safe = re.search(r"\|\s*safe\b|autoescape\s+false", template.read_text())

    assert name_of(template) in SAFE_HERE or is_safe is None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_post_form_carries_the_token(page: Path) -> None:
    """A form written by hand says so itself; macros do it for the others."""
    forms = re.findall(
        r"<form\b[^>]*method=\"post\".*?</form>", page.read_text(), re.DOTALL
    )

    assert [f for f in forms if "csrf_token" not in f and "csrf()" not in f] == []


def test_nothing_names_a_folder_of_one_machine() -> None:
    folders = ("portal", "templates", "static", "migrations", "docs", "bench")
    paths = [p for folder in folders for p in (ROOT / folder).rglob("*")]
    paths += [ROOT / name for name in ("README.md", "pyproject.toml", "Makefile")]
    found = [
        f"{name_of(path)}: {match.group()}"
        for path in paths
        if path.is_file() and (path.suffix in _TEXT or not path.suffix)
        if (match := _MACHINE_PATHS.search(path.read_text(errors="replace")))
    ]

    assert found == []
