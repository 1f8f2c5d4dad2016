"""What a file of events may say, and how it hears what is wrong."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portal.programs.definition import ProgramDefinition
from portal.simulation.events import MOST_MINOR
from portal.simulation.moments import moment_of
from portal.simulation.reading import MOST_PROBLEMS, EventsError, read
from tests.simulation.programs import (
    gate,
    join,
    lines_of,
    program,
    reading,
    refund,
    sale,
)

SMALL = program()
GATED = program(
    gates=[
        gate("email", "email", "join"),
        gate("exam", "certification", "earn", certification="basics"),
        gate("fee", "fee", "earn"),
        gate("tax-form", "confirmation", "payout"),
    ],
    fee={
        "title": "Fee",
        "interval": "month",
        "currency": "USD",
        "minor_by_tier": {"any": 100},
    },
    tiers={
        "metric": "net_sales",
        "window": "life",
        "levels": [
            {"key": "base", "name": "Base", "from_value": 0},
            {
                "key": "gold",
                "name": "Gold",
                "from_value": 100,
                "requires": [{"metric": "fact", "fact": "rating", "at_least": 4}],
            },
        ],
    },
)
DAY = "2025-01-10"
STRANGER = (
    "customer: nobody knows customer of s: add its signup or a click, or name the "
    "partner of the sale"
)


def problems(*lines: bytes, definition: ProgramDefinition = SMALL) -> list[str]:
    with pytest.raises(EventsError) as raised:
        read(lines, [definition])
    return list(raised.value.problems)


def problem(event: dict[str, Any], definition: ProgramDefinition = SMALL) -> str:
    """The one problem of an event on line 2, after a partner joined."""
    (found,) = problems(*lines_of([join(), event]), definition=definition)
    assert found.startswith("line 2: ")
    return found.removeprefix("line 2: ")


def test_every_kind_of_event_can_be_read() -> None:
    person = {"country": "DE", "email": "a@b.example", "ip": "1.2.3.4"}
    found = reading(
        [
            join(email="noor@agency.example", company="Agency", consented="2025-01-02"),
            {"event": "click", "partner": "noor", "customer": "acme", "at": DAY},
            {"event": "signup", "customer": "acme", "at": DAY, **person},
            {
                "event": "lead",
                "id": "l1",
                "partner": "noor",
                "customer": "c",
                "price": 5,
                "at": DAY,
            },
            {
                "event": "subscriber",
                "id": "x1",
                "partner": "noor",
                "customer": "s",
                "at": DAY,
                **person,
            },
            sale("s1", DAY, 100, partner=None, customer="acme", source="managed"),
            {
                "event": "sale",
                "id": "s2",
                "customer": "acme",
                "at": DAY,
                "items": [
                    {"product": "starter", "units": 3, "net": 50, "cost": 10},
                    {"net": 25, "discount": 5, "tax": 4},
                ],
            },
            refund("s1", DAY, 10),
            {"event": "dispute", "sale": "s1", "net": 90, "at": DAY},
            {"event": "dispute_won", "sale": "s1", "net": 90, "at": "2025-02-10"},
            {"event": "seats", "customer": "acme", "seats": 5, "at": DAY},
            {"event": "clear", "customer": "acme", "at": DAY},
            {"event": "cancel", "customer": "acme", "at": DAY},
            {"event": "unmanage", "customer": "acme", "at": DAY},
            {"event": "certify", "partner": "noor", "at": DAY, "until": "2026-01-10"},
            {"event": "gate_met", "partner": "noor", "gate": "tax-form", "at": DAY},
            {"event": "gate_unmet", "partner": "noor", "gate": "exam", "at": DAY},
            {"event": "fee_paid", "partner": "noor", "at": DAY},
            {"event": "fee_lapsed", "partner": "noor", "at": DAY},
            {"event": "suspend", "partner": "noor", "at": DAY},
            {"event": "resume", "partner": "noor", "at": DAY},
            {"event": "tier", "partner": "noor", "level": "gold", "at": DAY},
            {
                "event": "fact",
                "partner": "noor",
                "fact": "rating",
                "value": 4,
                "at": DAY,
            },
            {
                "event": "review",
                "id": "r1",
                "partner": "noor",
                "product": "crm",
                "stars": 5,
                "at": DAY,
            },
            {"event": "reject", "review": "r1", "at": DAY},
            {"event": "approve", "reward": "card/1", "at": DAY},
            {
                "event": "adjust",
                "partner": "noor",
                "amount": -5,
                "reason": "A mistake",
                "at": DAY,
            },
        ],
        GATED,
    )

    assert len(found.events) == 27
    assert found.repeated == 0


def test_a_day_begins_at_midnight_of_the_programs_zone() -> None:
    berlin = program(time_zone="Europe/Berlin")

    (event,) = reading([join(at="2025-07-01")], berlin).events

    assert event.at.isoformat() == "2025-06-30T22:00:00+00:00"
    assert event.at == moment_of("2025-07-01T00:00:00+02:00", berlin.zone)


def test_a_repeated_line_counts_once() -> None:
    found = reading([join(), sale("s1", DAY, 100), join(), sale("s1", DAY, 100)])

    assert len(found.events) == 2
    assert found.repeated == 2


def test_the_same_moment_in_two_spellings_is_the_same() -> None:
    found = reading([join(at="2025-01-01"), join(at="2025-01-01T01:00:00+01:00")])

    assert (len(found.events), found.repeated) == (1, 1)


def test_one_id_with_two_contents_is_refused() -> None:
    (found,) = problems(*lines_of([join(), sale("s1", DAY, 100), sale("s1", DAY, 101)]))

    assert found == (
        "line 3: id: s1 stands on line 2 with other content: give each event an id "
        "of its own"
    )


def test_empty_lines_and_a_byte_order_mark_are_skipped() -> None:
    (line,) = lines_of([join()])

    assert len(read([b"\xef\xbb\xbf" + line, b"\n", b"  \r\n"], [SMALL]).events) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "is not JSON: write one object"),
        (b"[" * 5000, "is not JSON"),
        (b"[]", "is a list: write each of its objects on a line of its own"),
        (b"3", "is not an object"),
        (b"null", "is not an object"),
        (b"\xff\xfe{}", "is not text in UTF-8"),
        (b'{"event": "join", "event": "join"}', "event: is given twice: keep one"),
        (b'{"at": "2025-01-01"}', "event: is missing: say what happened"),
        (b'{"event": "jion"}', "event: is not known here: did you mean join?"),
        (b'{"event": "xyzzy"}', "event: is not known here: see the list"),
        (b'{"event": 3}', "event: is not known here"),
        (b'{"event": null}', "event: is not known here"),
        (
            b" " + b'{"event": "' + b"x" * 100_001 + b'"}',
            "longer than 100 kB: split it",
        ),
        (b'{"event": "' + b"x" * 90_000 + b'"}', "event: is not known here"),
    ],
)
def test_a_line_that_is_no_event_is_named(line: bytes, says: str) -> None:
    assert any(says in text for text in problems(line))


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (join("x", at="2025-13-01"), "at: 2025-13-01 is not on the calendar"),
        (join("x", at="2025-01-01T09:00:00"), "at: write a day like 2026-03-01"),
        (join("x", at="1850-01-01"), "at: the year lies between 1990 and 2199"),
        (join("x") | {"at": 5}, "at: must be text: put it in quotes"),
        ({"event": "join", "partner": "x"}, "at: is missing: add it"),
        (join("x", parnter="y"), "parnter: is not known here: did you mean partner?"),
        (sale("s", DAY, 1, amount=5), "amount: is not known here: did you mean net?"),
        (join("x", date=DAY), "date: is not known here: did you mean at?"),
        (join("x", amount=5), "amount: is not known here: remove it"),
        (join("x", zzz=1), "zzz: is not known here: remove it"),
        (join(""), "partner: must not be empty"),
        (join("x" * 201), "partner: must be at most 200 characters long"),
        (join("x\x07"), "partner: contains a control character: remove it"),
        (join("x") | {"partner": 5}, "partner: must be text: put it in quotes"),
        (join("x", opted_out="yes"), "opted_out: must be true or false"),
        (join("x", email="nobody"), "email: use an address, like ada@acme.example"),
        (sale("s", DAY, 100) | {"net": "100"}, "net: must be a whole number in minor"),
        (sale("s", DAY, 100) | {"net": 99.5}, "net: must be a whole number in minor"),
        (sale("s", DAY, -1), "net: must be at least 0"),
        (sale("s", DAY, MOST_MINOR + 1), f"net: must be at most {MOST_MINOR}"),
        (sale("s", DAY, 10**40), "net: must be at most"),
        (sale("s", DAY, 1, country="de"), "country: use the two capital letters"),
        (sale("s", DAY, 1, currency="usd"), "currency: use the three capital letters"),
        (sale("s", DAY, 1, source="friend"), "source: use 'sourced', 'assisted'"),
        (sale("s", DAY, 1, items=[{"net": 1}]), "give net or items, not both"),
        (
            {"event": "sale", "id": "s", "customer": "c", "at": DAY},
            "give net or items, not both",
        ),
        (sale("s", DAY, 1) | {"items": 5}, "items: must be a list: [...]"),
        (sale("s", DAY, 1) | {"items": [5]}, "items.0: must be an object"),
        (
            {**sale("s", DAY, 1), "items": [{"nett": 1, "net": 1}], "net": None},
            "items.0.nett: is not known here: did you mean net?",
        ),
        (refund("s1", DAY, 0), "net: must be more than 0"),
        (
            {"event": "reject", "at": DAY},
            "give customer or review, not both",
        ),
        (
            {"event": "gate_met", "partner": "noor", "gate": "Tax Form", "at": DAY},
            "gate: use lower case letters, digits and hyphens",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy(
    event: dict[str, Any], says: str
) -> None:
    found = problems(*lines_of([join(), event]))

    assert len(found) == 1
    assert found[0].startswith("line 2: ")
    assert says in found[0]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (join(at=DAY), "partner: noor has its join on line 1 already: keep one"),
        (sale("s", DAY, 1, partner="x"), "partner: x never joins: add its join"),
        (
            sale("s", DAY, 1, partner="nour"),
            "partner: nour never joins: add its join, or write noor",
        ),
        (
            sale("s", DAY, 1, partner=None),
            STRANGER,
        ),
        (
            {"event": "cancel", "customer": "x", "at": DAY},
            "customer: nobody knows x: add its signup or a sale",
        ),
        (
            {"event": "reject", "customer": "x", "at": DAY},
            "customer: nobody knows x: add its signup or a sale",
        ),
        (
            {"event": "reject", "review": "x", "at": DAY},
            "review: there is no x: name its id",
        ),
        (
            refund("s9", DAY, 1),
            "sale: there is no s9: name the id of a sale, lead or click",
        ),
        (
            {"event": "gate_met", "partner": "noor", "gate": "exm", "at": DAY},
            "gate: the program has no exm: there are email, exam, fee, tax-form",
        ),
        (
            {"event": "tier", "partner": "noor", "level": "top", "at": DAY},
            "level: the program has no top: there are base, gold",
        ),
        (
            {
                "event": "fact",
                "partner": "noor",
                "fact": "score",
                "value": 1,
                "at": DAY,
            },
            "fact: the program has no score: there are rating",
        ),
        (
            {"event": "certify", "partner": "noor", "at": DAY, "until": DAY},
            "until: must be later than at",
        ),
    ],
)
def test_an_event_that_fits_nothing_is_refused(
    event: dict[str, Any], says: str
) -> None:
    assert problem(event, GATED) == says


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"event": "certify"}, "event: the program asks for no exam: remove the line"),
        ({"event": "fee_paid"}, "event: the program has no fee: remove the line"),
        (
            {"event": "tier", "level": "gold"},
            "level: the program has no gold: there are none",
        ),
    ],
)
def test_what_the_program_does_not_have_cannot_happen(
    event: dict[str, Any], says: str
) -> None:
    assert problem({**event, "partner": "noor", "at": DAY}) == says


def test_what_one_of_two_programs_has_can_happen() -> None:
    event = {"event": "certify", "partner": "noor", "at": DAY}

    assert len(read(lines_of([join(), event]), [SMALL, GATED]).events) == 2


def test_no_more_goes_back_than_was_paid() -> None:
    events = [
        join(),
        sale("s1", DAY, 100),
        refund("s1", "2025-02-01", 60),
        refund("s1", "2025-02-02", 50),
    ]

    assert problems(*lines_of(events)) == [
        "line 4: net: s1 was 100 and 60 went back already: at most 40 can"
    ]


def test_no_more_is_won_again_than_was_disputed() -> None:
    events = [
        join(),
        sale("s1", DAY, 100),
        {"event": "dispute_won", "sale": "s1", "net": 1, "at": "2025-02-01"},
        {"event": "dispute", "sale": "s1", "net": 100, "at": "2025-03-01"},
    ]

    assert problems(*lines_of(events)) == [
        "line 3: net: only 0 of s1 went back by then: no more can come again"
    ]


def test_leads_and_clicks_with_a_price_can_be_returned() -> None:
    events = [
        join(),
        {
            "event": "lead",
            "id": "l",
            "partner": "noor",
            "customer": "c",
            "price": 45,
            "at": DAY,
        },
        {
            "event": "click",
            "id": "k",
            "partner": "noor",
            "customer": "c",
            "price": 7,
            "at": DAY,
        },
        refund("l", DAY, 45),
        refund("k", DAY, 7),
    ]

    assert len(reading(events).events) == 5


def test_after_many_problems_the_rest_is_counted() -> None:
    found = problems(*[b"{"] * (MOST_PROBLEMS + 5))

    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1] == "and 5 more problems"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["join", "sale", "2025-01-01", "noor", "s1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["event", "at", "partner", "id", "net", "items", "sale"])
            | st.text(),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60) | JSON.map(lambda v: json.dumps(v).encode())))
@example([b'{"event":"join","partner":"\\ud800","at":"2025-01-01"}'])
@example([b'{"event":"sale","id":"s","customer":"c","at":"2025-01-01","net":1e3}'])
@example([b'{"event":"sale","net":' + b"9" * 5000 + b"}"])
@example([b'{"event":"sale","net":NaN,"id":Infinity}'])
@example([b'{"event":["join"]}', b'{"event":{"a":1}}', b'{"\\u0000":1,"event":"join"}'])
def test_whatever_a_file_holds_it_is_read_or_refused(lines: list[bytes]) -> None:
    said: tuple[str, ...] = ()
    try:
        read(lines, [SMALL])
    except EventsError as error:
        said = error.problems or ("nothing",)

    assert "nothing" not in said
    assert all(len(text) < 700 for text in said)
