"""A partner's places for deals, and whose a customer is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.deals.rules import Attempt, Registered, Verdict, owners, registered
from portal.programs.definition import Registration

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
POLICY = Registration(days=90, max_open=2)


def attempt(
    customer: str, days_ago: int = 0, partner: str = "ada", **parts: bool
) -> Attempt:
    return Attempt(partner=partner, customer=customer, at=NOW - days_ago * DAY, **parts)


def verdicts(
    *attempts: Attempt,
    policy: Registration = POLICY,
    came: Mapping[str, datetime] | None = None,
) -> list[Verdict]:
    found = registered(attempts, policy, came=came or {})
    return [one.verdict for one in found]


def test_a_partner_has_so_many_places() -> None:
    assert verdicts(attempt("a", 9), attempt("b", 8), attempt("c")) == [
        Verdict.ACCEPTED,
        Verdict.ACCEPTED,
        Verdict.NO_PLACE,
    ]


def test_each_partner_has_places_of_its_own() -> None:
    others = [attempt("a", 9, "noor"), attempt("b", 8, "noor")]

    assert verdicts(*others, attempt("c"))[-1] is Verdict.ACCEPTED


def test_without_a_limit_there_is_always_a_place() -> None:
    many = [attempt(f"c{number}") for number in range(50)]

    assert set(verdicts(*many, policy=Registration(days=90))) == {Verdict.ACCEPTED}


@pytest.mark.parametrize(
    ("late", "verdict"),
    [(-SECOND, Verdict.NO_PLACE), (0 * DAY, Verdict.ACCEPTED)],
)
def test_what_expired_gives_its_place_back_before_the_next_is_looked_at(
    late: timedelta, verdict: Verdict
) -> None:
    first = [attempt("a", 90), attempt("b", 1)]
    last = Attempt(partner="ada", customer="c", at=NOW + late)

    assert verdicts(*first, last)[-1] is verdict


def test_what_was_won_gives_its_place_back() -> None:
    attempts = [attempt("a", 9), attempt("b", 8), attempt("c")]

    assert verdicts(*attempts, came={"a": NOW - DAY})[-1] is Verdict.ACCEPTED
    assert verdicts(*attempts, came={"a": NOW})[-1] is Verdict.NO_PLACE


def test_what_was_refused_takes_no_place() -> None:
    refused = [attempt(f"c{n}", 9, barred=True) for n in range(5)]

    assert verdicts(*refused, attempt("c"))[-1] is Verdict.ACCEPTED


def test_the_first_partner_keeps_the_customer_until_its_registration_ends() -> None:
    assert verdicts(
        attempt("a", 100, "noor"), attempt("a", 11), attempt("a", 10), attempt("a")
    ) == [Verdict.ACCEPTED, Verdict.TAKEN, Verdict.ACCEPTED, Verdict.REPEATED]


def test_who_came_before_is_nobodys_to_register() -> None:
    came = {"a": NOW - DAY}

    assert verdicts(attempt("a"), came=came) == [Verdict.ALREADY_CUSTOMER]
    assert verdicts(attempt("a", 1), came=came) == [Verdict.ACCEPTED]


def test_who_may_not_bring_customers_registers_none() -> None:
    assert verdicts(attempt("a", barred=True), attempt("a", 0, "noor")) == [
        Verdict.BARRED,
        Verdict.ACCEPTED,
    ]


@pytest.mark.parametrize(
    ("days", "owner"), [(-1, None), (0, "ada"), (89, "ada"), (90, None)]
)
def test_a_customer_is_whose_registration_was_open_when_it_came(
    days: int, owner: str | None
) -> None:
    came = {"a": NOW + days * DAY, "stranger": NOW}
    accepted = Registered(
        attempt=attempt("a"),
        verdict=Verdict.ACCEPTED,
        in_use=0,
        expires_at=NOW + 90 * DAY,
    )

    assert owners([accepted], came).get("a") == owner


ATTEMPTS = st.lists(
    st.builds(
        attempt,
        st.sampled_from(["a", "b", "c", "d"]),
        st.integers(0, 200),
        st.sampled_from(["ada", "noor"]),
    ),
    max_size=20,
)
CAME = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 200).map(lambda days: NOW - days * DAY),
)


@given(ATTEMPTS, CAME)
def test_nobody_ever_has_more_places_and_no_customer_two_partners(
    attempts: list[Attempt], came: dict[str, datetime]
) -> None:
    found = registered(attempts, POLICY, came=came)

    for one in found:
        moment = one.attempt.at
        holding = [
            other
            for other in found
            if other.is_open(moment)
            and came.get(other.attempt.customer, moment) >= moment
        ]
        customers = [other.attempt.customer for other in holding]
        partners = [other.attempt.partner for other in holding]
        assert len(set(customers)) == len(customers)
        assert max(map(partners.count, partners), default=0) <= 2
