"""What can be told from the files in `static/` alone."""

import gzip
import re
from xml.etree import ElementTree as ET

import pytest

from tests.web.conftest import ROOT

CSS = (ROOT / "static/app.css").read_text()
JS = (ROOT / "static/app.js").read_text()
TOKEN = re.compile(r"--([\w-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)")
TOKENS = {name: (light, dark) for name, light, dark in TOKEN.findall(CSS)}

TEXT, LARGE_OR_CONTROL = 4.5, 3.0
PAIRS = [
    *[("text", ground, 7.0) for ground in ("bg", "surface", "surface-2", "accent-bg")],
    *[("muted", ground, TEXT) for ground in ("bg", "surface", "surface-2")],
    *[
        ("accent-text", ground, TEXT)
        for ground in ("bg", "surface", "surface-2", "accent-bg")
    ],
    ("accent-fg", "accent", TEXT),
    ("accent-fg", "accent-hover", TEXT),
    ("bad-fg", "bad", TEXT),
    ("bad", "surface", TEXT),
    ("bad", "bg", TEXT),
    *[(tone, f"{tone}-bg", TEXT) for tone in ("ok", "warn", "bad", "info", "neutral")],
    *[("text", f"{tone}-bg", TEXT) for tone in ("ok", "warn", "bad", "info")],
    *[(tone, "surface", LARGE_OR_CONTROL) for tone in ("ok", "warn", "bad", "info")],
    *[("control", ground, LARGE_OR_CONTROL) for ground in ("bg", "surface")],
    *[("focus", ground, LARGE_OR_CONTROL) for ground in ("bg", "surface", "surface-2")],
    *[(f"chart-{n}", "surface", LARGE_OR_CONTROL) for n in (1, 2, 3)],
    ("bg", "text", 7.0),  # a toast
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "needed"), PAIRS)
def test_every_pair_of_colours_can_be_read(
    ink: str, ground: str, needed: float, theme: int
) -> None:
    assert contrast(TOKENS[ink][theme], TOKENS[ground][theme]) >= needed


def test_black_on_white_is_21_to_1() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)


def test_style_and_script_stay_small() -> None:
    assert len(gzip.compress(CSS.encode(), 9)) <= 14_000
    assert len(gzip.compress(JS.encode(), 9)) <= 10_000


def test_sides_are_logical_so_that_one_file_serves_both_directions() -> None:
    physical = re.compile(
        r"(?<![\w-])(?:(?:margin|padding|border)-)?(?:left|right)\b[^:;{}]*:"
        r"|(?:float|text-align): *(?:left|right)\b"
        r"|(?<![\w-])(?:(?:min|max)-)?(?:width|height): "
    )
    without_queries = re.sub(r"@media \([^)]*\)", "", CSS)

    assert physical.findall(without_queries) == []


def test_colours_are_tokens() -> None:
    after_tokens = CSS.split("@layer base {", 1)[1].split("@layer print {", 1)[0]

    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?!-)", after_tokens) == []


def test_braces_of_the_style_sheet_match() -> None:
    assert CSS.count("{") == CSS.count("}")


@pytest.mark.parametrize(
    "sink", ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"]
)
def test_script_never_makes_html_from_text(sink: str) -> None:
    assert sink not in JS


def test_icons_that_templates_name_exist() -> None:
    sprite = ET.parse(ROOT / "static/icons.svg").getroot()  # noqa: S314 - ours
    drawn = {symbol.get("id") for symbol in sprite}
    named = {
        name
        for path in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r'icon\("([a-z]+)"', path.read_text())
    }

    assert named - drawn == set()


def test_every_macro_says_what_it_takes() -> None:
    for path in (ROOT / "templates/_macros").glob("*.html"):
        text = path.read_text()
        for name in re.findall(r"{% macro ([a-z]\w*)\(", text):
            assert f"{{#- {name}(" in text, f"{path.name}: {name}"
