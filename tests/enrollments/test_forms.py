import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from portal.enrollments.forms import ConfirmForm, WithdrawForm


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("   ", "Write why, so that others understand it later."),
        ("x" * 501, "Write at most 500 characters."),
        ("bell \x07", "characters we cannot show"),
        (" It is there.\nSeen today. ", ""),
    ],
)
def test_a_reason_is_words_that_can_be_kept(
    app: Flask, reason: str, words: str
) -> None:
    with app.test_request_context():
        form = WithdrawForm(MultiDict({"reason": reason}))

        assert form.validate() is (not words)
        assert words in str(form.errors)
        assert form.reason.data == reason.strip()


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "31.12.2026"])
def test_a_day_is_a_day(app: Flask, day: str) -> None:
    with app.test_request_context():
        form = ConfirmForm(MultiDict({"reason": "There.", "last_on": day}))

        assert not form.validate()
        assert set(form.errors) == {"last_on"}
