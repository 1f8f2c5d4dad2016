"""Customers whom partners registered, in files of events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.simulation.as_json import as_data
from portal.simulation.as_table import as_table
from portal.simulation.calculation.credit import CreditReason
from portal.simulation.reading import EventsError
from tests.simulation.programs import gate, join, program, reading, result, sale

DEALS = program(
    attribution={
        "window_days": 90,
        "registration": {"days": 90, "max_open": 1},
    }
)


def register(
    customer: str, at: str, partner: str = "noor", **parts: object
) -> dict[str, Any]:
    return {
        "event": "register",
        "partner": partner,
        "customer": customer,
        "at": at,
        **parts,
    }


def bought(customer: str, at: str) -> dict[str, Any]:
    return sale(f"by {customer}", at, 100_00, partner=None, customer=customer)


def click(partner: str, customer: str, at: str) -> dict[str, Any]:
    return {"event": "click", "partner": partner, "customer": customer, "at": at}


def reviewed(partner: str) -> dict[str, Any]:
    at = "2025-01-01"
    return {"event": "gate_met", "partner": partner, "gate": "review", "at": at}


def test_an_open_registration_goes_before_every_click() -> None:
    found = result(
        [
            join("noor"),
            join("ada"),
            register("acme", "2025-02-01"),
            click("ada", "acme", "2025-03-01"),
            bought("acme", "2025-03-02"),
        ],
        DEALS,
    )

    (credit,) = found.credits
    assert (credit.reason, credit.partners) == (CreditReason.REGISTRATION, ("noor",))
    earned = {
        run.partner: [line.amount_minor for line in run.lines] for run in found.partners
    }
    assert earned == {"noor": [20_00], "ada": []}


@pytest.mark.parametrize(
    ("at", "partners"),
    [("2025-05-01T23:59:59Z", ("noor",)), ("2025-05-02T00:00:00Z", ("ada",))],
)
def test_when_it_has_expired_clicks_decide(at: str, partners: tuple[str, ...]) -> None:
    (credit,) = result(
        [
            join("noor"),
            join("ada"),
            register("acme", "2025-02-01"),
            click("ada", "acme", "2025-04-01"),
            bought("acme", at),
        ],
        DEALS,
    ).credits

    assert credit.partners == partners


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"existing": True}, CreditReason.EXISTING),
        ({"open_opportunity": True}, CreditReason.OPEN_OPPORTUNITY),
        ({"partner": "ada"}, CreditReason.DIRECT),
    ],
)
def test_what_the_vendor_knows_goes_before_a_registration(
    said: dict[str, object], reason: CreditReason
) -> None:
    signup = {"event": "signup", "customer": "acme", "at": "2025-02-02"}
    (credit,) = result(
        [join("noor"), join("ada"), register("acme", "2025-02-01"), signup | said],
        DEALS,
    ).credits

    assert credit.reason is reason


def test_each_registration_is_told_with_what_became_of_it() -> None:
    link_gate = gate("review", "confirmation", "link")
    found = result(
        [
            join("noor"),
            join("ada", "2025-02-01"),
            join("bob"),
            reviewed("noor"),
            reviewed("ada"),
            register("early", "2025-01-31", "ada"),
            register("gated", "2025-01-31", "bob"),
            register("acme", "2025-02-01"),
            register("acme", "2025-02-02", "ada"),
            register("acme", "2025-02-03"),
            register("other", "2025-02-04"),
            bought("acme", "2025-02-05"),
            register("acme", "2025-02-06", "ada"),
            register("other", "2025-02-06"),
        ],
        program(
            attribution={
                "window_days": 90,
                "registration": {"days": 90, "max_open": 1},
            },
            gates=[link_gate],
        ),
    )

    told = as_data(found)["registrations"]
    assert [(one["customer"], one["verdict"]) for one in told] == [
        ("early", "barred"),
        ("gated", "barred"),
        ("acme", "accepted"),
        ("acme", "taken"),
        ("acme", "repeated"),
        ("other", "no_place"),
        ("acme", "already_customer"),
        ("other", "accepted"),
    ]
    assert told[2]["expires_at"] == "2025-05-02T00:00:00+00:00"
    assert (told[5]["in_use"], told[5]["expires_at"]) == (1, None)
    table = as_table(found)
    assert "Refused registrations" in table
    assert "2025-02-04  noor  other: all places are in use: 1 are open" in table
    assert "acme: another partner registered the customer before" in table


def test_nothing_is_said_of_registrations_where_none_was_refused() -> None:
    found = result([join(), register("acme", "2025-02-01")], DEALS)

    assert "registration" not in as_table(found)


@pytest.mark.parametrize(
    ("days", "verdict"), [(91, "accepted"), (90, "accepted"), (89, "no_place")]
)
def test_row_1_19_an_expired_registration_frees_the_place_of_the_26th(
    days: int, verdict: str
) -> None:
    last = datetime(2025, 6, 30, tzinfo=UTC)
    hubspot = program(
        attribution={
            "window_days": 90,
            "registration": {"days": 90, "max_open": 25},
        }
    )
    ages = [days] + [30] * 24 + [0]

    told = as_data(
        result(
            [join()]
            + [
                register(f"c{number}", (last - timedelta(days=age)).isoformat())
                for number, age in enumerate(ages, 1)
            ],
            hubspot,
        )
    )["registrations"]

    assert [one["verdict"] for one in told[:25]] == ["accepted"] * 25
    assert told[25]["customer"] == "c26"
    assert told[25]["verdict"] == verdict


def test_a_program_that_registers_nothing_refuses_the_event() -> None:
    with pytest.raises(EventsError, match=r"give it attribution\.registration"):
        reading([join(), register("acme", "2025-02-01")], program())


def test_a_registered_customer_is_known() -> None:
    found = result(
        [join(), register("acme", "2025-02-01"), bought("acme", "2025-09-01")], DEALS
    )

    assert [one.why.value for one in found.uncounted] == ["no_credit"]
