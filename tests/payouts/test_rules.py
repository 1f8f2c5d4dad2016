from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from portal.kit.ids import new_id
from portal.payouts.rules import (
    AccountKind,
    Details,
    Facts,
    FileFormat,
    LeftOut,
    StatementSum,
    bank_text,
    covered,
    due_minor,
    end_to_end_id,
    fingerprint,
    is_bank_name,
    next_business_day,
    why_left_out,
)

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)
DAY = date(2026, 5, 5)


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("Müller & Söhne GmbH", "Muller + Sohne GmbH"),
            ("Łódź Straße_7", "Lodz Strasse-7"),
            ("  a   b  ", "a b"),
            ("한빛 Hanbit", "Hanbit"),
            ("=SUM(A1)|x\r\n9", "SUM(A1)x 9"),
        ],
    )
    def test_a_bank_reads_it(self, text: str, plain: str) -> None:
        assert bank_text(text, 70) == plain

    def test_it_is_cut_to_the_width_of_the_field(self) -> None:
        assert bank_text("Long name here", 9) == "Long name"
        assert bank_text("Long name here", 5) == "Long"

    @pytest.mark.parametrize(
        ("name", "can"),
        [("Noël O'Brien", True), ("Ünal & Co.", True), ("한빛", False), (" ", False)],
    )
    def test_a_holder_is_written_as_banks_can(self, name: str, *, can: bool) -> None:
        assert is_bank_name(name) is can

    def test_an_account_shows_its_last_four_digits(self) -> None:
        assert Details(iban="DE89370400440532013000").last_four == "3000"
        assert Details(account_number="123456789").last_four == "6789"

    def test_an_end_to_end_id_fits_every_file(self) -> None:
        assert end_to_end_id(12, 3) == "P000012-00003"
        assert len(end_to_end_id(9_999_999, 99_999)) <= 15


@pytest.mark.parametrize(
    ("day", "following"),
    [
        ("2026-05-04", "2026-05-05"),
        ("2026-05-07", "2026-05-08"),
        ("2026-05-08", "2026-05-11"),
        ("2026-05-09", "2026-05-11"),
        ("2026-05-10", "2026-05-11"),
    ],
)
def test_banks_rest_at_the_weekend(day: str, following: str) -> None:
    assert next_business_day(date.fromisoformat(day)) == date.fromisoformat(following)


class TestFormats:
    def test_each_goes_to_the_accounts_that_it_can_name(self) -> None:
        sepa, us = AccountKind.SEPA, AccountKind.US_BANK

        assert FileFormat.NACHA_CCD.kinds("USD") == (us,)
        assert FileFormat.SEPA_09.kinds("EUR") == (sepa,)
        assert FileFormat.CSV.kinds("USD") == (us, sepa)
        assert FileFormat.CSV.kinds("GBP") == (sepa, us)

    def test_each_has_its_currency_and_its_limit(self) -> None:
        assert [one.currency for one in FileFormat] == ["EUR", "EUR", "USD", None]
        assert [one.most_minor for one in FileFormat] == [
            99_999_999_999,
            99_999_999_999,
            9_999_999_999,
            None,
        ]


def a_statement(
    number: str, change: int, pays_on: str | None = "2026-02-15"
) -> StatementSum:
    return StatementSum(
        id=new_id(),
        number=number,
        change_minor=change,
        pays_on=date.fromisoformat(pays_on) if pays_on else None,
    )


class TestDue:
    def test_all_of_it_once_the_payment_day_has_come(self) -> None:
        statements = [a_statement("1", 120), a_statement("2", 30, None)]

        assert due_minor(150, statements, DAY) == 150

    def test_what_is_paid_later_waits(self) -> None:
        statements = [a_statement("1", 120), a_statement("2", 30, "2026-06-15")]

        assert due_minor(150, statements, DAY) == 120
        assert [row.number for row in covered(120, statements, DAY)] == ["1"]

    def test_what_is_taken_away_later_counts_at_once(self) -> None:
        statements = [a_statement("1", 120), a_statement("2", -20, "2026-06-15")]

        assert due_minor(100, statements, DAY) == 100

    def test_payments_count_for_the_oldest_balance(self) -> None:
        statements = [
            a_statement("1", 120),
            a_statement("2", 30, None),
            a_statement("nothing new", 0),
            a_statement("3", -10),
        ]

        assert [row.number for row in covered(140, statements, DAY)] == ["1", "2", "3"]
        assert [row.number for row in covered(20, statements, DAY)] == ["2", "3"]
        assert covered(0, statements, DAY) == []


GOOD = Facts(
    balance_minor=100,
    due_minor=100,
    minimum_minor=100,
    has_open_row=False,
    has_unmet_gate=False,
    held_until=NOW,
    most_minor=100,
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"most_minor": None}, None),
        ({"has_open_row": True}, LeftOut.IN_BATCH),
        ({"balance_minor": -1}, LeftOut.NEGATIVE),
        ({"due_minor": 0}, LeftOut.NOT_DUE),
        ({"due_minor": 99}, LeftOut.BELOW_MINIMUM),
        ({"has_unmet_gate": True}, LeftOut.GATE),
        ({"held_until": None}, LeftOut.NO_ACCOUNT),
        ({"held_until": NOW + timedelta.resolution}, LeftOut.ACCOUNT_HELD),
        ({"most_minor": 99}, LeftOut.TOO_MUCH),
    ],
)
def test_the_first_reason_is_named(
    change: dict[str, object], reason: LeftOut | None
) -> None:
    facts = Facts(**{name: getattr(GOOD, name) for name in Facts.__slots__} | change)

    assert why_left_out(facts, NOW) == reason


def test_a_fingerprint_tells_whether_anything_changed() -> None:
    one, two = UUID(int=1), UUID(int=2)
    shown = fingerprint([(one, 5, two), (two, 6, one)])

    assert fingerprint([(two, 6, one), (one, 5, two)]) == shown
    assert fingerprint([(two, 7, one), (one, 5, two)]) != shown
    assert fingerprint([(two, 6, two), (one, 5, two)]) != shown
