from importlib.resources import files

import pytest
import yaml
from hypothesis import given, settings

from portal.programs import documents
from portal.programs.definition import Evidence, ProgramDefinition
from portal.programs.documents import (
    MOST_BYTES,
    DefinitionError,
    NoSuchPreset,
    dump_json,
    dump_yaml,
    load_json,
    load_yaml,
    preset,
    preset_keys,
)
from tests.programs.definitions import MONDAY
from tests.programs.strategies import definitions

GOOD = dump_yaml(preset(MONDAY))


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as refusal:
        load_yaml(text)
    return refusal.value.problems


def good_with(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


class TestPresets:
    def test_those_that_run_the_demo_are_among_them(self) -> None:
        assert {"hubspot-solutions-partner", MONDAY} <= set(preset_keys())

    @pytest.mark.parametrize("key", preset_keys())
    def test_files_are_written_exactly_as_the_portal_would(self, key: str) -> None:
        text = (files("portal.programs") / "presets" / f"{key}.yaml").read_text()

        assert dump_yaml(load_yaml(text)) == text
        assert load_yaml(text).key == key

    @pytest.mark.parametrize("key", preset_keys())
    def test_every_source_names_a_part_that_exists(self, key: str) -> None:
        definition = dump_json(preset(key))

        for source in preset(key).sources:
            part: object = definition
            for name in source.path.split("."):
                if isinstance(part, list):
                    part = next(entry for entry in part if entry["key"] == name)
                else:
                    assert isinstance(part, dict)
                    part = part[name]

    def test_the_unknown_fee_in_dollars_is_marked_as_assumed(self) -> None:
        sources = {s.path: s for s in preset("hubspot-solutions-partner").sources}

        assert sources["fee"].evidence is Evidence.PUBLISHED
        assert "JPY 4,800" in sources["fee"].note
        assert sources["fee.minor_by_tier"].evidence is Evidence.ASSUMED
        assert "unknown" in sources["fee.minor_by_tier"].note

    def test_an_unknown_preset_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(NoSuchPreset, match="monday-affiliate"):
            preset("../secrets")


class TestErrors:
    def test_every_error_is_named_with_its_path_and_remedy(self) -> None:
        text = (
            GOOD.replace("starter: 2500", "starter: 10001")
            .replace("window_days: 90", "window_days: 0")
            .replace("currency: USD", "currency: usd")
            .replace("  days: 30", "  dayz: 30")
            .replace("name: Affiliate Program\n", "")
            .replace("schedule: monthly", "schedule: weekly")
        )

        assert set(problems_of(text)) == {
            "name: is missing: add it",
            "currency: use the three capital letters of a currency, like USD",
            "rules.0.rate_bps_by_tier.starter: must be at most 10000",
            "attribution.window_days: must be at least 1",
            "payout.schedule: use 'monthly' or 'quarterly'",
            "hold.dayz: is not known here: did you mean days?",
        }

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("  days: 30", "  days: '30'", "hold.days: must be a whole number"),
            ("  days: 30", "  days: 30.0", "hold.days: must be a whole number"),
            ("  days: 30", "  days: true", "hold.days: must be a whole number"),
            ("name: Affiliate Program", "name: 12", "name: must be text: put it in"),
            ("name: Affiliate Program", "name: ''", "name: must not be empty"),
            (
                "name: Affiliate Program",
                f"name: {'x' * 501}",
                "name: must be at most 500 characters long",
            ),
            (
                "name: Affiliate Program",
                'name: "a\\0b"',
                "name: Value error, contains a control character",
            ),
            (
                "currency: USD",
                "currency: USD\nxyzzy: 1",
                "xyzzy: is not known here: remove it",
            ),
            (
                "visibility: public",
                "visibility: secret",
                "visibility: use 'public', 'unlisted' or 'invite_only'",
            ),
            (
                "time_zone: UTC",
                "time_zone: Mars/Base",
                "time_zone: Value error, name a time zone",
            ),
            (
                "landing_url: '{vendor}/'",
                "landing_url: javascript:alert(1)",
                "landing_url: use an address, like https://acme.test",
            ),
            (
                "attribution:\n",
                "attribution: 3\nx:\n",
                "attribution: must be names with values below each other",
            ),
            (
                "required: true",
                "required: 1",
                "join.steps.0.questions.0.required: must be true or false",
            ),
        ],
    )
    def test_a_wrong_value_says_what_would_be_right(
        self, old: str, new: str, problem: str
    ) -> None:
        plain = problem.replace("Value error, ", "")

        assert any(line.startswith(plain) for line in problems_of(good_with(old, new)))

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            (
                "tier_at: first_sale",
                "tier_at: first_sale\n    when:\n      customer_from: soon",
                "rules.0.when.customer_from: use a day, like 2026-01-15",
            ),
            (
                "tier_at: first_sale",
                "tier_at: first_sale\n    program_year_from: 02-30",
                "rules.0.program_year_from: use a month and a day that every year has",
            ),
            (
                "    tier_at: first_sale",
                "    bands:\n      - from_value: 0\n        rate_bps: -1",
                "rules.0.bands.0.rate_bps: must be at least 0",
            ),
        ],
    )
    def test_days_and_rates_are_named_with_what_is_right(
        self, old: str, new: str, problem: str
    ) -> None:
        assert any(
            line.startswith(problem) for line in problems_of(good_with(old, new))
        )

    def test_what_does_not_fit_together_is_blamed_on_the_program(self) -> None:
        text = good_with("tier_at: first_sale", "tier_at: first_sale").replace(
            "champion: 10000", "legend: 10000"
        )

        assert problems_of(text) == (
            "the program: rule first-year needs a rate for each tier, no other",
        )

    def test_a_file_that_is_not_a_program_is_refused(self) -> None:
        assert problems_of("just words") == (
            "the program: must be names with values below each other",
        )
        assert problems_of("") == problems_of("just words")

    def test_a_list_where_names_belong_says_so(self) -> None:
        text = GOOD.replace("gates:\n", "gates: {}\nx:\n", 1)

        assert "gates: must be a list: start each entry with a hyphen" in problems_of(
            text
        )
        text = GOOD.replace("gates:\n", "gates: []\nx:\n", 1)
        assert "gates: needs at least 1 of them" in problems_of(text)

    def test_a_stored_definition_is_checked_too(self) -> None:
        stored = dump_json(preset(MONDAY))
        del stored["name"]

        with pytest.raises(DefinitionError, match="name: is missing"):
            load_json(stored)


