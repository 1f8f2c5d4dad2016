"""What must hold for whatever happens."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.commissions.calculation import (
    RatedLine,
    RefundFact,
    SaleFact,
    Scale,
    Terms,
    rate,
)
from portal.kit.money import Rounding
from portal.programs.definition import (
    Band,
    BandMode,
    ProgramDefinition,
    RatingWindow,
    Rule,
    TierMoment,
)
from portal.programs.documents import preset
from tests.commissions.facts import key, refund, sale

PROGRAM = preset("monday-affiliate")
START = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMERS = ("a", "b", "c")


@dataclass(frozen=True)
class Story:
    program: ProgramDefinition
    sales: list[SaleFact]
    refunds: list[RefundFact]

    @property
    def rule(self) -> Rule:
        return self.program.rules[0]

    def rated(self) -> list[RatedLine]:
        return rate_story(self.program, self.sales, self.refunds)


def rate_story(
    program: ProgramDefinition, sales: list[SaleFact], refunds: list[RefundFact]
) -> list[RatedLine]:
    terms = Terms(definition=program, number=1)
    return rate(sales, refunds, terms={key(name): terms for name in CUSTOMERS})


@st.composite
def banded_rules(draw: st.DrawFn) -> Rule:
    bounds = draw(st.lists(st.integers(1, 50_000), max_size=3, unique=True))
    rates = draw(st.lists(st.integers(0, 10_000), min_size=4, max_size=4))
    return Rule(
        key="share",
        title="Share",
        window=draw(st.sampled_from(RatingWindow)),
        mode=draw(st.sampled_from(BandMode)),
        bands=tuple(
            Band(from_minor=low, rate_bps=rates[number])
            for number, low in enumerate([0, *sorted(bounds)])
        ),
        duration_months=draw(st.none() | st.integers(1, 6)),
        rounding=draw(st.sampled_from(Rounding)),
    )


tiered_rules = st.builds(
    Rule,
    key=st.just("share"),
    title=st.just("Share"),
    rate_bps_by_tier=st.fixed_dictionaries(
        {
            level.key: st.integers(0, 10_000)
            for level in (PROGRAM.tiers.levels if PROGRAM.tiers else ())
        }
    ),
    tier_at=st.sampled_from(TierMoment),
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    rule = draw(banded_rules() | tiered_rules)
    sales, refunds = [], []
    for number in range(draw(st.integers(1, 8))):
        sold = sale(
            f"in_{number}",
            START + timedelta(hours=draw(st.integers(0, 24 * 300))),
            draw(st.integers(0, 30_000)),
            customer=draw(st.sampled_from(CUSTOMERS)),
            currency=draw(st.sampled_from(["USD", "USD", "USD", "EUR"])),
        )
        sales.append(sold)
        for part in range(draw(st.integers(0, 3))):
            when = sold.occurred_at + timedelta(hours=draw(st.integers(-24, 2_400)))
            back = draw(st.integers(-5_000, 30_000))
            refunds.append(refund(f"re_{number}_{part}", sold, when, back))
    return Story(PROGRAM.model_copy(update={"rules": (rule,)}), sales, refunds)


def windows(story: Story) -> dict[object, list[RatedLine]]:
    found: dict[object, list[RatedLine]] = defaultdict(list)
    for line in story.rated():
        found[line.trace["window"]["label"] or line.sale_id].append(line)
    return found


@given(story=stories())
def test_the_lines_of_a_window_add_up_to_its_commission(story: Story) -> None:
    for lines in windows(story).values():
        left = lines[-1].trace["after_minor"]
        tier = lines[-1].trace["tier"]
        scale = Scale.of(story.rule, tier["key"] if tier else None)

        assert sum(line.amount_minor for line in lines) == scale.commission(left)


@given(story=stories())
def test_a_window_is_what_is_left_of_its_sales_and_never_negative(story: Story) -> None:
    for lines in windows(story).values():
        counted = [line for line in lines if line.trace["outcome"] == "rated"]

        assert lines[-1].trace["after_minor"] == sum(
            line.base_minor for line in counted
        )
        assert all(line.trace["after_minor"] >= 0 for line in lines)


@settings(max_examples=60)
@given(story=stories(), data=st.data())
def test_order_of_arrival_and_repetition_change_nothing(
    story: Story, data: st.DataObject
) -> None:
    sales = data.draw(st.permutations([*story.sales, *story.sales]))
    refunds = data.draw(st.permutations([*story.refunds, *story.refunds[:2]]))

    assert rate_story(story.program, sales, refunds) == story.rated()


@given(story=stories())
def test_whoever_gets_everything_back_leaves_nothing_earned(story: Story) -> None:
    rest = [
        refund(f"zz_{sold.reference}", sold, START + timedelta(days=999), 10**9)
        for sold in story.sales
    ]

    lines = rate_story(story.program, story.sales, story.refunds + rest)

    assert sum(line.amount_minor for line in lines) == 0
    if story.rule.window is RatingWindow.SALE:
        by_sale: dict[object, int] = defaultdict(int)
        for line in lines:
            by_sale[line.sale_id] += line.amount_minor
        assert set(by_sale.values()) == {0}


@given(
    rule=banded_rules() | tiered_rules,
    parts=st.lists(st.integers(1, 5_000), min_size=1, max_size=10),
)
def test_partial_refunds_in_any_number_add_up_to_one(
    rule: Rule, parts: list[int]
) -> None:
    program = PROGRAM.model_copy(update={"rules": (rule,)})
    sold = sale("in_1", START, sum(parts) + 100, customer="a")
    many = [
        refund(f"re_{n}", sold, START + timedelta(hours=n), part)
        for n, part in enumerate(parts)
    ]
    one = refund("re", sold, START, sum(parts))

    in_parts = rate_story(program, [sold], many)
    at_once = rate_story(program, [sold], [one])

    assert sum(line.amount_minor for line in in_parts) == sum(
        line.amount_minor for line in at_once
    )


@given(story=stories())
def test_the_parts_times_their_rates_are_the_commission_but_for_rounding(
    story: Story,
) -> None:
    for line in story.rated():
        weighted = sum(
            band["part_minor"] * band["rate_bps"] for band in line.trace["bands"]
        )

        assert abs(line.amount_minor * 10_000 - weighted) <= 2 * 10_000


@given(story=stories())
def test_every_event_has_one_line_of_its_own_name(story: Story) -> None:
    lines = story.rated()

    assert len({line.key for line in lines}) == len(lines)
    assert len(lines) == len(story.sales) + len(story.refunds)
