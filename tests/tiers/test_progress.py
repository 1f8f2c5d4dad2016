from portal.programs.definition import ProgramDefinition, Tiers
from portal.tiers.certificates import Holding, counted
from portal.tiers.facts import SaleFact, TierFact, TierInputs, TierOverride, in_order
from portal.tiers.metrics import recorded_by_hand
from portal.tiers.progress import Progress, progress
from portal.tiers.rules import timeline
from tests.tiers.facts import at, by_hand, program, recorded, sale, tiers

NOW = at("2026-06-01")


def progress_of(
    definition: ProgramDefinition,
    *sales: SaleFact,
    facts: tuple[TierFact, ...] = (),
    overrides: tuple[TierOverride, ...] = (),
    joined: str | None = "2026-01-01",
) -> Progress:
    assert definition.tiers is not None
    inputs = TierInputs(
        joined_at=at(joined) if joined else None, facts=facts, overrides=overrides
    )
    line = timeline(
        definition.tiers,
        in_order(sales, []),
        currency=definition.currency,
        zone=definition.zone,
        until=NOW,
        inputs=inputs,
    )
    found = progress(definition, line, inputs=inputs, now=NOW)
    assert found is not None
    return found


def customers(number: int) -> list[SaleFact]:
    return [sale(f"s{n}", "2026-05-01", 100, customer=f"c{n}") for n in range(number)]


def by_levels(levels: Tiers | None) -> ProgramDefinition:
    """A program of these tiers, without anything that names other ones."""
    rule = {
        "key": "share",
        "title": "Share",
        "bands": [{"from_value": 0, "rate_bps": 1}],
    }
    gate = {"key": "email", "kind": "email", "title": "E-mail", "blocks": ["join"]}
    return program(
        tiers=levels.model_dump(mode="json") if levels else None,
        rules=[rule],
        gates=[gate],
        fee=None,
        agreement=None,
    )


def test_progress_says_what_is_missing_and_what_the_next_level_is_worth() -> None:
    affiliate = program("monday-affiliate")

    at_five = progress_of(affiliate, *customers(5))
    at_top = progress_of(affiliate, *customers(40))

    assert at_five.next_level is not None
    assert (at_five.level.key, at_five.next_level.key) == ("starter", "growth")
    assert (at_five.target, at_five.missing) == (6, 1)
    assert [(w.rate_bps, w.next_rate_bps) for w in at_five.worth] == [(2_500, 5_000)]
    assert (at_top.next_level, at_top.missing, at_top.worth) == (None, 0, ())
    assert (at_top.needs, at_top.opens, at_top.target) == ((), (), 40)


def test_rules_without_a_rate_by_level_are_not_worth_more_on_the_next() -> None:
    assert progress_of(program()).worth == ()


def test_each_need_says_by_how_much_it_is_missed() -> None:
    needs = [
        {"metric": "fact", "fact": "rating", "at_least": 45},
        {"metric": "fact", "fact": "hours", "below": 24},
        {"metric": "fact", "fact": "reviews", "at_least": 3},
        {"metric": "fact", "fact": "faults", "below": 2},
        {"metric": "new_customers", "at_least": 1},
    ]
    levels = tiers(
        "net_sales", "life", 0, 1_000, limit="more_than", l1={"requires": needs}
    )

    found = progress_of(
        by_levels(levels),
        sale("a", "2026-05-01", 1_000),
        facts=(
            recorded("rating", "2026-01-01", 44),
            recorded("hours", "2026-01-01", 30),
        ),
    )

    assert [(need.missing, need.is_met) for need in found.needs] == [
        (1, False),
        (1, False),
        (7, False),
        (3, False),
        (1, False),
        (0, True),
    ]
    assert [state.is_reached for state in found.levels] == [True, False]


def test_what_waits_for_a_date_says_which() -> None:
    dates = {"when": "dates", "dates": ["06-01", "12-01"]}
    levels = tiers("net_sales", "life", 0, 100, promote=dates)

    found = progress_of(by_levels(levels), sale("a", "2026-06-01", 100))

    assert (found.level.key, found.earned.key) == ("l0", "l1")
    assert found.is_waiting_to_rise
    assert not found.is_waiting_to_fall
    assert found.moves_at == at("2026-12-01")


def test_what_staff_set_waits_for_nothing() -> None:
    levels = tiers("net_sales", "life", 0, 100, demote={"when": "never"})

    found = progress_of(by_levels(levels), overrides=(by_hand("l1", "2026-05-01"),))

    assert (found.level.key, found.earned.key, found.moves_at) == ("l1", "l0", None)
    assert found.is_waiting_to_fall
    assert found.keeps
    assert found.override is not None


def test_a_duty_without_a_day_of_joining_has_no_day() -> None:
    duty = {"level": "l1", "within_months": 2, "move_to": "l0"}
    levels = tiers("net_sales", "life", 0, 100, duty=duty)
    definition = by_levels(levels)

    unknown = progress_of(definition, joined=None).duty
    missed = progress_of(definition).duty

    assert unknown is not None
    assert missed is not None
    assert (unknown.due_at, unknown.is_missed) == (None, False)
    assert (missed.due_at, missed.is_missed) == (at("2026-03-01"), True)
    assert missed.move_to is not None


def test_a_program_without_tiers_has_no_progress() -> None:
    levels = tiers("net_sales", "life", 0)
    line = timeline(levels, [], currency="USD", zone=by_levels(None).zone)

    assert progress(by_levels(None), line, inputs=TierInputs(), now=NOW) is None


def test_certificates_are_counted_by_the_portal_and_not_by_hand() -> None:
    needs = [
        {"metric": "fact", "fact": fact, "at_least": 1}
        for fact in ("rating", "certifications", "rating")
    ]
    levels = tiers("net_sales", "life", 0, 0, l1={"requires": needs})

    assert recorded_by_hand(levels) == ("rating",)


def test_a_renewed_certificate_counts_once_and_an_expired_one_no_more() -> None:
    held = [
        Holding(what="ann", from_at=at("2026-01-01"), until_at=at("2027-01-01")),
        Holding(what="ann", from_at=at("2026-12-01"), until_at=at("2027-12-01")),
        Holding(what="ben", from_at=at("2026-02-01"), until_at=at("2026-03-01")),
        Holding(what="ben", from_at=at("2026-05-01"), until_at=at("2026-05-01")),
    ]

    found = [
        (f"{fact.at:%Y-%m-%d}", fact.value)
        for fact in counted(held, joined_at=at("2025-06-01"))
    ]

    assert found == [
        ("2025-06-01", 0),
        ("2026-01-01", 1),
        ("2026-02-01", 2),
        ("2026-03-01", 1),
        ("2026-12-01", 1),
        ("2027-01-01", 1),
        ("2027-12-01", 0),
    ]


def test_who_never_held_a_certificate_has_none() -> None:
    assert [fact.value for fact in counted([], joined_at=NOW)] == [0]
