from hypothesis import given
from hypothesis import strategies as st

from portal.attribution.splitting import CreditShare
from portal.programs.definition import DealSource
from portal.tiers.facts import Event, ItemFact, RefundFact, SaleFact, in_order
from portal.tiers.sharing import part_of_sale, shared
from tests.commissions.facts import at, key, refund, sale

FIRST, SECOND = CreditShare((3, 2), 0), CreditShare((3, 2), 1)
ONE_OF_THREE = [CreditShare((2, 2, 1), index) for index in range(3)]


def of(events: list[Event], share: CreditShare) -> list[Event]:
    return shared(events, {key("c"): share})


def test_a_customer_that_is_not_shared_stays_as_it_is() -> None:
    whole = sale("a", "2026-01-01", 1_000, customer="alone")
    events = in_order([whole], [refund("r", whole, "2026-01-02", 400)])

    assert shared(events, {key("c"): FIRST}) == events


def test_each_gets_its_part_of_a_sale_and_of_what_is_left() -> None:
    whole = sale("a", "2026-01-01", 1_001)
    events = in_order([whole], [refund("r", whole, "2026-01-02", 500)])

    sold, refunded = of(events, FIRST)

    assert (sold.sale.net_minor, sold.left_before_minor) == (601, 0)
    assert sold.left_after_minor == 601
    assert sold.refund is None
    assert refunded.refund is not None
    assert (refunded.left_before_minor, refunded.left_after_minor) == (601, 301)
    assert refunded.refund.net_minor == 300
    assert (refunded.moment, refunded.sale) == (events[1].moment, sold.sale)
    assert [event.left_after_minor for event in of(events, SECOND)] == [400, 200]


def test_what_happens_to_a_part_is_what_the_part_alone_would_say() -> None:
    """The facts of a part, put in order again, tell the same story."""
    whole = sale("a", "2026-01-01", 1_001)
    refunds = [
        refund("r", whole, "2026-01-02", 333),
        refund("over", whole, "2026-01-03", 5_000),
        refund("won", whole, "2026-01-04", -5_200),
        refund("early", whole, "2025-12-31", 10),
    ]
    for share in ONE_OF_THREE:
        events = of(in_order([whole], refunds), share)
        facts = [event.refund for event in events if event.refund is not None]

        assert in_order([event.sale for event in events], facts) == events


@given(
    net=st.integers(0, 10_000),
    refunds=st.lists(st.integers(-2_000, 4_000), max_size=5),
)
def test_parts_make_up_the_whole_after_every_event(
    net: int, refunds: list[int]
) -> None:
    whole = sale("a", "2026-01-01", net)
    back = [
        refund(f"r{number}", whole, f"2026-02-{number + 1:02}", minor)
        for number, minor in enumerate(refunds)
    ]
    events = in_order([whole], back)

    parts = [of(events, share) for share in ONE_OF_THREE]

    for event, *mine in zip(events, *parts, strict=True):
        assert sum(one.left_after_minor for one in mine) == event.left_after_minor
        assert sum(one.left_before_minor for one in mine) == event.left_before_minor
        assert all(0 <= one.left_after_minor <= one.sale.net_minor for one in mine)


@given(order=st.permutations(range(4)), twice=st.booleans())
def test_arrival_order_and_repetition_change_no_part(
    order: list[int], *, twice: bool
) -> None:
    whole = sale("a", "2026-01-01", 1_001)
    back = [refund(f"r{n}", whole, f"2026-02-0{n + 1}", 77 + n) for n in range(4)]
    arrived: list[RefundFact] = [back[number] for number in order]

    events = in_order([whole] * (1 + twice), arrived * (1 + twice))

    assert of(events, SECOND) == of(in_order([whole], back), SECOND)


def test_a_refund_in_full_leaves_everyone_with_nothing() -> None:
    whole = sale("a", "2026-01-01", 1_003)
    back = [refund(f"r{n}", whole, f"2026-02-0{n + 1}", n * 100 + 2) for n in range(4)]
    rest = 1_003 - sum(one.net_minor for one in back)
    events = in_order([whole], [*back, refund("last", whole, "2026-03-01", rest)])

    assert [of(events, share)[-1].left_after_minor for share in ONE_OF_THREE] == [0] * 3


def itemised() -> SaleFact:
    items = (
        ItemFact(
            net_minor=501,
            product="seat",
            units=3,
            discount_minor=11,
            tax_minor=99,
            cost_minor=7,
        ),
        ItemFact(net_minor=500, product="support", units=0),
    )
    return SaleFact(
        id=key("a"),
        reference="a",
        customer_id=key("c"),
        currency="USD",
        net_minor=1_001,
        occurred_at=at("2026-01-01"),
        items=items,
        country="DE",
        source=DealSource.ASSISTED,
    )


def test_each_line_is_split_so_that_lines_and_shares_both_add_up() -> None:
    whole = itemised()

    mine, other = (part_of_sale(whole, share) for share in (FIRST, SECOND))

    assert (mine.net_minor, other.net_minor) == (601, 400)
    for number, line in enumerate(whole.items):
        pair = (mine.items[number], other.items[number])
        assert sum(one.net_minor for one in pair) == line.net_minor
        assert sum(one.units for one in pair) == line.units
        assert sum(one.discount_minor for one in pair) == line.discount_minor
        assert sum(one.tax_minor for one in pair) == line.tax_minor
        assert {one.product for one in pair} == {line.product}
    assert [one.cost_minor for one in mine.items] == [4, None]
    assert [one.units for one in mine.items] == [2, 0]
    assert (mine.country, mine.source, mine.id) == ("DE", DealSource.ASSISTED, whole.id)


def test_the_one_piece_of_a_sale_without_lines_goes_to_one_of_them() -> None:
    whole = sale("a", "2026-01-01", 1_001)

    units = [part_of_sale(whole, share).items[0].units for share in (FIRST, SECOND)]

    assert units == [1, 0]