class TestYaml:
    def test_a_name_that_is_given_twice_is_refused_with_its_line(self) -> None:
        assert problems_of("a: 1\nb:\n  c: 1\n  c: 2\n") == (
            "line 4, column 3: c is given twice: keep one",
        )

    def test_a_name_must_be_text(self) -> None:
        assert problems_of("1: a\n") == (
            "line 1, column 1: a name must be text: put it in quotes",
        )

    def test_too_much_is_refused_unread(self) -> None:
        assert problems_of("é" * (MOST_BYTES // 2 + 1)) == (
            "the file is too big: keep it under 256 kB",
        )

    def test_references_are_refused(self) -> None:
        expected = "write the value out; & and * are not used here"

        assert expected in problems_of("a: &x [1]\nb: 1\n")[0]
        assert expected in problems_of("a: *x\n")[0]

    def test_nesting_has_a_bottom(self) -> None:
        assert "nested too deeply" in problems_of("[" * 40 + "]" * 40)[0]

    def test_tags_that_build_objects_are_refused(self) -> None:
        assert (
            "could not determine a constructor"
            in (problems_of("a: !!python/object/apply:os.system [ls]\n")[0])
        )

    def test_broken_yaml_names_the_line(self) -> None:
        assert problems_of("a: [1\nb: 2\n")[0].startswith("line 2, column ")

    def test_control_characters_are_refused(self) -> None:
        assert problems_of("a: \x00")[0].startswith("this is not YAML: ")

    def test_an_endless_number_is_refused(self) -> None:
        assert problems_of(f"a: {'9' * 5000}")[0].startswith("this is not YAML: ")

    def test_a_countrys_code_is_a_word(self) -> None:
        text = good_with(
            "  reapply_after_days: 30\n",
            "  reapply_after_days: 30\n  countries: [NO, DE, on]\n",
        )
        assert problems_of(text) == (
            "join.countries.2: use the two capital letters of a country, like DE",
        )
        assert load_yaml(text.replace(", on", "")).join.countries == ("NO", "DE")

    def test_a_mark_less_error_still_makes_a_sentence(self) -> None:
        error = yaml.MarkedYAMLError(context="odd")

        assert documents._sentence_of(error) == "the file: odd"


@settings(max_examples=60, deadline=None)
@given(definition=definitions())
def test_what_is_written_reads_back_the_same(definition: ProgramDefinition) -> None:
    text = dump_yaml(definition)

    assert load_yaml(text) == definition
    assert dump_yaml(load_yaml(text)) == text
    assert load_json(dump_json(definition)) == definition
