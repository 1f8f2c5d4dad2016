"""`portal simulate`: files in, an answer out, and never a traceback."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_yaml, preset_keys
from portal.simulation.cli import simulate
from tests.simulation.programs import (
    gate,
    join,
    lines_of,
    program,
    refund,
    sale,
    share,
)
from tests.simulation.test_running import BY_TIER, CREDIT, TIERED, click, signup

EVENTS = [
    join(),
    sale("s1", "2025-01-10", 100_00),
    sale("s2", "2025-02-10", 50_00),
    refund("s1", "2025-02-20", 25_00),
]
NOT_JSON = 'is not JSON: write one object, like {"event": "join", ...}'
SHOWY = program(
    tiers={
        **TIERED,
        "levels": [TIERED["levels"][0], {**TIERED["levels"][1], "from_value": 1}],
        "duty": {"level": "gold", "within_months": 1},
    },
    rules=[BY_TIER | {"caps": [{"per": "month", "most_minor": 15_00}]}],
    rewards=[CREDIT],
    gates=[
        gate("email", "email", "join"),
        gate("form", "confirmation", "payout"),
        gate("call", "confirmation", "earn", sales_while_unmet="held"),
    ],
    payout={
        "days_after": 5,
        "minimum_minor": 5,
        "holdback": {"bps": 1_000, "months": 1},
    },
)


def run(*options: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(simulate, options, input=stdin)


def file_of(folder: Path, *events: dict[str, Any], name: str = "events.jsonl") -> str:
    path = folder / name
    path.write_bytes(b"\n".join(lines_of(events)) + b"\n")
    return str(path)


def yaml_of(folder: Path, definition: ProgramDefinition, name: str = "p.yaml") -> str:
    path = folder / name
    path.write_text(dump_yaml(definition), encoding="utf-8")
    return str(path)


def answer(folder: Path, *more: str) -> dict[str, Any]:
    said = run(
        "--program",
        yaml_of(folder, program()),
        "--events",
        file_of(folder, *EVENTS),
        "--format",
        "json",
        *more,
    )
    assert said.exit_code == 0, said.output
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_json_holds_everything(tmp_path: Path) -> None:
    found = answer(tmp_path, "--until", "2025-03-31")

    assert list(found) == [
        "format",
        "program",
        "until",
        "events",
        "partners",
        "rewards",
        "credits",
        "registrations",
        "uncounted",
    ]
    assert found["until"] == "2025-03-31T23:59:59.999999+00:00"
    (noor,) = found["partners"]
    assert [line["key"] for line in noor["commissions"]] == [
        "sale:s1/share",
        "sale:s2/share",
        "refund:refund 000000003/share",
    ]
    assert [line["amount_minor"] for line in noor["commissions"]] == [
        20_00,
        10_00,
        -5_00,
    ]
    assert noor["commissions"][0]["sentence"].startswith("20% of $100.00")
    assert noor["totals"]["USD"]["paid_minor"] == 25_00
    assert [s["period"] for s in noor["statements"]] == [
        "2025-01",
        "2025-02",
        "2025-03",
    ]
    assert not any(s["is_open"] for s in noor["statements"])


def test_the_same_files_give_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    options = (
        "--program",
        yaml_of(tmp_path, SHOWY),
        "--events",
        file_of(tmp_path, *EVENTS),
        "--format",
        "json",
    )
    with time_machine.travel(datetime(2001, 1, 1, tzinfo=UTC)):
        early = run(*options)
    with time_machine.travel(datetime(2101, 1, 1, tzinfo=UTC)):
        late = run(*options)

    assert early.stdout_bytes == late.stdout_bytes
    assert early.exit_code == 0


def test_the_table_says_everything_in_words(tmp_path: Path) -> None:
    met = {"event": "gate_met", "partner": "noor", "gate": "form", "at": "2025-02-20"}
    called = {"event": "gate_met", "partner": "noor", "gate": "call"}
    events = [
        join(),
        join("ada"),
        {**called, "at": "2025-01-01"},
        {"event": "gate_unmet", "partner": "noor", "gate": "call", "at": "2025-04-01"},
        sale("s1", "2025-01-10", 100_00),
        sale("s2", "2025-02-10", 300_00),
        refund("s1", "2025-03-01", 100_00),
        refund("s2", "2025-03-01", 300_00),
        sale("s3", "2025-04-10", 100_00),
        met,
        click("noor", "2025-01-05"),
        signup("2025-01-06"),
        {"event": "signup", "customer": "b", "at": "2025-01-07"},
        sale("s4", "2025-04-11", 1, partner=None, customer="b"),
        join("later", "2026-01-01"),
    ]
    said = run(
        "--program",
        yaml_of(tmp_path, SHOWY),
        "--events",
        file_of(tmp_path, *events, events[0]),
        "--until",
        "2025-05-20",
    )

    assert said.exit_code == 0, said.output
    for words in (
        "Small Program (small), until 2025-05-20 23:59 UTC",
        "14 events, 1 later ones left out, 1 repeated lines counted once.",
        "noor, joined 2025-01-01",
        "level Gold: after a sale",
        "the membership ended: a level was not reached in time",
        "clears 2025-01-10",
        "waits",
        "withheld on 2025-02-05: Form",
        "paid on 2025-03-05",
        "carried to the next statement",
        "nothing to pay",
        "of 2025-01 held back, released 2025-02-01",
        "waiting for a requirement",
        "over a cap, not paid",
        "Rewards",
        "Earns nobody anything",
        "sale s4: nobody gets the credit for b",
    ):
        assert words in said.stdout, words


def test_what_is_not_due_yet_and_small_sums_are_named(tmp_path: Path) -> None:
    definition = program(
        hold={"days": 10},
        payout={"minimum_minor": 5_00, "holdback": {"bps": 1_000, "months": 3}},
    )
    said = run(
        "--program",
        yaml_of(tmp_path, definition),
        "--events",
        file_of(
            tmp_path,
            join(),
            sale("a", "2025-01-01", 10_00),
            sale("b", "2025-02-01", 100_00),
            sale("c", "2025-02-25", 100_00),
        ),
    ).stdout

    assert "$1.80 is below the minimum: carried on" in said
    assert "due on 2025-03-15" in said
    assert "to be released" in said
    assert "$20.00 not cleared yet" in said


def test_two_programs_are_held_against_each_other(tmp_path: Path) -> None:
    more = yaml_of(tmp_path, program(rules=[share(3_000)]), "more.yaml")
    events = file_of(tmp_path, join("ada"), *EVENTS)
    options = ("--program", yaml_of(tmp_path, program()), "--events", events)

    found = json.loads(run(*options, "--compare", more, "--format", "json").stdout)
    text = run(*options, "--compare", more).stdout

    comparison = found["comparison"]
    assert comparison["winners"] == ["noor"]
    assert comparison["losers"] == []
    assert comparison["change_minor"] == 12_50
    assert [p["change_minor"] for p in comparison["partners"]] == [12_50, 0]
    assert "noor     $25.00  $37.50      $12.50" in text
    assert "1 win, 0 lose, $12.50 in all." in text


def test_who_loses_most_comes_first_among_losers(tmp_path: Path) -> None:
    less = yaml_of(tmp_path, program(rules=[share(500)], tiers=TIERED), "less.yaml")
    found = json.loads(
        run(
            "--program",
            yaml_of(tmp_path, program()),
            "--events",
            file_of(
                tmp_path,
                join("ada"),
                join("noor"),
                sale("a", "2025-02-01", 100_00, partner="ada"),
                sale("b", "2025-02-01", 900_00),
            ),
            "--compare",
            less,
            "--format",
            "json",
        ).stdout
    )

    assert found["comparison"]["losers"] == ["noor", "ada"]
    assert found["comparison"]["partners"][0]["level_after"] == "base"


def test_programs_in_two_currencies_are_not_subtracted(tmp_path: Path) -> None:
    euros = yaml_of(tmp_path, program(currency="EUR"), "euros.yaml")
    options = (
        "--program",
        yaml_of(tmp_path, program()),
        "--events",
        file_of(tmp_path, *EVENTS),
        "--compare",
        euros,
    )

    found = json.loads(run(*options, "--format", "json").stdout)

    assert found["comparison"]["change_minor"] is None
    assert found["comparison"]["winners"] == []
    assert "nothing is subtracted" in run(*options).stdout


def test_events_come_from_standard_input_too(tmp_path: Path) -> None:
    said = run(
        "--program",
        yaml_of(tmp_path, program()),
        "--events",
        "-",
        stdin=b"\n".join(lines_of(EVENTS)),
    )

    assert "noor, joined 2025-01-01" in said.stdout
    broken = run("--program", "blank", "--events", "-", stdin=b"{")
    assert broken.stderr.startswith("standard input: line 1: is not JSON")


def test_a_preset_may_be_named_as_elsewhere_and_a_slip_is_guessed(
    tmp_path: Path,
) -> None:
    events = file_of(tmp_path, *EVENTS)

    named = run("--program", "preset:blank", "--events", events)
    slip = run("--program", "blnk", "--events", events)

    assert named.exit_code == 0
    assert slip.exit_code == 1
    assert slip.stderr.endswith("Did you mean blank?\n")


def test_presets_are_known_by_their_key(tmp_path: Path) -> None:
    said = run(
        "--program", "hubspot-solutions-partner", "--events", file_of(tmp_path, *EVENTS)
    )

    assert said.exit_code == 0, said.output


@pytest.mark.parametrize(
    ("until", "moment"),
    [
        ("2025-02-01", "2025-02-01T22:59:59.999999+00:00"),
        ("2025-02-01T12:00:00+01:00", "2025-02-01T11:00:00+00:00"),
    ],
)
def test_a_day_is_over_when_it_ends_in_the_programs_zone(
    tmp_path: Path, until: str, moment: str
) -> None:
    found = json.loads(
        run(
            "--program",
            yaml_of(tmp_path, program(time_zone="Europe/Berlin")),
            "--events",
            file_of(tmp_path, *EVENTS),
            "--until",
            until,
            "--format",
            "json",
        ).stdout
    )

    assert found["until"] == moment


def test_wrong_lines_are_named_and_the_exit_code_is_1(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b'{"event": "sale"\n{"event": "jion", "at": "2025-01-01"}\n')
    said = run("--program", yaml_of(tmp_path, program()), "--events", str(events))

    assert said.exit_code == 1
    assert said.stderr.splitlines() == [
        f"{events}: line 1: {NOT_JSON}",
        f"{events}: line 2: event: is not known here: did you mean join?",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no event. Write one JSON object a line."),
        (b"\n\n", "has no event. Write one JSON object a line."),
        (b"x" * 300_000 + b"\n{", "line 1: longer than 100 kB: split it"),
        (b"x" * 300_000 + b"\n{", "line 2: is not JSON"),
    ],
)
def test_files_that_hold_no_events_are_refused(
    tmp_path: Path, content: bytes, says: str
) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(content)
    said = run("--program", yaml_of(tmp_path, program()), "--events", str(events))

    assert said.exit_code == 1
    assert says in said.stderr


def test_a_long_last_line_without_an_end_is_refused_once(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"x" * 300_000)
    said = run("--program", yaml_of(tmp_path, program()), "--events", str(events))

    assert said.stderr.count(": line ") == 1


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    events, good = file_of(tmp_path, *EVENTS), yaml_of(tmp_path, program())
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: \xe9")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("format: 2\n")
    cases = {
        ("nowhere.yaml", events): "There is no file nowhere.yaml, and no preset",
        (str(tmp_path), events): "cannot be read: Is a directory",
        (str(latin), events): "is not text in UTF-8",
        (str(wrong), events): "wrong.yaml: key: is missing: add it",
        (good, "nowhere.jsonl"): "nowhere.jsonl cannot be read: No such file",
        (good, str(tmp_path)): "cannot be read: Is a directory",
    }

    for (definition, lines), says in cases.items():
        said = run("--program", definition, "--events", lines)
        assert (said.exit_code, says in said.stderr) == (1, True), said.output


def test_wrong_options_are_wrong_usage(tmp_path: Path) -> None:
    options = (
        "--program",
        yaml_of(tmp_path, program()),
        "--events",
        file_of(tmp_path, *EVENTS),
    )

    said = run(*options, "--until", "tomorrow")

    assert said.exit_code == 2
    assert "--until: write a day like 2026-03-01" in said.stderr
    assert run(*options, "--format", "xml").exit_code == 2
    assert run().exit_code == 2


def test_names_cannot_break_the_table(tmp_path: Path) -> None:
    said = run(
        "--program",
        yaml_of(tmp_path, program()),
        "--events",
        file_of(tmp_path, join("n\no\u202er"), join("x" * 90)),
    )

    assert "n?o?r, joined" in said.stdout
    assert "x" * 31 + "…, joined" in said.stdout


GUARD = """
import sys

