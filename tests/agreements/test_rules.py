from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portal.agreements import rules
from portal.agreements.rules import Terms
from portal.programs.definition import ProgramDefinition, SignAgain
from tests.agreements.signing import definition_with

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def version(day: int, name: str, text: str = "", days: int | None = None) -> Any:  # noqa: ANN401 - a moment and a definition
    document = definition_with(name, text or f"Text {name}.", within_days=days)
    definition = ProgramDefinition.model_validate(document)
    return (START + day * DAY, definition)


def without_agreement(day: int) -> Any:  # noqa: ANN401 - a moment and a definition
    document = definition_with("2026-01")
    document["agreement"] = None
    document["gates"] = [g for g in document["gates"] if g["kind"] != "agreement"]
    return (START + day * DAY, ProgramDefinition.model_validate(document))


def names(terms: list[Terms]) -> list[str]:
    return [one.agreement.version for one in terms]


def terms(*versions: Any) -> list[Terms]:  # noqa: ANN401 - as above
    return rules.terms_of(versions)


class TestTerms:
    def test_each_text_once_in_the_order_in_which_they_count(self) -> None:
        found = terms(
            version(0, "2026-01"),
            version(5, "2026-01"),
            version(9, "2026-02", days=30),
            version(12, "2026-02", days=30),
        )

        assert names(found) == ["2026-01", "2026-02"]
        assert found[0].begins_at == START
        assert found[0].shuts_at is None
        assert found[1].begins_at == START + 9 * DAY

    def test_what_is_replaced_before_it_begins_never_counts(self) -> None:
        found = terms(
            version(0, "2026-01"), version(9, "2026-02"), version(9, "2026-03")
        )

        assert names(found) == ["2026-01", "2026-03"]

    def test_a_version_without_an_agreement_leaves_the_last_one(self) -> None:
        found = terms(version(0, "2026-01"), without_agreement(5))

        assert names(found) == ["2026-01"]
        assert rules.in_force(found, START + 6 * DAY) == found[0]

    def test_none_counts_before_it_begins(self) -> None:
        found = terms(version(2, "2026-01"))

        assert rules.in_force(found, START) is None
        assert rules.to_sign(found, [], START) is None
        assert rules.in_force(found, START + 2 * DAY) == found[0]

    @pytest.mark.parametrize(
        ("zone", "shuts_at"),
        [
            ("UTC", datetime(2026, 4, 1, tzinfo=UTC)),
            # Summer time begins in between: the day begins at 22:00 UTC.
            ("Europe/Berlin", datetime(2026, 3, 31, 22, tzinfo=UTC)),
            # Still the last of February there.
            ("Pacific/Pago_Pago", datetime(2026, 3, 31, 11, tzinfo=UTC)),
        ],
    )
    def test_the_last_day_ends_at_midnight_of_the_program(
        self, zone: str, shuts_at: datetime
    ) -> None:
        again = SignAgain(within_days=30)

        assert rules.deadline(START, again, ZoneInfo(zone)) == shuts_at
        assert rules.deadline(START, None, ZoneInfo(zone)) is None


class TestSignatures:
    OLD, ASKING, NEWEST = "2026-01", "2026-02", "2026-03"

    @pytest.fixture
    def three(self) -> list[Terms]:
        return terms(
            version(0, self.OLD),
            version(10, self.ASKING, days=30),
            version(20, self.NEWEST),
        )

    @pytest.mark.parametrize(
        ("signed", "day", "expected"),
        [
            ([], 0, "2026-01"),  # the first text
            ([], 9, "2026-01"),  # what counts comes first
            ([], 10, "2026-02"),
            ([0], 5, "2026-02"),  # early, so that nobody has to wait
            ([0], 10, "2026-02"),
            ([0], 25, "2026-03"),  # the one in force will do
            ([1], 15, None),
            ([1], 25, "2026-03"),  # free to sign, no duty
            ([0, 1, 2], 25, None),
            ([2], 25, None),
        ],
    )
    def test_what_is_signed_next(
        self, three: list[Terms], signed: list[int], day: int, expected: str | None
    ) -> None:
        known = {three[place].identity for place in signed}

        found = rules.to_sign(three, known, START + day * DAY)

        assert (found.agreement.version if found else None) == expected

    def test_a_signature_is_good_until_a_later_text_asks(
        self, three: list[Terms]
    ) -> None:
        old, asking, newest = (one.identity for one in three)

        [demand] = rules.asking(three, [old])

        assert demand.terms == three[1]
        # The tenth of 30 days is the first one after the eleventh of March.
        assert demand.shuts_at == datetime(2026, 4, 11, tzinfo=UTC)
        assert rules.asking(three, [asking]) == []
        assert rules.asking(three, [newest]) == []

    def test_the_first_of_several_dates_comes_first(self) -> None:
        found = terms(
            version(0, "2026-01"),
            version(10, "2026-02", days=60),
            version(20, "2026-03", days=5),
        )

        asked = rules.asking(found, [found[0].identity])

        assert names([one.terms for one in asked]) == ["2026-03", "2026-02"]

    def test_a_text_that_comes_back_is_signed_already(self) -> None:
        found = terms(
            version(0, "2026-01", "A."),
            version(10, "2026-02", "B.", days=5),
            version(20, "2026-01", "A."),
        )

        assert rules.asking(found, [found[0].identity]) == []

    def test_the_same_words_under_another_version_are_another_text(self) -> None:
        found = terms(version(0, "2026-01", "A."), version(5, "2026-02", "A.", days=5))

        assert len(rules.asking(found, [found[0].identity])) == 1
