"""Statements and payments from what clears, and when."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.programs.definition import Holdback, ProgramDefinition
from portal.programs.rules import payout_date
from portal.statements.policy import held_back, release_day
from portal.statements.rules import LineKind, Totals
from portal.statements.settled import Entry, PaymentState, Settled, Settlement
from portal.statements.settlement import settle
from tests.simulation.programs import program

SINCE = datetime(2025, 1, 1, tzinfo=UTC)
LATEST = datetime(2026, 12, 31, tzinfo=UTC)


def paying(**policy: object) -> ProgramDefinition:
    return program(payout=policy)


def at(month: int, day: int = 10, year: int = 2025) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def earned(minor: int, moment: datetime) -> Entry:
    return Entry(kind=LineKind.EARNED, minor=minor, at=moment)


def taken_back(minor: int, moment: datetime) -> Entry:
    return Entry(kind=LineKind.REVERSAL, minor=-minor, at=moment)


def adjusted(minor: int, moment: datetime) -> Entry:
    return Entry(kind=LineKind.ADJUSTMENT, minor=minor, at=moment)


def settled(
    definition: ProgramDefinition,
    *entries: Entry,
    until: datetime = LATEST,
    closed_until: datetime | None = None,
) -> Settlement:
    """Settle; with `closed_until`, a gate stops payment before that moment."""

    def unmet_at(moment: datetime) -> list[str]:
        return ["Tax form"] if closed_until and moment < closed_until else []

    return settle(
        entries, definition=definition, since=SINCE, until=until, unmet_at=unmet_at
    )


def of(settlement: Settlement, label: str) -> Settled:
    (found,) = [s for s in settlement.statements if s.label == label]
    return found


def test_a_balance_is_paid_and_appears_on_the_statement_of_that_day() -> None:
    books = settled(paying(days_after=15), earned(100_00, at(1)))

    january, february = of(books, "2025-01"), of(books, "2025-02")
    assert january.totals == Totals(earned=100_00)
    assert january.payment.state is PaymentState.PAID
    assert january.payment.on == date(2025, 2, 15)
    assert february.totals == Totals(opening=100_00, payouts=100_00)
    assert february.payment.state is PaymentState.NOTHING
    assert (books.paid_minor, books.balance_minor) == (100_00, 0)


def test_row_2_9_below_ten_nothing_is_sent() -> None:
    books = settled(paying(days_after=1, minimum_minor=10_00), earned(9_99, at(1)))

    assert of(books, "2025-01").payment.state is PaymentState.BELOW_MINIMUM
    assert books.paid_minor == 0
    assert books.balance_minor == 9_99


def test_row_2_9_ten_is_sent_on_monday_when_the_15th_is_a_sunday() -> None:
    definition = paying(
        days_after=1, only_on_days=[1, 15], business_day="next", minimum_minor=10_00
    )
    # Nothing clears after the 15th of May, and 15 June 2025 is a Sunday.
    books = settled(
        paying(days_after=14, only_on_days=[15], business_day="next"),
        earned(10_00, at(5)),
    )

    payment = of(books, "2025-05").payment
    assert (payment.state, payment.minor) == (PaymentState.PAID, 10_00)
    assert payment.on == date(2025, 6, 16)
    assert payout_date(definition, date(2025, 2, 28)) == date(2025, 3, 3)
    assert payout_date(definition, date(2025, 3, 31)) == date(2025, 4, 1)


def test_row_15_13_a_reserve_is_released_on_its_day() -> None:
    policy = {"bps": 1_000, "months": 6, "release_day": 15}
    books = settled(paying(days_after=15, holdback=policy), earned(10_000_00, at(1)))

    january = of(books, "2025-01")
    assert january.totals.holdback == -1_000_00
    assert (january.payment.minor, january.payment.on) == (9_000_00, date(2025, 2, 15))
    (reserve,) = books.reserves
    assert (reserve.minor, reserve.release_on) == (1_000_00, date(2025, 7, 15))
    assert reserve.released
    assert (reserve.payment.minor, reserve.payment.on) == (
        1_000_00,
        date(2025, 7, 15),
    )
    assert of(books, "2025-07").totals == Totals(releases=1_000_00, payouts=1_000_00)


def test_row_14_1_a_statement_with_every_part() -> None:
    definition = paying(
        days_after=15, holdback={"bps": 1_000, "months": 1, "release_day": 1}
    )
    books = settled(
        definition,
        earned(880_00, at(1)),
        taken_back(1_060_00, at(2)),
        earned(1_240_00, at(3)),
        taken_back(96_00, at(3)),
        adjusted(25_00, at(3)),
        closed_until=at(2, 1),
    )

    march = of(books, "2025-03").totals
    assert march.holdback == -114_40
    assert (march.earned, march.reversals, march.adjustments) == (
        1_240_00,
        -96_00,
        25_00,
    )


@pytest.mark.parametrize(
    ("earned_minor", "back"), [(1_144_00, 114_40), (5, 1), (4, 0), (0, 0), (-500, 0)]
)
def test_a_tenth_is_held_back_of_what_a_period_earned(
    earned_minor: int, back: int
) -> None:
    assert held_back(Holdback(bps=1_000, months=6), earned_minor) == back


def test_without_a_holdback_nothing_is_held_back() -> None:
    assert held_back(None, 100) == 0


def test_where_no_gate_stops_payment_the_balance_is_paid() -> None:
    entries = [earned(100_00, at(1))]

    found = settle(entries, definition=paying(), since=SINCE, until=LATEST)

    assert found == settled(paying(), *entries)
    assert found.balance_minor == 0


def test_a_release_crosses_the_year() -> None:
    policy = Holdback(bps=1_000, months=6, release_day=28)

    assert release_day(policy, date(2025, 12, 31)) == date(2026, 6, 28)
    assert release_day(policy, date(2025, 6, 30)) == date(2025, 12, 28)


def test_a_reserve_that_is_not_released_yet_says_when_it_will_be() -> None:
    policy = {"bps": 1_000, "months": 6, "release_day": 15}
    books = settled(
        paying(days_after=15, holdback=policy),
        earned(100_00, at(1)),
        until=at(3),
    )

    (reserve,) = books.reserves
    assert not reserve.released
    assert reserve.payment.state is PaymentState.DUE
    assert books.reserve_minor == 10_00


def test_a_release_pays_no_more_than_what_is_owed() -> None:
    policy = {"bps": 1_000, "months": 2, "release_day": 15}
    books = settled(
        paying(days_after=1, holdback=policy),
        earned(100_00, at(1)),
        taken_back(30_00, at(2)),
    )

    (reserve,) = books.reserves
    assert reserve.payment.state is PaymentState.CARRIED
    assert reserve.payment.payable_minor == -20_00
    assert books.balance_minor == -20_00


def test_a_release_before_the_first_payment_day_pays_itself() -> None:
    policy = {"bps": 1_000, "months": 1, "release_day": 2}
    books = settled(
        paying(days_after=60, holdback=policy), earned(100_00, at(1)), until=at(2, 20)
    )

    assert books.reserves[0].payment.minor == 10_00
    assert of(books, "2025-01").payment.state is PaymentState.DUE
    assert of(books, "2025-01").payment.minor == 90_00


def test_below_zero_is_carried_until_it_is_earned_back() -> None:
    books = settled(
        paying(days_after=15),
        earned(480_00, at(1)),
        taken_back(480_00, at(2, 20)),
        earned(300_00, at(2, 20)),
        earned(200_00, at(3)),
    )

    february = of(books, "2025-02")
    assert february.totals.closing == -180_00
    assert february.payment.state is PaymentState.CARRIED
    assert of(books, "2025-03").payment.minor == 20_00


def test_what_is_withheld_is_paid_with_the_next_statement() -> None:
    books = settled(
        paying(days_after=15),
        earned(100_00, at(1)),
        earned(50_00, at(2)),
        closed_until=at(3, 1),
    )

    assert of(books, "2025-01").payment.state is PaymentState.WITHHELD
    assert of(books, "2025-01").payment.gates == ("Tax form",)
    assert of(books, "2025-02").payment.minor == 150_00


def test_periods_that_close_before_earlier_ones_are_paid_share_nothing() -> None:
    books = settled(
        paying(days_after=45),
        earned(100_00, at(1)),
        earned(50_00, at(2)),
        earned(20_00, at(3)),
    )

    assert [s.payment.minor for s in books.statements[:3]] == [100_00, 50_00, 20_00]
    assert books.balance_minor == 0


def test_a_quarter_has_one_statement() -> None:
    books = settled(
        paying(schedule="quarterly", days_after=45),
        earned(160_00, at(4)),
        earned(160_00, at(5)),
        earned(160_00, at(6)),
        until=at(7, 1),
    )

    second = of(books, "2025-Q2")
    assert (second.first_day, second.last_day) == (date(2025, 4, 1), date(2025, 6, 30))
    assert not second.is_open
    assert second.payment.state is PaymentState.DUE
    assert (second.payment.minor, second.payment.on) == (480_00, date(2025, 8, 14))
    assert of(books, "2025-Q3").is_open


def test_a_period_is_over_with_its_last_instant() -> None:
    end = datetime(2025, 2, 1, tzinfo=UTC) - timedelta(microseconds=1)

    assert not settled(paying(), until=end).statements[-1].is_open
    assert (
        settled(paying(), until=end - timedelta(microseconds=1)).statements[0].is_open
    )


def test_payment_on_the_last_day_of_the_period_waits_for_its_end() -> None:
    books = settled(paying(days_after=0), earned(10_00, at(1, 31)), until=at(2, 1))

    assert of(books, "2025-01").payment.state is PaymentState.PAID
    assert of(books, "2025-01").payment.on == date(2025, 1, 31)
    assert of(books, "2025-02").totals.payouts == 10_00


def test_what_clears_before_joining_has_its_statement_too() -> None:
    books = settled(paying(), earned(10_00, at(11, 5, 2024)), until=at(1, 2))

    assert [s.label for s in books.statements] == ["2024-11", "2024-12", "2025-01"]


def test_what_clears_later_is_on_no_statement() -> None:
    books = settled(paying(), earned(10_00, at(3)), until=at(2))

    assert books.balance_minor == 0


def test_who_joins_later_has_no_statement() -> None:
    books = settled(paying(), until=SINCE - timedelta(days=40))

    assert books == Settlement(statements=(), reserves=())
    assert (books.balance_minor, books.paid_minor, books.reserve_minor) == (0, 0, 0)


def test_a_draw_lifts_low_months_and_is_paid_back_from_high_ones() -> None:
    books = settled(
        paying(days_after=15, draw={"minor": 500_00}),
        earned(200_00, at(1)),
        earned(650_00, at(2)),
        earned(900_00, at(3)),
        until=at(4, 20),
    )

    january, february, march = books.statements[:3]
    assert (january.draw_minor, january.advance_minor) == (300_00, 300_00)
    assert january.payment.minor == 500_00
    assert (february.draw_minor, february.advance_minor) == (-150_00, 150_00)
    assert february.payment.minor == 500_00
    assert (march.draw_minor, march.advance_minor) == (-150_00, 0)
    assert march.payment.minor == 750_00


def test_a_draw_that_is_a_gift_is_not_paid_back() -> None:
    books = settled(
        paying(days_after=15, draw={"minor": 500_00, "recoverable": False}),
        earned(200_00, at(1)),
        earned(900_00, at(2)),
        until=at(3, 20),
    )

    assert [s.draw_minor for s in books.statements[:2]] == [300_00, 0]
    assert of(books, "2025-02").payment.minor == 900_00


def test_a_quarter_has_the_draw_of_three_months() -> None:
    books = settled(
        paying(schedule="quarterly", draw={"minor": 100_00}), until=at(3, 31)
    )

    assert books.statements[0].draw_minor == 300_00


def test_a_draw_also_covers_what_was_carried_below_zero() -> None:
    books = settled(
        paying(days_after=15, draw={"minor": 500_00}),
        earned(600_00, at(1)),
        taken_back(700_00, at(2)),
        until=at(3, 20),
    )

    february = of(books, "2025-02")
    assert february.draw_minor == 1_200_00
    assert february.payment.minor == 500_00


AMOUNTS = st.one_of(
    st.integers(-5_000_00, 5_000_00), st.integers(-(9 * 10**15), 9 * 10**15)
)
ENTRIES = st.lists(
    st.builds(
        Entry,
        kind=st.sampled_from([LineKind.EARNED, LineKind.REVERSAL, LineKind.ADJUSTMENT]),
        minor=AMOUNTS,
        at=st.datetimes(
            datetime(2024, 11, 1),  # noqa: DTZ001 - bounds are naive by definition
            datetime(2026, 6, 1),  # noqa: DTZ001 - bounds are naive by definition
            timezones=st.just(UTC),
        ),
    ),
    max_size=12,
)
POLICIES = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from(["monthly", "quarterly"]),
        "days_after": st.integers(0, 120),
        "minimum_minor": st.sampled_from([0, 10_00, 10**6]),
        "only_on_days": st.sampled_from([[], [15], [1, 15]]),
        "business_day": st.sampled_from([None, "next"]),
    }
)
EXTRAS: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "holdback": st.fixed_dictionaries(
                {
                    "bps": st.integers(1, 10_000),
                    "months": st.integers(1, 9),
                    "release_day": st.integers(1, 28),
                }
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "draw": st.fixed_dictionaries(
                {"minor": st.integers(1, 10**6), "recoverable": st.booleans()}
            )
        }
    ),
)
UNTIL = st.datetimes(
    datetime(2024, 12, 1),  # noqa: DTZ001 - bounds are naive by definition
    datetime(2026, 9, 1),  # noqa: DTZ001 - bounds are naive by definition
    timezones=st.just(UTC),
)


@settings(deadline=None)
@given(ENTRIES, POLICIES, EXTRAS, UNTIL, st.one_of(st.none(), UNTIL))
def test_no_unit_appears_or_gets_lost(
    entries: list[Entry],
    policy: dict[str, object],
    extra: dict[str, object],
    until: datetime,
    closed_until: datetime | None,
) -> None:
    definition = paying(**policy, **extra)
    books = settled(definition, *entries, until=until, closed_until=closed_until)

    opening = 0
    for statement in books.statements:
        totals = statement.totals
        assert totals.opening == opening
        assert totals.closing == (
            totals.opening
            + totals.earned
            + totals.reversals
            + totals.adjustments
            + totals.holdback
            + totals.releases
            - totals.withholding
            - totals.fees
            - totals.payouts
        )
        assert totals.payouts >= 0
        assert totals.holdback <= 0 <= totals.releases
        opening = totals.closing
    known = sum(entry.minor for entry in entries if entry.at <= until)
    draws = sum(statement.draw_minor for statement in books.statements)
    if books.statements:
        assert (
            known + draws
            == books.paid_minor + books.balance_minor + books.reserve_minor
        )
    sent = [s.payment for s in books.statements] + [r.payment for r in books.reserves]
    paid = sum(p.minor for p in sent if p.state is PaymentState.PAID)
    assert paid == books.paid_minor
    assert all(p.minor >= 0 for p in sent)
    assert all(p.minor >= definition.payout.minimum_minor for p in sent if p.minor)


@settings(deadline=None)
@given(ENTRIES, POLICIES, EXTRAS, st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing(
    entries: list[Entry],
    policy: dict[str, object],
    extra: dict[str, object],
    random: object,
) -> None:
    definition = paying(**policy, **extra)
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis gives a Random

    assert settled(definition, *shuffled) == settled(definition, *entries)


@settings(deadline=None)
@given(ENTRIES, POLICIES, EXTRAS, UNTIL)
def test_later_statements_never_change_earlier_ones(
    entries: list[Entry],
    policy: dict[str, object],
    extra: dict[str, object],
    until: datetime,
) -> None:
    definition = paying(**policy, **extra)
    since = min([SINCE, *(entry.at for entry in entries)])
    early = settle(entries, definition=definition, since=since, until=until)
    late = settle(entries, definition=definition, since=since, until=LATEST)

    closed = [s.totals for s in early.statements if not s.is_open]
    assert [s.totals for s in late.statements][: len(closed)] == closed
