from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.kit.clock import add_months
from portal.tiers.windows import a_year_later, program_year_of, span_of
from tests.tiers.facts import at

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("kind", "moment", "label", "starts", "ends"),
    [
        (
            "month",
            "2026-12-31 22:59:59",
            "2026-12",
            "2026-11-30 23:00",
            "2026-12-31 23:00",
        ),
        (
            "month",
            "2026-12-31 23:00:00",
            "2027-01",
            "2026-12-31 23:00",
            "2027-01-31 23:00",
        ),
        (
            "quarter",
            "2026-05-15 12:00:00",
            "2026-Q2",
            "2026-03-31 22:00",
            "2026-06-30 22:00",
        ),
        (
            "quarter",
            "2026-11-15 12:00:00",
            "2026-Q4",
            "2026-09-30 22:00",
            "2026-12-31 23:00",
        ),
        ("year", "2026-11-15 12:00:00", "2026", "2025-12-31 23:00", "2026-12-31 23:00"),
    ],
)
def test_a_span_begins_and_ends_at_midnight_of_the_programs_zone(
    kind: str, moment: str, label: str, starts: str, ends: str
) -> None:
    span = span_of(kind, at(moment), BERLIN)

    assert (span.label, span.starts_at, span.ends_at) == (label, at(starts), at(ends))


@given(
    kind=st.sampled_from(["month", "quarter", "year"]),
    moment=st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
        max_value=datetime(2040, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
        timezones=st.just(ZoneInfo("UTC")),
    ),
)
def test_every_moment_lies_in_its_span_and_the_next_span_follows(
    kind: str, moment: datetime
) -> None:
    span = span_of(kind, moment, BERLIN)

    assert span.starts_at <= moment < span.ends_at
    assert span_of(kind, span.ends_at, BERLIN).starts_at == span.ends_at


def test_a_span_of_no_known_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        span_of("week", at("2026-01-01"), BERLIN)


@pytest.mark.parametrize(
    ("moment", "label", "starts", "ends"),
    [
        ("2026-02-28 22:59", "2025-03-01", "2025-02-28 23:00", "2026-02-28 23:00"),
        ("2026-02-28 23:00", "2026-03-01", "2026-02-28 23:00", "2027-02-28 23:00"),
    ],
)
def test_a_program_year_begins_on_its_own_day(
    moment: str, label: str, starts: str, ends: str
) -> None:
    span = program_year_of(at(moment), BERLIN, "03-01")

    assert (span.label, span.starts_at, span.ends_at) == (label, at(starts), at(ends))


@given(
    st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
        max_value=datetime(2040, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
        timezones=st.just(ZoneInfo("UTC")),
    )
)
def test_a_year_later_is_twelve_months_later(moment: datetime) -> None:
    assert a_year_later(moment, BERLIN) == add_months(moment, 12, BERLIN)


@pytest.mark.parametrize(
    "moment",
    # The last of February, and the hours that a change of the clock repeats or skips.
    ["2028-02-29 12:00", "2026-10-25 00:30", "2026-10-25 01:30", "2024-10-27 00:30"],
)
def test_a_year_later_is_so_on_special_days_too(moment: str) -> None:
    assert a_year_later(at(moment), BERLIN) == add_months(at(moment), 12, BERLIN)
