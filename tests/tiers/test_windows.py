from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.tiers.windows import span_of
from tests.commissions.facts import at

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
