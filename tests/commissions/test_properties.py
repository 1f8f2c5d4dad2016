"""What must hold for whatever happens."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.commissions.calculation import (
    CustomerFact,
    RatedLine,
    RefundFact,
    SaleFact,
    Scale,
    Terms,
    rate,
)
from portal.commissions.calculation.scale import UNIT
from portal.kit.money import Rounding
from portal.programs.definition import (
    Band,
    BandMode,
    Budget,
    Cap,
    CapScope,
    Clawback,
    Combination,
    Conditions,
    Measure,
    ProgramDefinition,
    RatingWindow,
    RoundingPer,
    Rule,
    TierMoment,
)
from portal.programs.documents import preset
from portal.tiers.facts import ItemFact
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
    measure = draw(st.sampled_from(Measure))
    window = draw(st.sampled_from(RatingWindow))
    most = 50_000 if measure.is_money else 8
    bounds = draw(st.lists(st.integers(1, most), max_size=3, unique=True))
    pay = st.fixed_dictionaries({"rate_bps": st.integers(0, 10_000)})
    if not measure.is_money:
        pay = st.fixed_dictionaries({"each_minor": st.integers(0, 5_000)})
    flat = st.fixed_dictionaries({"flat_minor": st.integers(0, 5_000)})
    whole = window is RatingWindow.ROLLING
    modes = st.just(BandMode.WHOLE) if whole else st.sampled_from(BandMode)
    return Rule.model_validate(
        {
            "key": "share",
            "title": "Share",
            "measure": measure,
            "window": window,
            "per": draw(st.sampled_from(["partner", "customer"])),
            "program_year_from": "03-15"
            if window is RatingWindow.PROGRAM_YEAR
            else None,
            "rolling_months": draw(st.integers(1, 4)) if whole else None,
            "mode": draw(modes),
            "limit": draw(st.sampled_from(["at_least", "more_than"])),
            "bands": [
                {"from_value": low, **draw(pay | flat), "mode": draw(st.none() | modes)}
                for low in [0, *sorted(bounds)]
            ],
            "duration_months": draw(st.none() | st.integers(1, 6)),
            "rounding": draw(st.sampled_from(Rounding)),
        }
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
        window = line.trace["window"]
        is_own = window["kind"] in {"sale", "rolling"}
        owner = line.customer_id if window["per"] == "customer" else None
        found[line.sale_id if is_own else (window["label"], owner)].append(line)
    return found


@given(story=stories())
def test_lines_add_up_to_the_commission_of_their_window(story: Story) -> None:
    for lines in windows(story).values():
        left = lines[-1].trace["after_value"]
        tier = lines[-1].trace["tier"]
        scale = Scale.of(story.rule, tier["key"] if tier else None)
        picked = lines[-1].trace["picked"]
        exact = scale.exact(left, picked=picked["value"] if picked else None)

        assert sum(line.amount_minor for line in lines) == scale.rounded(exact)


@given(story=stories())
def test_a_window_is_what_is_left_of_its_sales_and_never_negative(story: Story) -> None:
    for lines in windows(story).values():
        counted = [line for line in lines if line.trace["outcome"] == "rated"]

        assert lines[-1].trace["after_value"] == sum(
            line.trace["step"] for line in counted
        )
        assert all(line.trace["after_value"] >= 0 for line in lines)


@settings(max_examples=60)
@given(story=stories(), data=st.data())
def test_arrival_order_and_repetition_change_nothing(
    story: Story, data: st.DataObject
) -> None:
    sales = data.draw(st.permutations([*story.sales, *story.sales]))
    refunds = data.draw(st.permutations([*story.refunds, *story.refunds[:2]]))

    assert rate_story(story.program, sales, refunds) == story.rated()


@given(story=stories())
def test_fully_refunded_means_zero(story: Story) -> None:
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
        shares = [band for band in line.trace["bands"] if band["rate_bps"] is not None]
        if shares == line.trace["bands"]:
            weighted = sum(band["part"] * band["rate_bps"] for band in shares)

            assert abs(line.amount_minor * 10_000 - weighted) <= 2 * 10_000


@given(story=stories())
def test_every_event_has_one_line_of_its_own_name(story: Story) -> None:
    lines = story.rated()

    assert len({line.key for line in lines}) == len(lines)
    assert len(lines) == len(story.sales) + len(story.refunds)


@st.composite
def rich_programs(draw: st.DrawFn) -> ProgramDefinition:
    """Several rules with conditions, caps, holds and a budget, combined somehow."""
    combine = draw(st.sampled_from(Combination))
    rules = [
        draw(banded_rules() | tiered_rules).model_copy(
            update={
                "key": f"rule-{number}",
                "when": draw(st.none() | conditions),
                "caps": draw(caps),
                "rounding_per": draw(st.sampled_from(RoundingPer)),
                "all_or_nothing_months": draw(st.none() | st.integers(1, 4)),
                **({"window": RatingWindow.SALE} if combine == "highest" else {}),
            }
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    return PROGRAM.model_copy(
        update={
            "rules": tuple(rules),
            "combine": combine,
            "budget": draw(st.none() | budgets),
            "clawback": draw(clawbacks),
        }
    )


conditions = st.builds(
    Conditions,
    products=st.sampled_from([(), ("pro",)]),
    sale=st.sampled_from(["any", "first", "renewal"]),
    countries=st.sampled_from([(), ("DE",)]),
)
caps = st.lists(
    st.builds(Cap, per=st.sampled_from(CapScope), most_minor=st.integers(1, 9_000)),
    max_size=2,
    unique_by=lambda cap: cap.per,
).map(tuple)
budgets = st.builds(
    Budget, per=st.sampled_from(["month", "life"]), most_minor=st.integers(1, 9_000)
)
clawbacks = st.builds(
    Clawback,
    refunds=st.just("full"),
    prepaid_months=st.none() | st.integers(1, 12),
)


@dataclass(frozen=True)
class RichStory:
    program: ProgramDefinition
    sales: list[SaleFact]
    refunds: list[RefundFact]
    customers: dict[UUID, CustomerFact]

    def rated(self) -> list[RatedLine]:
        return self.rated_with(self.sales, self.refunds)

    def rated_with(
        self, sales: list[SaleFact], refunds: list[RefundFact]
    ) -> list[RatedLine]:
        terms = Terms(definition=self.program, number=1)
        return rate(
            sales,
            refunds,
            terms={key(name): terms for name in CUSTOMERS},
            customers=self.customers,
        )


@st.composite
def rich_stories(draw: st.DrawFn) -> RichStory:
    story = draw(stories())
    sales = []
    for sold in story.sales:
        first = draw(st.integers(0, sold.net_minor))
        sales.append(
            replace(
                sold,
                items=(
                    ItemFact(net_minor=first, product="pro", units=3),
                    ItemFact(net_minor=sold.net_minor - first, cost_minor=10),
                ),
                country=draw(st.sampled_from(["DE", "FR"])),
            )
        )
    leaves = draw(st.none() | st.integers(0, 24 * 300))
    left_at = None if leaves is None else START + timedelta(hours=leaves)
    return RichStory(
        draw(rich_programs()),
        sales,
        story.refunds,
        {key("a"): CustomerFact(left_at=left_at)},
    )


@settings(max_examples=60)
@given(story=rich_stories(), data=st.data())
def test_whatever_the_rules_arrival_order_and_repetition_change_nothing(
    story: RichStory, data: st.DataObject
) -> None:
    sales = data.draw(st.permutations([*story.sales, *story.sales]))
    refunds = data.draw(st.permutations([*story.refunds, *story.refunds[:2]]))

    assert story.rated_with(sales, refunds) == story.rated()


@given(story=rich_stories())
def test_whatever_the_rules_fully_refunded_means_zero(
    story: RichStory,
) -> None:
    rest = [
        refund(f"zz_{sold.reference}", sold, START + timedelta(days=999), 10**9)
        for sold in story.sales
    ]

    lines = story.rated_with(story.sales, story.refunds + rest)

    if all(rule.rounding_per is RoundingPer.WINDOW for rule in story.program.rules):
        assert sum(line.amount_minor for line in lines) == 0
    by_sale: dict[tuple[UUID, str], int] = defaultdict(int)
    for line in lines:
        rule = line.trace["window"]["kind"]
        if rule in {"sale", "rolling"} and not line.over_cap_minor:
            by_sale[line.sale_id, line.rule_key] += line.amount_minor
    capped = {line.sale_id for line in lines if line.over_cap_minor}
    shared = {rule.key for rule in story.program.rules if rule.caps}
    assert all(
        amount == 0
        for (sale_id, rule_key), amount in by_sale.items()
        if sale_id not in capped and rule_key not in shared
    )


@given(story=rich_stories())
def test_whatever_the_rules_no_cap_and_no_budget_is_exceeded(story: RichStory) -> None:
    paid: dict[object, int] = defaultdict(int)
    caps = {
        rule.key: {cap.per: cap.most_minor for cap in rule.caps}
        for rule in story.program.rules
    }
    for line in story.rated():
        most = caps.get(line.rule_key, {})
        paid["life", line.rule_key] += line.amount_minor
        paid["customer", line.rule_key, line.customer_id] += line.amount_minor
        paid["sale", line.rule_key, line.sale_id] += line.amount_minor

        for scope in ("life", "customer", "sale"):
            place = {
                "life": ("life", line.rule_key),
                "customer": ("customer", line.rule_key, line.customer_id),
                "sale": ("sale", line.rule_key, line.sale_id),
            }[scope]
            if scope in most and rule_is_plain(story, line.rule_key):
                assert paid[place] <= most[CapScope(scope)]


def rule_is_plain(story: RichStory, rule_key: str) -> bool:
    """Whether one sale's lines cannot fall because of another sale."""
    rule = next(rule for rule in story.program.rules if rule.key == rule_key)
    return rule.window is RatingWindow.SALE and len(rule.caps) == 1


