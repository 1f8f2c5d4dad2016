from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.enrollments.asking import moment_asked
from portal.kit.errors import Invalid
from tests.factories.base_factory import NOW

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", NOW),
        ("  ", NOW),
        # NOW is 18:00 in Seoul: the day is not over, so it means now.
        ("2026-03-01", NOW),
        ("2026-02-28", datetime(2026, 2, 28, 15, tzinfo=UTC) - timedelta.resolution),
        ("2026-02-28T14:30", datetime(2026, 2, 28, 5, 30, tzinfo=UTC)),
        ("2026-02-28T14:30Z", datetime(2026, 2, 28, 14, 30, tzinfo=UTC)),
        ("2026-02-28 14:30:01+01:00", datetime(2026, 2, 28, 13, 30, 1, tzinfo=UTC)),
    ],
)
def test_a_day_means_its_end_and_a_time_means_itself(
    text: str, moment: datetime
) -> None:
    assert moment_asked(text, zone=SEOUL, now=NOW) == moment


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2026-13-01", "2026-03-02", "2026-03-01T18:01", "0001-01-01T00:00"],
)
def test_what_is_no_day_or_has_not_come_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        moment_asked(text, zone=SEOUL, now=NOW)
