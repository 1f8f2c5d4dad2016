from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from portal.programs.definition import CreditModel
from portal.sales.models import Refund, SaleLine
from portal.tiers import queries
from portal.tiers.facts import CustomerFact, ItemFact
from tests.attribution.sharing import partners, shared
from tests.commissions.story import Story
from tests.conftest import CountQueries
from tests.factories.base_factory import NOW

DAY = timedelta(days=1)


def test_a_sale_comes_with_its_lines_and_the_country_it_was_paid_from(
    session: Session,
) -> None:
    story = Story(session)
    customer = story.credited(country="FR")  # has moved since
    whole = story.sale(customer, NOW - 40 * DAY, 1_000, country="DE")
    story.sale(customer, NOW - 20 * DAY, 500)
    session.add_all(
        SaleLine(
            sale_id=whole.id,
            position=position,
            product=product,
            description="",
            units=units,
            net_minor=net,
            discount_minor=5,
            tax_minor=tax,
        )
        for position, product, units, net, tax in (
            (2, None, 1, 400, 0),
            (1, "prod_seat", 3, 600, 1),
        )
    )
    session.flush()

    first, second = queries.events_of(session, [story.enrollment.id])[
        story.enrollment.id
    ]

    assert first.sale.items == (
        ItemFact(
            net_minor=600, product="prod_seat", units=3, discount_minor=5, tax_minor=1
        ),
        ItemFact(net_minor=400, discount_minor=5),
    )
    assert (first.sale.country, second.sale.items) == ("DE", ())


@pytest.mark.parametrize("model", [CreditModel.LINEAR, CreditModel.POSITION])
def test_of_a_shared_customer_each_has_its_part(
    session: Session, model: CreditModel
) -> None:
    stories = partners(session, 3, model)
    customer = shared(*stories)
    sale = stories[0].sale(customer, NOW - 40 * DAY, 1_000)
    refund = stories[0].refund(sale, NOW - 20 * DAY, 400)
    own = shared(stories[0], visitor="alone")
    stories[0].sale(own, NOW - 10 * DAY, 77)
    ids = [story.enrollment.id for story in stories]

    events = queries.events_of(session, ids)

    sold = [events[key][0].left_after_minor for key in ids]
    assert (
        sorted(sold)
        == {
            CreditModel.LINEAR: [333, 333, 334],
            CreditModel.POSITION: [200, 400, 400],
        }[model]
    )
    left = [events[key][1].left_after_minor for key in ids]
    assert sum(left) == 1_000 - session.get_one(Refund, refund.id).net_minor
    assert [len(events[key]) for key in ids] == [3, 2, 2]
    assert events[ids[0]][2].sale.net_minor == 77


def test_what_became_of_customers_is_told_to_everyone_who_has_a_part(
    session: Session,
) -> None:
    one, two = partners(session, 2)
    gone = shared(one, two, left_at=NOW - DAY)
    here = shared(one, visitor="alone")
    stranger = Story(session)

    found = queries.customers_of(
        session, [story.enrollment.id for story in (one, two, stranger)]
    )

    left = CustomerFact(left_at=NOW - DAY)
    assert found == {
        one.enrollment.id: {gone.id: left, here.id: CustomerFact()},
        two.enrollment.id: {gone.id: left},
        stranger.enrollment.id: {},
    }


def test_loading_takes_as_many_queries_for_many_as_for_one(
    session: Session, count_queries: CountQueries
) -> None:
    stories = partners(session, 3)
    ids = [story.enrollment.id for story in stories]
    counts = []
    for number in (1, 3):
        for visitor in range(number):
            customer = shared(*stories, visitor=f"{number}{visitor}")
            stories[0].sale(customer, NOW - DAY)
        with count_queries() as statements:
            queries.events_of(session, ids[:number])
        counts.append(len(statements))

    assert counts[0] == counts[1]