marginal_scales = st.lists(st.integers(1, 50_000), max_size=4, unique=True).flatmap(
    lambda bounds: st.lists(
        st.integers(0, 10_000), min_size=len(bounds) + 1, max_size=len(bounds) + 1
    ).map(
        lambda rates: Rule.model_validate(
            {
                "key": "share",
                "title": "Share",
                "bands": [
                    {"from_value": low, "rate_bps": rate}
                    for low, rate in zip([0, *sorted(bounds)], rates, strict=True)
                ],
            }
        )
    )
)


@given(rule=marginal_scales, total=st.integers(0, 60_000))
def test_a_marginal_schedule_is_continuous_and_monotone(rule: Rule, total: int) -> None:
    scale = Scale.of(rule, None)

    step = scale.exact(total + 1) - scale.exact(total)

    assert 0 <= step <= UNIT
    assert scale.commission(total) <= scale.commission(total + 1)


@dataclass(frozen=True)
class Moved:
    """A rule, and the same rule with one edge a unit higher."""

    rule: Rule
    other: Rule
    below: Band
    edge: Band


@st.composite
def moved_edges(draw: st.DrawFn, rules: st.SearchStrategy[Rule]) -> Moved:
    """One edge of a rule that can move by a unit without reaching the next one."""
    rule = draw(rules.filter(lambda rule: bool(_movable(rule))))
    number = draw(st.sampled_from(_movable(rule)))
    edge, bands = rule.bands[number], [*rule.bands]
    bands[number] = edge.model_copy(update={"from_value": edge.from_value + 1})
    other = rule.model_copy(update={"bands": tuple(bands)})
    return Moved(rule, other, rule.bands[number - 1], edge)


