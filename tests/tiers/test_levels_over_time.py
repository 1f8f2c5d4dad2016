"""Levels against an oracle that works everything out anew for each moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.kit.clock import add_months
from portal.programs.definition import DealSource, TierLevel, TierMetric, Tiers
from portal.tiers.facts import (
    Event,
    RefundFact,
    SaleFact,
    TierFact,
    TierInputs,
    TierOverride,
    in_order,
)
from portal.tiers.rules import ChangeReason, Timeline, timeline
from portal.tiers.windows import span_of
from tests.tiers.facts import key

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2027, 6, 1, tzinfo=UTC)

# Days rather than instants, so that much falls on one moment; some lie on midnights
# of the program's zone, at which dates come and months end.
moments = st.builds(
    lambda day, hour: BEGIN + timedelta(days=day, hours=hour),
    st.integers(0, 800),
    st.sampled_from([0, 12, 22, 23]),
)
month_days = st.sampled_from(
    ["01-01", "01-15", "02-28", "03-01", "07-15", "10-01", "12-28"]
)
dated = st.lists(month_days, min_size=1, max_size=3, unique=True)


@st.composite
def ladders(draw: st.DrawFn) -> Tiers:
    metric = draw(st.sampled_from(["new_customers", "net_sales", "points"]))
    bounds = sorted(
        draw(st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True))
    )
    scale = {"new_customers": 1, "net_sales": 50, "points": 2_000}[metric]
    needs = [
        {"metric": "fact", "fact": "rating", "at_least": 2},
        {"metric": "fact", "fact": "hours", "below": 3},
        {"metric": "new_customers", "at_least": 2},
    ]
    levels = [{"key": "l0", "name": "Level 0", "from_value": 0}] + [
        {
            "key": f"l{number}",
            "name": f"Level {number}",
            "from_value": bound * scale,
            "requires": draw(st.lists(st.sampled_from(needs), max_size=1)),
        }
        for number, bound in enumerate(bounds, start=1)
    ]
    top = len(levels) - 1
    promote = draw(
        st.one_of(
            st.just({"when": "at_once"}),
            st.builds(lambda days: {"when": "dates", "dates": days}, dated),
        )
    )
    demote = draw(
        st.one_of(
            st.just({"when": "at_once"}),
            st.just({"when": "never"}),
            st.builds(
                lambda days, back: {
                    "when": "dates",
                    "dates": days,
                    "look_back_months": back,
                },
                dated,
                st.integers(0, 6),
            ),
        )
    )
    duty = st.one_of(
        st.none(),
        st.builds(
            lambda level, months, move_to: {
                "level": f"l{max(level, 1)}",
                "within_months": months,
                "move_to": None if move_to is None else f"l{min(move_to, level - 1)}",
            },
            st.integers(1, top),
            st.integers(1, 18),
            st.one_of(st.none(), st.integers(0, top)),
        ),
    )
    points = {
        "milli_per_100": {"sourced": 5_000_000, "assisted": 3_000_000},
        "growth_countries": ["BR"],
        "growth_multiplier": 2,
        "minor_per_100": {"EUR": 8_800},
    }
    return Tiers.model_validate(
        {
            "metric": metric,
            "window": draw(
                st.sampled_from(
                    ["month", "quarter", "year", "rolling_12_months", "life"]
                )
            ),
            "points": points if metric == "points" else None,
            "levels": levels,
            "limit": draw(st.sampled_from(["at_least", "more_than"])),
            "counts_from": draw(st.sampled_from(["this_sale", "next_sale"])),
            "promote": promote,
            "demote": demote,
            "duty": draw(duty),
        }
    )


@dataclass(frozen=True)
class World:
    sales: list[SaleFact]
    refunds: list[RefundFact]
    inputs: TierInputs


@st.composite
def worlds(draw: st.DrawFn) -> World:
    sales = [
        SaleFact(
            id=key(f"s{number}"),
            reference=f"s{number}",
            customer_id=key(f"c{draw(st.integers(0, 4))}"),
            currency=draw(st.sampled_from(["USD", "USD", "EUR", "GBP"])),
            net_minor=draw(st.integers(0, 120)),
            occurred_at=draw(moments),
            source=draw(st.sampled_from(DealSource)),
            country=draw(st.sampled_from([None, "BR", "US"])),
        )
        for number in range(draw(st.integers(0, 9)))
    ]
    refunds = [
        RefundFact(
            id=key(f"r{number}"),
            reference=f"r{number}",
            sale_id=draw(st.sampled_from(sales)).id,
            net_minor=draw(st.integers(-40, 120)),
            occurred_at=draw(moments),
        )
        for number in range(draw(st.integers(0, 4)) if sales else 0)
    ]
    facts = draw(
        st.lists(
            st.builds(
                TierFact,
                fact=st.sampled_from(["rating", "hours"]),
                value=st.integers(0, 5),
                at=moments,
            ),
            max_size=5,
        )
    )
    overrides = draw(
        st.lists(
            st.builds(
                TierOverride,
                level=st.sampled_from(["l0", "l1", "l2", "bygone"]),
                from_at=moments,
                until_at=st.one_of(st.none(), moments),
            ),
            max_size=2,
        )
    )
    joined = draw(st.one_of(st.none(), moments))
    return World(
        sales,
        refunds,
        TierInputs(joined_at=joined, facts=tuple(facts), overrides=tuple(overrides)),
    )


def run(tiers: Tiers, world: World, until: datetime | None = END) -> Timeline:
    return timeline(
        tiers,
        in_order(world.sales, world.refunds),
        currency="USD",
        zone=BERLIN,
        until=until,
        inputs=world.inputs,
    )


# The oracle


class Oracle:
    """Works out the earned level from scratch each time; slow and simple."""

    def __init__(self, tiers: Tiers, world: World) -> None:
        self.tiers, self.world = tiers, world
        self.events = in_order(world.sales, world.refunds)
        firsts: dict[object, SaleFact] = {}
        for event in self.events:
            if event.refund is None and event.sale.net_minor > 0:
                firsts.setdefault(event.sale.customer_id, event.sale)
        self.firsts = {sale.id for sale in firsts.values()}
        self.ranks = [level.key for level in tiers.levels]

    def ends(self, sale: SaleFact) -> datetime:
        if self.tiers.window == "life":
            return datetime.max.replace(tzinfo=UTC)
        if self.tiers.window == "rolling_12_months":
            return add_months(sale.occurred_at, 12, BERLIN)
        return span_of(self.tiers.window, sale.occurred_at, BERLIN).ends_at

    def metric(self, metric: TierMetric, seen: Sequence[Event], clock: datetime) -> int:
        counting = [
            one
            for one in seen
            if clock < self.ends(one.sale) and one.moment < self.ends(one.sale)
        ]
        if metric is TierMetric.NEW_CUSTOMERS:
            return sum(
                1 for e in counting if e.refund is None and e.sale.id in self.firsts
            )
        if metric is TierMetric.NET_SALES:
            return sum(e.change_minor for e in counting if e.sale.currency == "USD")
        total = 0
        for event in counting:
            sale, points = event.sale, self.tiers.points
            assert points is not None
            each = points.milli_per_100.get(sale.source, 0)
            each *= 2 if sale.country == "BR" else 1
            # Of 100 USD and 88 EUR the common multiple is 880000 cents.
            per_cent = {"USD": 88, "EUR": 100, "GBP": 0}[sale.currency]
            total += event.change_minor * each * per_cent
        return total // 880_000

    def earned(
        self, seen: Sequence[Event], facts: Sequence[TierFact], clock: datetime
    ) -> int:
        known = {f.fact: f.value for f in sorted(facts, key=lambda f: (f.at, f.value))}
        value = self.metric(self.tiers.metric, seen, clock)

        def holds(level: TierLevel) -> bool:
            enough = value >= level.from_value + (self.tiers.limit == "more_than")
            for need in level.requires:
                have = (
                    known.get(need.fact)
                    if need.fact
                    else self.metric(need.metric, seen, clock)
                )
                if have is None:
                    return False
                if need.at_least is not None:
                    enough = enough and have >= need.at_least
                if need.below is not None:
                    enough = enough and have < need.below
            return enough

        return max(
            r for r, level in enumerate(self.tiers.levels) if not r or holds(level)
        )


def midnights(days: Sequence[str]) -> set[datetime]:
    return {
        datetime.combine(
            date.fromisoformat(f"{year}-{day}"), datetime.min.time(), BERLIN
        ).astimezone(UTC)
        for year in range(2023, 2029)
        for day in days
    }


class Retelling:
    """Goes through every moment at which something could happen, up to END."""

    def __init__(self, tiers: Tiers, world: World) -> None:
        self.tiers, self.inputs = tiers, world.inputs
        self.oracle = Oracle(tiers, world)
        self.ranks = self.oracle.ranks
        self.held = 0
        self.missed = self.done = self.over = False
        self.ends_at: datetime | None = None
        self.frozen: TierOverride | None = None
        self.moves: list[tuple[datetime, str]] = []
        self.at_sale: dict[str, str] = {}
        self.ups = midnights(tiers.promote.dates)
        self.downs = midnights(tiers.demote.dates)
        joined, duty = world.inputs.joined_at, tiers.duty
        self.due_at = (
            add_months(joined, duty.within_months, BERLIN) if duty and joined else None
        )
        for clock in self.clocks(world):
            before = self.ranks.index(self.moves[-1][1]) if self.moves else 0
            now = self.live(clock)
            if now != before:
                self.moves.append((clock, self.ranks[now]))

    def clocks(self, world: World) -> list[datetime]:
        found = {event.moment for event in self.oracle.events}
        found |= {fact.at for fact in self.inputs.facts}
        for one in self.inputs.overrides:
            found |= {moment for moment in (one.from_at, one.until_at) if moment}
        if self.tiers.window != "life":
            found |= {self.oracle.ends(sale) for sale in world.sales}
        found |= {m for m in (self.inputs.joined_at, self.due_at) if m}
        found |= {m for m in self.ups | self.downs if found and m >= min(found)}
        return sorted(clock for clock in found if clock <= END)

    def live(self, clock: datetime) -> int:
        seen = [e for e in self.oracle.events if e.moment < clock]
        facts = [f for f in self.inputs.facts if f.at <= clock]
        earned = self.oracle.earned(seen, facts, clock)
        self.settle(earned)
        self.shown(clock)
        if clock in self.ups:
            self.hold(max(self.target(earned), self.held))
        if clock in self.downs:
            self.hold(
                min(max(self.target(one) for one in self.met(clock, earned)), self.held)
            )
        self.shown(clock)
        if clock == self.due_at and not self.done and not self.over:
            self.miss(clock)
        for event in [e for e in self.oracle.events if e.moment == clock]:
            was = self.shown(clock)
            seen.append(event)
            self.settle(self.oracle.earned(seen, facts, clock))
            now = self.shown(clock)
            if event.refund is None:
                counted = now if self.tiers.counts_from == "this_sale" else was
                self.at_sale[event.sale.reference] = self.ranks[counted]
        return self.shown(clock)

    def met(self, clock: datetime, earned: int) -> list[int]:
        found = [earned]
        for back in range(self.tiers.demote.look_back_months):
            first = (clock.astimezone(BERLIN) - relativedelta(months=back)).date()
            end = datetime(first.year, first.month, 1, tzinfo=BERLIN).astimezone(UTC)
            found.append(
                self.oracle.earned(
                    [e for e in self.oracle.events if e.moment < end],
                    [f for f in self.inputs.facts if f.at < end],
                    end - timedelta(microseconds=1),
                )
            )
        return found

    def miss(self, clock: datetime) -> None:
        assert self.tiers.duty is not None
        if self.tiers.duty.move_to is None:
            self.frozen = self.by_hand(clock)
            self.over, self.ends_at = True, clock
        else:
            self.missed = True
            self.hold(self.ranks.index(self.tiers.duty.move_to))

    def target(self, earned: int) -> int:
        duty = self.tiers.duty
        if self.missed and duty and duty.move_to:
            free = earned >= self.ranks.index(duty.level)
            return earned if free else self.ranks.index(duty.move_to)
        return earned

    def hold(self, rank: int) -> None:
        if not self.over:
            self.held = rank
            duty = self.tiers.duty
            if duty and rank >= self.ranks.index(duty.level):
                self.missed = False

    def settle(self, earned: int) -> None:
        to = self.target(earned)
        if to > self.held and self.tiers.promote.when == "at_once":
            self.hold(to)
        if to < self.held and self.tiers.demote.when == "at_once":
            self.hold(to)

    def by_hand(self, clock: datetime) -> TierOverride | None:
        if self.over:
            return self.frozen
        never = datetime.max.replace(tzinfo=UTC)
        running = [
            one
            for one in self.inputs.overrides
            if one.level in self.ranks
            and one.from_at <= clock < (one.until_at or never)
        ]
        running.sort(key=lambda one: (one.from_at, one.until_at or never, one.level))
        return running[-1] if running else None

    def shown(self, clock: datetime) -> int:
        one = self.by_hand(clock)
        rank = self.ranks.index(one.level) if one else self.held
        duty = self.tiers.duty
        self.done |= duty is not None and rank >= self.ranks.index(duty.level)
        return rank


@given(ladders(), worlds())
def test_levels_are_what_a_slow_oracle_says(tiers: Tiers, world: World) -> None:
    line = run(tiers, world)

    told = Retelling(tiers, world)

    assert [(c.from_at, c.level.key) for c in line.changes] == told.moves
    assert {
        sale.reference: line.at_sale[sale.id].level.key for sale in world.sales
    } == told.at_sale
    assert line.ends_at == told.ends_at
    assert line.is_duty_done == told.done


@settings(max_examples=50)
@given(ladders(), worlds(), st.integers())
def test_neither_order_of_arrival_nor_repetition_changes_anything(
    tiers: Tiers, world: World, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - reproducible on purpose

    def shuffled(items: Sequence) -> list:
        again = [*items, *items[: random.randint(0, len(items))]]
        random.shuffle(again)
        return again

    other = World(
        shuffled(world.sales),
        shuffled(world.refunds),
        TierInputs(
            joined_at=world.inputs.joined_at,
            facts=tuple(shuffled(world.inputs.facts)),
            overrides=tuple(shuffled(world.inputs.overrides)),
        ),
    )

    assert run(tiers, other) == run(tiers, world)
    assert run(tiers, other, None) == run(tiers, world, None)


@settings(max_examples=50)
@given(ladders(), worlds())
def test_without_policies_the_level_follows_from_the_metric_alone(
    tiers: Tiers, world: World
) -> None:
    plain = tiers.model_copy(
        update={
            "promote": Tiers.model_fields["promote"].default,
            "demote": Tiers.model_fields["demote"].default,
            "duty": None,
            "limit": "at_least",
            "levels": tuple(
                level.model_copy(update={"requires": ()}) for level in tiers.levels
            ),
        }
    )
    alone = World(world.sales, world.refunds, TierInputs())

    line = run(plain, alone)

    for standing in [*line.at_sale.values(), line.final]:
        if plain.counts_from == "next_sale" and standing is not line.final:
            continue
        reached = [one for one in plain.levels if one.from_value <= standing.value]
        assert standing.level == (reached or plain.levels)[-1 if reached else 0]
    assert line.earned == line.final.level


@settings(max_examples=50)
@given(ladders(), worlds())
def test_nobody_falls_but_on_the_dates(tiers: Tiers, world: World) -> None:
    if tiers.demote.when == "at_once":
        return
    days = midnights(tiers.demote.dates)
    line = run(tiers, world)
    ranks = [level.key for level in tiers.levels]

    for one, following in pairwise([None, *line.changes]):
        assert following is not None
        before = ranks.index(one.level.key) if one else 0
        falls = ranks.index(following.level.key) < before
        by_rule = following.reason not in (ChangeReason.DUTY, ChangeReason.OVERRIDE)
        overridden = bool(world.inputs.overrides)
        assert not (falls and by_rule and not overridden) or following.from_at in days


@settings(max_examples=50)
@given(ladders(), worlds(), moments)
def test_a_shorter_story_is_the_beginning_of_a_longer_one(
    tiers: Tiers, world: World, until: datetime
) -> None:
    # What comes later never changes what was held before: but the first sale of a
    # customer is always the same one, so no event may be left out.
    short, long = run(tiers, world, until), run(tiers, world)

    past = tuple(change for change in long.changes if change.from_at <= until)
    assert short.changes == past


@settings(max_examples=50)
@given(ladders(), worlds())
def test_a_story_without_an_end_says_the_same_about_every_sale(
    tiers: Tiers, world: World
) -> None:
    assert run(tiers, world, None).at_sale == run(tiers, world).at_sale
