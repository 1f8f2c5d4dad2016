from datetime import date, timedelta

import pytest

from portal.tax import rules
from portal.tax.rules import (
    TRANSITIONS,
    FormFacts,
    FormKind,
    FormStatus,
    Place,
    UsClass,
    WithholdingReason,
)

SIGNED = date(2025, 3, 10)
ON = date(2026, 3, 1)
LAST = date(2028, 12, 31)


def w9(**changes: object) -> FormFacts:
    facts = {"kind": FormKind.W9, "signed_on": SIGNED, "has_tin": True, **changes}
    return FormFacts(**facts)  # type: ignore[arg-type]  # a test's own facts


def w8(place: Place, **changes: object) -> FormFacts:
    facts = {"kind": FormKind.W8BEN, "signed_on": SIGNED, "place": place, **changes}
    return FormFacts(**facts)  # type: ignore[arg-type]  # a test's own facts


@pytest.mark.parametrize(
    ("is_us_person", "is_company", "kind"),
    [
        (True, False, FormKind.W9),
        (True, True, FormKind.W9),
        (False, False, FormKind.W8BEN),
        (False, True, FormKind.W8BEN_E),
    ],
)
def test_two_questions_lead_to_the_form(
    is_us_person: bool,  # noqa: FBT001 - a row of the table
    is_company: bool,  # noqa: FBT001 - a row of the table
    kind: FormKind,
) -> None:
    found = rules.form_for(is_us_person=is_us_person, is_company=is_company)

    assert found is kind
    assert kind in rules.REVISIONS
    assert kind.label.startswith("W-")


@pytest.mark.parametrize(
    ("signed_on", "last_day"),
    [
        (date(2025, 1, 1), LAST),
        (date(2025, 12, 31), LAST),
        (date(2024, 2, 29), date(2027, 12, 31)),
    ],
)
def test_a_w8_is_good_until_the_end_of_the_third_year_after_signing(
    signed_on: date, last_day: date
) -> None:
    form = w8(Place.OUTSIDE_US, signed_on=signed_on)

    assert rules.valid_until(form.kind, signed_on) == last_day
    assert rules.valid_until(FormKind.W8BEN_E, signed_on) == last_day
    assert form.holds(signed_on)
    assert form.holds(last_day)
    assert not form.holds(last_day + timedelta(days=1))
    assert not form.holds(signed_on - timedelta(days=1))


def test_a_w9_is_good_until_something_changes() -> None:
    assert rules.valid_until(FormKind.W9, SIGNED) is None
    assert w9().holds(date(2099, 1, 1))


_R = WithholdingReason


@pytest.mark.parametrize(
    ("form", "is_us_person", "kind", "rate_bps", "reason"),
    [
        (None, True, "us_backup", 2400, _R.W9_MISSING),
        (w9(has_tin=False), True, "us_backup", 2400, _R.W9_WITHOUT_TIN),
        (w9(is_backup_notified=True), True, "us_backup", 2400, _R.IRS_NOTICE),
        (w9(), True, "none", 0, _R.W9_VALID),
        (w9(signed_on=date(2001, 1, 1)), False, "none", 0, _R.W9_VALID),
        (None, False, "us_nra", 3000, _R.W8_MISSING),
        (w8(Place.OUTSIDE_US), False, "none", 0, _R.W8_VALID_OUTSIDE_US),
        (w8(Place.IN_US), False, "us_nra", 3000, _R.W8_IN_US),
        (w8(Place.UNKNOWN), False, "us_nra", 3000, _R.W8_PLACE_UNKNOWN),
        (w8(Place.IN_US, treaty_bps=1500), False, "us_nra", 1500, _R.W8_TREATY),
        (w8(Place.UNKNOWN, treaty_bps=0), False, "us_nra", 0, _R.W8_TREATY),
        (w8(Place.IN_US, treaty_bps=9000), False, "us_nra", 3000, _R.W8_TREATY),
        (
            w8(Place.OUTSIDE_US, treaty_bps=1500),
            False,
            "none",
            0,
            _R.W8_VALID_OUTSIDE_US,
        ),
        (
            w8(Place.OUTSIDE_US, signed_on=date(2022, 12, 31)),
            False,
            "us_nra",
            3000,
            _R.W8_EXPIRED,
        ),
        (
            w8(Place.IN_US, treaty_bps=0, signed_on=date(2020, 1, 1)),
            False,
            "us_nra",
            3000,
            _R.W8_EXPIRED,
        ),
    ],
)
def test_what_is_withheld_and_why(
    form: FormFacts | None,
    is_us_person: bool,  # noqa: FBT001 - a row of the table
    kind: str,
    rate_bps: int,
    reason: WithholdingReason,
) -> None:
    found = rules.withholding(form, is_us_person=is_us_person, on=ON)

    assert (found.kind, found.rate_bps, found.reason) == (kind, rate_bps, reason)


def test_the_last_day_of_a_w8_still_counts_and_the_next_does_not() -> None:
    form = w8(Place.OUTSIDE_US)

    assert rules.withholding(form, is_us_person=False, on=LAST).rate_bps == 0
    after = rules.withholding(form, is_us_person=False, on=date(2029, 1, 1))
    assert after.rate_bps == rules.NONRESIDENT_BPS


@pytest.mark.parametrize(
    ("days_left", "reminded", "due"),
    [
        (61, None, None),
        (60, None, 60),
        (59, 60, None),
        (30, 60, 30),
        (31, 60, None),
        (8, 30, None),
        (7, 30, 7),
        (5, None, 7),
        (0, 30, 7),
        (0, 7, None),
        (-1, None, None),
        (20, 7, None),
    ],
)
def test_each_reminder_is_due_once(
    days_left: int, reminded: int | None, due: int | None
) -> None:
    assert rules.reminder_due(days_left, reminded) == due


def test_what_came_to_an_end_moves_no_more() -> None:
    assert set(TRANSITIONS) == set(FormStatus)
    assert not TRANSITIONS[FormStatus.RETURNED]
    assert not TRANSITIONS[FormStatus.REPLACED]


def test_corporations_are_those_taxed_as_such() -> None:
    assert {one for one in UsClass if one.is_corporation} == {
        UsClass.C_CORPORATION,
        UsClass.S_CORPORATION,
        UsClass.LLC_C,
        UsClass.LLC_S,
    }