def watch(event, args):
    if event in {"socket.connect", "socket.bind", "subprocess.Popen", "os.fork",
                 "os.posix_spawn", "socket.getaddrinfo"}:
        raise SystemExit(f"it did {event}")

from portal.__main__ import main
sys.addaudithook(watch)
sys.argv = ["portal", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"PORTAL_ENV": "production"},
        {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"},
        {},
    ],
    ids=["no settings", "no server", "embedded"],
)
def test_it_needs_no_settings_no_database_and_no_network(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            GUARD,
            "simulate",
            "--program",
            yaml_of(tmp_path, program()),
            "--events",
            file_of(tmp_path, *EVENTS),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={
            "PATH": "",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "PYTHONIOENCODING": "ascii",
            **environment,
        },
    )

    assert done.returncode == 0, done.stderr
    assert "noor, joined 2025-01-01" in done.stdout
    assert not (tmp_path / "instance").exists()


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from([b"", b"0", b'"', b"{", b"-", b"\xff", b"9" * 30, b"null"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(MUTATIONS)
def test_broken_lines_never_give_a_traceback(
    tmp_path: Path, mutations: list[tuple[int, bytes]]
) -> None:
    content = b"\n".join(lines_of(EVENTS))
    for place, piece in mutations:
        content = content[:place] + piece + content[place + 1 :]
    definition = tmp_path / "p.yaml"
    if not definition.exists():
        yaml_of(tmp_path, program())

    said = run("--program", str(definition), "--events", "-", stdin=content)

    assert said.exit_code in (0, 1)
    assert said.exception is None or isinstance(said.exception, SystemExit)


def test_json_names_rewards_reserves_levels_and_lost_clicks(tmp_path: Path) -> None:
    events = [
        join("ada"),
        join("noor"),
        {"event": "gate_met", "partner": "noor", "gate": "call", "at": "2025-01-01"},
        click("ada", "2025-01-04"),
        click("noor", "2025-01-05"),
        signup("2025-01-06"),
        sale("s1", "2025-01-10", 100_00, partner=None, customer="acme"),
        sale("s2", "2025-01-20", 100_00),
        {
            "event": "lead",
            "id": "l",
            "partner": "ada",
            "customer": "b",
            "price": 1,
            "accepted": False,
            "at": "2025-01-10",
        },
    ]
    found = json.loads(
        run(
            "--program",
            yaml_of(tmp_path, SHOWY),
            "--events",
            file_of(tmp_path, *events),
            "--until",
            "2025-02-20",
            "--format",
            "json",
        ).stdout
    )

    _ada, noor = found["partners"]
    assert [change["level"] for change in noor["tiers"]["changes"]] == ["gold"]
    assert noor["over_cap"] == [
        {
            "key": key,
            "rule": "share",
            "currency": "USD",
            "over_cap_minor": minor,
        }
        for key, minor in (("sale:s1/share", 5_00), ("sale:s2/share", 20_00))
    ]
    (reserve, *_rest) = noor["reserves"]
    assert (reserve["held_back_minor"], reserve["release_on"]) == (1_50, "2025-02-01")
    (reward,) = found["rewards"]
    assert (reward["beneficiary"], reward["state"]) == ("noor", "due")
    (credit,) = found["credits"]
    assert credit["shares"] == [{"partner": "noor", "weight": 1, "of": 1}]
    assert [loser["reason"] for loser in credit["losers"]] == ["older_click"]
    assert [one["why"] for one in found["uncounted"]] == ["not_accepted"]


@pytest.mark.parametrize("key", preset_keys())
@pytest.mark.parametrize("output", ["json", "table"])
def test_every_preset_can_be_tried_out(tmp_path: Path, key: str, output: str) -> None:
    day = {"partner": "noor", "at": "2025-02-01"}
    events = [
        join(company="Agency", email="noor@agency.example"),
        {"event": "click", "customer": "acme", "price": 2_50, **day},
        signup("2025-02-02", email="ada@acme.example", country="DE"),
        sale("s1", "2025-02-10", 100_00, partner=None, customer="acme"),
        {"event": "lead", "id": "l1", "customer": "b", "price": 45_00, **day},
        {"event": "subscriber", "id": "x1", "customer": "c", **day},
        {"event": "review", "id": "r1", "product": "crm", "stars": 3, **day},
        refund("s1", "2025-02-20", 10_00),
    ]

    said = run(
        "--program",
        key,
        "--events",
        file_of(tmp_path, *events),
        "--until",
        "2026-06-30",
        "--format",
        output,
    )

    assert said.exit_code == 0, said.output
