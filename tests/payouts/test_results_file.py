import pytest
from flask import Flask

from portal.payouts.files.results import Answer, Problem, Result, read


@pytest.fixture(autouse=True)
def _in_english(app: Flask) -> object:
    with app.test_request_context():
        yield


def test_answers_are_read_as_spreadsheets_write_them() -> None:
    content = (
        "\ufeffend_to_end_id,Result, reason\r\n"
        "P000001-00001,paid,\r\n"
        ",,\r\n"
        'P000001-00002, FAILED ,"account closed, says the bank"\r\n'
    ).encode()

    answers, problems = read(content)

    assert problems == []
    assert answers == [
        Answer(2, "P000001-00001", Result.PAID, ""),
        Answer(4, "P000001-00002", Result.FAILED, "account closed, says the bank"),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The first line must be"),
        (b"id,result\n", "The first line must be"),
        (b"\xff\xfe\x00", "no CSV file"),
        (b'end_to_end_id,result,reason\nP1,"paid', "no CSV file"),
        (b"end_to_end_id,result,reason\n", "no rows"),
        (b"end_to_end_id,result,reason\nP1,paid\n", "2 cells, not 3"),
        (b"end_to_end_id,result,reason\nP1,done,\n", "write paid or failed"),
        (b"end_to_end_id,result,reason\nP1,failed,\n", "say why"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, problem: str) -> None:
    answers, problems = read(content)

    assert answers == []
    assert [problem in found.text for found in problems] == [True]


def test_a_row_that_stands_twice_is_named_with_both_lines() -> None:
    content = b"end_to_end_id,result,reason\nP1,paid,\nP1,failed,closed\n"

    answers, problems = read(content)

    assert [one.line for one in answers] == [2]
    assert problems == [Problem(3, "P1 stands on line 2 already.")]
