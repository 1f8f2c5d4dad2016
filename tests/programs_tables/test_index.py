"""Every numbered row of the published tables has a test that carries its number.

Rows stand in the data files here, or in the name of a test elsewhere, such as
`test_row_2_11_who_was_being_sold_to_is_nobodys`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PUBLISHED = {
    1: (1, 3, 5, 7, 9, 11, 13, 15, 17, 19),
    2: (1, 3, 5, 7, 9, 11),
    3: (1, 3, 5),
    4: (1, 3, 5),
    5: (1, 3, 5, 7),
    6: (1, 3, 5, 7, 9),
    7: (1, 3, 5, 7),
    8: (1, 3, 5),
    9: (1, 3, 5, 7),
    10: (1, 3, 5),
    11: (1, 3, 5, 7),
    12: (1, 3, 5, 7),
    13: (1, 3, 5, 7, 9),
    14: (1, 3, 5, 7, 9, 11, 13, 15),
    15: (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23),
}
"""The numbers of the rows, by section."""
EDGES = ("49,999.99", "50,000.00", "100,000.00", "175,000.00")
SECTIONS = {
    "hubspot-solutions-partner": 1,
    "hubspot-affiliate": 2,
    "monday-partner": 3,
    "monday-affiliate": 4,
    "salesforce-consulting": 5,
    "software-advice-ppl": 8,
    "sparkloop-paid": 9,
}
"""The section of a row that is named by its preset."""


def names_in_data() -> list[str]:
    """The names of all rows in the data files."""
    return [
        name.strip(' "')
        for path in sorted(Path(__file__).parent.glob("*.yaml"))
        for name in re.findall(
            r"row: (\"[^\"]*\"|[^{}\n]*)", path.read_text(encoding="utf-8")
        )
    ]


def names_of_tests() -> list[str]:
    """The names of all tests that carry a number."""
    return [
        name
        for path in sorted(TESTS.rglob("*.py"))
        if path != Path(__file__)
        for name in re.findall(r"def (test_row_\w+)", path.read_text(encoding="utf-8"))
    ]


def numbers(names: list[str]) -> Iterator[tuple[int, int]]:
    """Yield the section and the number that each name carries."""
    for name in names:
        if found := re.match(r"(?:test_row_)?(\d+)[._](\d+)(?!\d)", name):
            yield int(found[1]), int(found[2])
        elif found := re.match(r"worked example (\d+)", name):
            yield 15, int(found[1])
        elif found := re.match(r"([\w-]+) row (\d+)", name):
            yield SECTIONS.get(found[1], 0), int(found[2])


def missing(section: int, names: list[str]) -> set[int]:
    """Return the rows of a section that no name carries."""
    tested = {number for at, number in numbers(names) if at == section}
    return set(PUBLISHED[section]) - tested


@pytest.mark.parametrize("section", PUBLISHED)
def test_every_row_has_a_test_that_carries_its_number(section: int) -> None:
    assert missing(section, names_in_data() + names_of_tests()) == set()


def test_a_row_without_a_test_is_missed() -> None:
    known = names_in_data() + names_of_tests()
    without = [name for name in known if not name.startswith("worked example 23")]

    assert len(without) < len(known)
    assert missing(15, without) == {23}


@pytest.mark.parametrize("total", EDGES)
@pytest.mark.parametrize("method", ["marginal", "retroactive"])
def test_every_edge_row_has_a_test(total: str, method: str) -> None:
    assert f"edge row {total} {method}" in names_in_data()


def test_the_blank_program_has_its_rows() -> None:
    assert "the blank program of section 16" in names_in_data()
    assert any(name.startswith("test_row_16_") for name in names_of_tests())
