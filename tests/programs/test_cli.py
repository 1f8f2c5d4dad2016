import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.kit.clock import utc_now
from portal.programs import service
from portal.programs.cli import schema_text
from portal.programs.documents import (
    MOST_BYTES,
    dump_yaml,
    load_yaml,
    preset,
    preset_keys,
)
from portal.programs.models import ProgramVersion
from tests.programs.definitions import HUBSPOT, MONDAY, changed, with_flaw, with_rule
from tests.programs.test_public_views import publish

ROOT = Path(__file__).resolve().parents[2]


class Portal:
    """The `portal programs` command, run inside the test's transaction."""

    def __init__(self, app: Flask) -> None:
        self._runner = app.test_cli_runner()

    def __call__(self, *words: str) -> Result:
        return self._runner.invoke(args=["programs", *words])


@pytest.fixture
def portal(app: Flask, session: Session) -> Portal:
    del session
    return Portal(app)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "program.yaml"
    path.write_text(dump_yaml(preset(MONDAY)))
    return path


class TestList:
    def test_without_a_program_it_names_the_presets(self, portal: Portal) -> None:
        result = portal("list")

        assert result.exit_code == 0
        assert f"portal programs publish --preset {HUBSPOT}" in result.stdout

    def test_programs_stand_there_with_their_version(
        self, portal: Portal, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        listed = json.loads(portal("list", "--json").stdout)

        text = portal("list").stdout
        assert f"{MONDAY}  version 1  Affiliate Program" in text
        assert "Presets, for a new one: article-credit, blank," in text
        assert listed["programs"][0]["key"] == MONDAY
        assert listed["presets"] == list(preset_keys())


class TestShowAndExport:
    def test_terms_are_shown_in_words_with_their_evidence(
        self, portal: Portal, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        shown = portal("show", MONDAY).stdout

        assert "Waiting time: A commission waits 30 days" in shown
        assert "[reported]" in shown
        assert "1. Send an application" in shown
        assert json.loads(portal("show", MONDAY, "--json").stdout)["version"] == 1

    def test_what_is_exported_reads_back_the_same(
        self, portal: Portal, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        assert load_yaml(portal("export", MONDAY).stdout) == preset(MONDAY)
        assert json.loads(portal("export", MONDAY, "--json").stdout)["key"] == MONDAY

    def test_an_unknown_program_fails(self, portal: Portal) -> None:
        for verb in ("show", "export"):
            result = portal(verb, "nothing")
            assert result.exit_code == 1
            assert "There is no program nothing. There is none yet." in result.stderr


class TestNaming:
    """A file, a preset, a program and a version are all named alike."""

    @pytest.fixture(autouse=True)
    def _two_versions(self, session: Session) -> None:
        publish(session, preset(MONDAY))
        now = utc_now()
        service.publish(
            session, changed(name="Second"), actor=None, effective_from=now, now=now
        )
        session.flush()

    @pytest.mark.parametrize(
        ("reference", "first_line"),
        [
            (MONDAY, f"Second ({MONDAY}), version 2"),
            (f"{MONDAY}@1", f"Affiliate Program ({MONDAY}), version 1"),
            (f"preset:{MONDAY}", f"({MONDAY}), from preset:{MONDAY}"),
            (HUBSPOT, f"({HUBSPOT}), from {HUBSPOT}"),
        ],
    )
    def test_what_is_named_is_shown(
        self, portal: Portal, reference: str, first_line: str
    ) -> None:
        assert first_line in portal("show", reference).stdout.splitlines()[0]

    def test_a_file_is_shown_before_it_is_published(
        self, portal: Portal, file: Path
    ) -> None:
        assert f"from {file}" in portal("show", str(file)).stdout

    @pytest.mark.parametrize(
        ("reference", "code", "problem"),
        [
            (
                f"{MONDAY}@3",
                1,
                "There is no such version. There are versions 1 to 2: name",
            ),
            (
                "nothing@1",
                1,
                f"There is no program nothing. There are: {MONDAY}. A file is named",
            ),
            ("monday-afiliate", 1, f"Did you mean {MONDAY}?"),
            ("preset:nothing", 1, "There is no preset nothing."),
            ("preset:blnk", 1, "Did you mean blank?"),
            ("nothing.yaml", 2, "nothing.yaml cannot be read"),
        ],
    )
    def test_what_is_not_there_is_named(
        self, portal: Portal, reference: str, code: int, problem: str
    ) -> None:
        result = portal("show", reference)

        assert result.exit_code == code
        assert problem in result.stderr

    def test_a_program_that_has_not_begun_is_not_shown_as_its_preset(
        self, portal: Portal, session: Session
    ) -> None:
        now = utc_now()
        service.publish(
            session,
            preset(HUBSPOT),
            actor=None,
            effective_from=now + timedelta(days=9),
            now=now,
        )
        session.flush()

        assert portal("show", HUBSPOT).stderr == (
            f"{HUBSPOT}: The program has not begun yet. There is only version 1: name "
            f"{HUBSPOT}@1.\n"
        )
        assert portal("show", f"{HUBSPOT}@1").exit_code == 0
        assert "version 1" in portal("show", f"{HUBSPOT}@1").stdout


class TestDiff:
    def test_what_changes_is_said_in_words(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        publish(session, preset(MONDAY))
        file.write_text(dump_yaml(changed(hold={"days": 31})))

        result = portal("diff", MONDAY, str(file))

        assert result.exit_code == 0
        assert f"From Affiliate Program ({MONDAY}), version 1 to" in result.stdout
        assert "- Waiting time, days: 31 instead of 30." in result.stdout

    def test_programs_can_read_it_too(self, portal: Portal, file: Path) -> None:
        file.write_text(dump_yaml(changed(hold={"days": 31})))

        result = portal("diff", f"preset:{MONDAY}", str(file), "--json")

        answer = json.loads(result.stdout)
        assert answer["old"] == answer["new"] == {"key": MONDAY, "version": None}
        assert answer["changes"][0]["path"] == "hold.days"
        assert (answer["changes"][0]["before"], answer["changes"][0]["after"]) == (
            30,
            31,
        )

    def test_nothing_changes_between_a_program_and_itself(self, portal: Portal) -> None:
        assert "They say the same." in portal("diff", MONDAY, MONDAY).stdout

    def test_a_broken_file_is_refused(self, portal: Portal, file: Path) -> None:
        file.write_text("key: x")

        result = portal("diff", MONDAY, str(file))

        assert result.exit_code == 2
        assert "name: is missing: add it" in result.stderr


class TestCheck:
    def test_a_good_file_is_fine(self, portal: Portal, file: Path) -> None:
        file.write_text(dump_yaml(changed(friend_discount=None, sources=[])))

        assert portal("check", str(file)).exit_code == 0
        answer = portal("check", str(file), "--json")

        assert json.loads(answer.stdout) == {
            "ok": True,
            "key": MONDAY,
            "problems": [],
            "flaws": [],
            "gaps": [],
        }

    def test_what_the_portal_leaves_to_others_is_noted_and_no_failure(
        self, portal: Portal, file: Path
    ) -> None:
        result = portal("check", str(file), "--strict")
        answer = portal("check", str(file), "--json")

        assert result.exit_code == 0
        assert "Note on friend_discount: The portal does not lower" in result.stderr
        [gap] = json.loads(answer.stdout)["gaps"]
        assert gap["path"] == "friend_discount"

    def test_whatever_can_be_shown_can_be_checked(
        self, portal: Portal, session: Session
    ) -> None:
        publish(session, with_flaw())

        assert "preset:blank is fine" in portal("check", "preset:blank").stdout
        assert f"{MONDAY}@1 has 1 flaw" in portal("check", f"{MONDAY}@1").stdout
        assert portal("check", "nothing").exit_code == 1

    def test_a_flaw_is_shown_with_an_example_and_fails_only_if_strict(
        self, portal: Portal, file: Path
    ) -> None:
        file.write_text(dump_yaml(with_flaw()))

        lenient = portal("check", str(file))
        strict = portal("check", str(file), "--strict")
        in_json = portal("check", str(file), "--json")

        assert [lenient.exit_code, strict.exit_code, in_json.exit_code] == [0, 1, 0]
        assert "has 1 flaw:" in lenient.stdout
        assert "--strict would fail here" in lenient.stdout
        assert "would fail" not in strict.stdout
        assert "Flaw at sources.rules.nothing: There is no part" in lenient.stderr
        assert "Example: A visitor reads" in lenient.stderr
        [flaw] = json.loads(in_json.stdout)["flaws"]
        assert flaw["path"] == "sources.rules.nothing"

    def test_several_flaws_are_counted(self, portal: Portal, file: Path) -> None:
        file.write_text(dump_yaml(with_rule(bands=[{"from_value": 0, "rate_bps": 0}])))

        result = portal("check", str(file), "--strict", "--json")

        count = len(json.loads(result.stdout)["flaws"])
        assert (count > 1, result.exit_code) == (True, 1)
        assert f"has {count} flaws:" in portal("check", str(file)).stdout

    def test_every_problem_is_listed(self, portal: Portal, file: Path) -> None:
        text = file.read_text().replace("  days: 30\n", "  days: -1\n", 1)
        file.write_text(text.replace("currency: USD", "currency: usd"))

        result = portal("check", str(file))
        in_json = portal("check", str(file), "--json")

        assert result.exit_code == in_json.exit_code == 2
        assert "hold.days: must be at least 0" in result.stderr
        answer = json.loads(in_json.stdout)
        assert (answer["ok"], len(answer["problems"])) == (False, 2)
        assert {"path": "hold.days", "remedy": "must be at least 0"} in (
            answer["problems"]
        )

    def test_a_missing_file_is_a_mistake_in_the_command(
        self, portal: Portal, tmp_path: Path
    ) -> None:
        result = portal("check", str(tmp_path / "nothing.yaml"))

        assert result.exit_code == 2
        assert "cannot be read: No such file" in result.stderr

    def test_what_is_no_text_is_refused(self, portal: Portal, file: Path) -> None:
        file.write_bytes(b"\xff\xfe\x00")

        result = portal("check", str(file))

        assert result.exit_code == 2
        assert "is not text in UTF-8" in result.stderr

    def test_too_big_a_file_is_called_that(self, portal: Portal, file: Path) -> None:
        file.write_text("é" * MOST_BYTES)

        assert "the file is too big" in portal("check", str(file)).stderr


class TestPublish:
    def test_a_preset_becomes_a_program(self, portal: Portal, session: Session) -> None:
        result = portal("publish", "--preset", MONDAY)

        assert result.exit_code == 0, result.output
        assert f"Published {MONDAY}, version 1" in result.stdout
        version = session.scalars(select(ProgramVersion)).one()
        assert version.definition == preset(MONDAY)
        assert version.published_by_id is None

    def test_a_file_becomes_the_next_version(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        publish(session, preset(MONDAY))
        file.write_text(dump_yaml(changed(hold={"days": 31})))
        tomorrow = f"{utc_now() + timedelta(days=1):%Y-%m-%d}"

        result = portal("publish", str(file), "--from", tomorrow, "--json")

        answer = json.loads(result.stdout)
        assert (answer["key"], answer["version"]) == (MONDAY, 2)
        assert (answer["published"], answer["flaws"]) == (True, [])
        assert [gap["path"] for gap in answer["gaps"]] == ["friend_discount"]
        assert answer["effective_from"] == f"{tomorrow}T00:00:00+00:00"
        assert [change["path"] for change in answer["changes"]] == ["hold.days"]

    def test_a_day_begins_where_the_program_is(
        self, portal: Portal, file: Path
    ) -> None:
        file.write_text(dump_yaml(changed(time_zone="Asia/Seoul")))

        result = portal("publish", str(file), "--from", "2030-01-01", "--json")

        effective_from = json.loads(result.stdout)["effective_from"]
        assert effective_from == "2029-12-31T15:00:00+00:00"

    def test_a_day_outside_the_calendar_is_a_mistake_in_the_command(
        self, portal: Portal, file: Path
    ) -> None:
        file.write_text(dump_yaml(changed(time_zone="Asia/Seoul")))

        result = portal("publish", str(file), "--from", "0001-01-01")

        assert result.exit_code == 2
        assert "no moment of our calendar" in result.stderr

    def test_it_says_in_words_what_changes(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        publish(session, preset(MONDAY))
        file.write_text(dump_yaml(changed(hold={"days": 31})))

        result = portal("publish", str(file))

        assert "Waiting time, days: 31 instead of 30." in result.stdout

    def test_a_flaw_is_shown_and_does_not_stop_it(
        self, portal: Portal, file: Path
    ) -> None:
        file.write_text(dump_yaml(with_flaw()))

        result = portal("publish", str(file))

        assert result.exit_code == 0
        assert "Flaw at sources.rules.nothing" in result.stderr

    def test_the_same_again_is_nothing_to_do(self, portal: Portal, file: Path) -> None:
        assert portal("publish", str(file)).exit_code == 0

        result = portal("publish", str(file))

        assert result.exit_code == 3
        assert "nothing to publish" in result.stderr

    def test_a_dry_run_changes_nothing(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        result = portal("publish", str(file), "--dry-run")

        assert result.exit_code == 0
        assert "Would publish" in result.stdout
        assert session.scalars(select(ProgramVersion)).all() == []

    def test_a_dry_run_says_what_a_refusal_would_say(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        publish(session, preset(MONDAY))
        file.write_text(dump_yaml(changed(name="Second")))

        ahead = portal("publish", str(file), "--dry-run", "--from", "2999-01-01")
        behind = portal("publish", str(file), "--dry-run", "--from", "2020-01-01")

        assert "Would publish monday-affiliate, version 2, from 2999" in ahead.stdout
        assert behind.exit_code == 1
        assert behind.stderr == (
            "A new version cannot start in the past: a sale of Jan 1, 2020 was "
            "promised the terms of version 1.\n"
        )

    def test_a_first_version_may_start_in_the_past_and_says_what_that_means(
        self, portal: Portal, file: Path
    ) -> None:
        result = portal("publish", str(file), "--from", "2020-01-01")

        assert result.exit_code == 0
        assert "Note on --from: it lies in the past, so a sale of 2020-01-01" in (
            result.stderr
        )

    def test_what_is_no_day_is_told_what_a_day_looks_like(
        self, portal: Portal, file: Path
    ) -> None:
        result = portal("publish", str(file), "--from", "tomorrow")

        assert result.exit_code == 2
        assert "tomorrow is no day: write one such as 2027-01-01" in result.stderr

    def test_a_refusal_fails_with_its_sentence(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        publish(session, preset(MONDAY))
        file.write_text(dump_yaml(changed(currency="EUR")))

        result = portal("publish", str(file))

        assert result.exit_code == 1
        assert "The currency stays USD" in result.stderr

    @pytest.mark.parametrize("words", [[], ["x.yaml", "--preset", MONDAY]])
    def test_a_file_or_a_preset_must_be_named(
        self, portal: Portal, words: list[str]
    ) -> None:
        result = portal("publish", *words)

        assert result.exit_code == 2
        assert "Name a file, or a preset" in result.stderr

    def test_an_unknown_preset_fails(self, portal: Portal) -> None:
        result = portal("publish", "--preset", "nothing")

        assert result.exit_code == 1
        assert "There is no preset nothing." in result.stderr


class TestCeiling:
    ORDER = ("ceiling", "--order-minor", "8000", "--cost-minor", "3200")
    COSTS = ("--cost-minor", "800", "--cost-minor", "400", "--cost-minor", "262")

    def test_it_says_how_much_commission_an_order_bears(self, portal: Portal) -> None:
        result = portal(*self.ORDER, *self.COSTS, "--returned-bps", "800")

        assert result.stdout == (
            "An order leaves $30.71 on average: a commission of up to $10.24 leaves "
            "room, more than $15.35 is too much.\n"
        )

    def test_it_answers_in_json(self, portal: Portal) -> None:
        result = portal(*self.ORDER, *self.COSTS, "--returned-bps", "800", "--json")

        assert json.loads(result.stdout) == {
            "kept_minor": 3071,
            "low_minor": 1024,
            "high_minor": 1535,
        }

    def test_an_order_that_leaves_nothing_bears_nothing(self, portal: Portal) -> None:
        costs = ("--cost-minor", "4800")

        assert "leaves nothing" in portal(*self.ORDER, *costs).stdout
        answer = json.loads(portal(*self.ORDER, *costs, "--json").stdout)
        assert answer == {"kept_minor": 0, "low_minor": None, "high_minor": None}

    @pytest.mark.parametrize(
        "words",
        [
            ("--currency", "usd"),
            ("--returned-bps", "10001"),
            ("--cost-minor", "-1"),
            ("--cost-minor", "0.5"),
        ],
    )
    def test_what_is_no_amount_share_or_currency_is_refused(
        self, portal: Portal, words: tuple[str, ...]
    ) -> None:
        assert portal(*self.ORDER, *words).exit_code == 2


class TestSchema:
    def test_the_schema_in_the_docs_is_up_to_date(self) -> None:
        path = ROOT / "docs" / "reference" / "program.schema.json"

        # If not: portal programs schema --out docs/reference/program.schema.json
        assert path.read_text(encoding="utf-8") == schema_text()

    def test_it_is_written_where_one_says(self, portal: Portal, tmp_path: Path) -> None:
        out = tmp_path / "schema.json"

        assert portal("schema", "--out", str(out)).exit_code == 0
        assert out.read_text() == portal("schema").stdout == schema_text()
