import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.kit.clock import utc_now
from portal.programs.cli import schema_text
from portal.programs.documents import MOST_BYTES, dump_yaml, load_yaml, preset
from portal.programs.models import ProgramVersion
from tests.programs.definitions import HUBSPOT, MONDAY, changed
from tests.programs.test_public_views import publish

ROOT = Path(__file__).resolve().parents[2]


class Portal:
    """The `portal program` command, run inside the test's transaction."""

    def __init__(self, app: Flask) -> None:
        self._runner = app.test_cli_runner()

    def __call__(self, *words: str) -> Result:
        return self._runner.invoke(args=["program", *words])


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
        assert f"portal program import --preset {HUBSPOT}" in result.stdout

    def test_programs_stand_there_with_their_version(
        self, portal: Portal, session: Session
    ) -> None:
        publish(session, preset(MONDAY))

        listed = json.loads(portal("list", "--json").stdout)

        assert f"{MONDAY}  version 1  Affiliate Program" in portal("list").stdout
        assert listed["programs"][0]["key"] == MONDAY
        assert listed["presets"] == [HUBSPOT, MONDAY]


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
            assert "There is no such program." in result.stderr


class TestCheck:
    def test_a_good_file_is_fine(self, portal: Portal, file: Path) -> None:
        assert portal("check", str(file)).exit_code == 0
        answer = portal("check", str(file), "--json")
        assert json.loads(answer.stdout) == {"ok": True, "key": MONDAY}

    def test_every_problem_is_listed(self, portal: Portal, file: Path) -> None:
        text = file.read_text().replace("hold_days: 30", "hold_days: -1")
        file.write_text(text.replace("currency: USD", "currency: usd"))

        result = portal("check", str(file))
        in_json = portal("check", str(file), "--json")

        assert result.exit_code == in_json.exit_code == 1
        assert "hold_days: must be at least 0" in result.stderr
        assert len(json.loads(in_json.stdout)["problems"]) == 2

    def test_a_missing_file_is_a_mistake_in_the_command(
        self, portal: Portal, tmp_path: Path
    ) -> None:
        result = portal("check", str(tmp_path / "nothing.yaml"))

        assert result.exit_code == 2
        assert "cannot be read: No such file" in result.stderr

    def test_what_is_no_text_is_refused(self, portal: Portal, file: Path) -> None:
        file.write_bytes(b"\xff\xfe\x00")

        result = portal("check", str(file))

        assert result.exit_code == 1
        assert "is not text in UTF-8" in result.stderr

    def test_too_big_a_file_is_called_that(self, portal: Portal, file: Path) -> None:
        file.write_text("é" * MOST_BYTES)

        assert "the file is too big" in portal("check", str(file)).stderr


class TestImport:
    def test_a_preset_becomes_a_program(self, portal: Portal, session: Session) -> None:
        result = portal("import", "--preset", MONDAY)

        assert result.exit_code == 0, result.output
        assert f"Published {MONDAY}, version 1" in result.stdout
        version = session.scalars(select(ProgramVersion)).one()
        assert version.definition == preset(MONDAY)
        assert version.published_by_id is None

    def test_a_file_becomes_the_next_version(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        publish(session, preset(MONDAY))
        file.write_text(dump_yaml(changed(hold_days=31)))
        tomorrow = f"{utc_now() + timedelta(days=1):%Y-%m-%d}"

        result = portal("import", str(file), "--from", tomorrow, "--json")

        assert json.loads(result.stdout) == {
            "key": MONDAY,
            "version": 2,
            "published": True,
        }

    def test_the_same_again_is_nothing_to_do(self, portal: Portal, file: Path) -> None:
        assert portal("import", str(file)).exit_code == 0

        result = portal("import", str(file))

        assert result.exit_code == 3
        assert "nothing to publish" in result.stderr

    def test_a_dry_run_changes_nothing(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        result = portal("import", str(file), "--dry-run")

        assert result.exit_code == 0
        assert "Would publish" in result.stdout
        assert session.scalars(select(ProgramVersion)).all() == []

    def test_a_refusal_fails_with_its_sentence(
        self, portal: Portal, session: Session, file: Path
    ) -> None:
        publish(session, preset(MONDAY))
        file.write_text(dump_yaml(changed(currency="EUR")))

        result = portal("import", str(file))

        assert result.exit_code == 1
        assert "The currency stays USD" in result.stderr

    @pytest.mark.parametrize("words", [[], ["x.yaml", "--preset", MONDAY]])
    def test_a_file_or_a_preset_must_be_named(
        self, portal: Portal, words: list[str]
    ) -> None:
        result = portal("import", *words)

        assert result.exit_code == 2
        assert "Name a file, or a preset" in result.stderr

    def test_an_unknown_preset_fails(self, portal: Portal) -> None:
        result = portal("import", "--preset", "nothing")

        assert result.exit_code == 1
        assert "There is no preset nothing." in result.stderr


class TestSchema:
    def test_the_schema_in_the_docs_is_up_to_date(self) -> None:
        path = ROOT / "docs" / "reference" / "program.schema.json"

        # If not: portal program schema --out docs/reference/program.schema.json
        assert path.read_text(encoding="utf-8") == schema_text()

    def test_it_is_written_where_one_says(self, portal: Portal, tmp_path: Path) -> None:
        out = tmp_path / "schema.json"

        assert portal("schema", "--out", str(out)).exit_code == 0
        assert out.read_text() == portal("schema").stdout == schema_text()
