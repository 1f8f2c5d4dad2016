"""A few of the thousand random statements that `make experiments` renders."""

import random

import pytest

from portal.statements import documents
from tests.experiments.rendering import (
    amounts_in_major,
    any_statement,
    differences,
    of_csv,
)


@pytest.mark.parametrize("seed", range(8))
def test_four_files_say_the_same_to_the_last_unit(seed: int) -> None:
    assert differences(any_statement(random.Random(seed))) == []  # noqa: S311


def test_control_one_unit_more_on_one_line_is_noticed() -> None:
    statement = any_statement(random.Random(1))  # noqa: S311
    content = documents.render(statement, "csv", "")

    statement.lines[0].amount_minor += 1

    assert of_csv(content) != amounts_in_major(statement)