def _movable(rule: Rule) -> list[int]:
    froms = [band.from_value for band in rule.bands]
    return [n for n in range(1, len(froms)) if froms[n] + 1 not in froms]


@given(moved=moved_edges(marginal_scales), total=st.integers(0, 60_000))
def test_a_band_edge_moved_by_one_unit_changes_only_what_it_must(
    moved: Moved, total: int
) -> None:
    """Totals up to the edge stay; beyond it, one unit earns the other band's rate."""
    change = Scale.of(moved.other, None).exact(total) - Scale.of(
        moved.rule, None
    ).exact(total)

    below, above = moved.below.rate_bps, moved.edge.rate_bps
    assert below is not None
    assert above is not None
    expected = (below - above) * 10_000 if total > moved.edge.from_value else 0
    assert change == expected


@given(
    moved=moved_edges(
        marginal_scales.map(
            lambda rule: rule.model_copy(update={"mode": BandMode.WHOLE})
        )
    ),
    total=st.integers(0, 60_000),
)
def test_a_whole_band_edge_moved_by_one_unit_changes_only_the_total_on_it(
    moved: Moved, total: int
) -> None:
    on_it = moved.edge.from_value
    old, new = Scale.of(moved.rule, None), Scale.of(moved.other, None)

    assert total == on_it or new.exact(total) == old.exact(total)
    assert new.exact(on_it) == on_it * (moved.below.rate_bps or 0) * 10_000


@given(moved=moved_edges(banded_rules()), story=stories())
def test_a_band_edge_moved_by_one_unit_leaves_lines_below_it_as_they_are(
    moved: Moved, story: Story
) -> None:
    old, new = (
        rate_story(
            PROGRAM.model_copy(update={"rules": (rule,)}), story.sales, story.refunds
        )
        for rule in (moved.rule, moved.other)
    )

    for before, after in zip(old, new, strict=True):
        trace = before.trace
        picked = trace["picked"]["value"] if trace["picked"] else 0
        if max(trace["before_value"], trace["after_value"], picked) < (
            moved.edge.from_value
        ):
            assert after.amount_minor == before.amount_minor
