"""What a draft would have paid, against what is paid."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.commissions import queries
from portal.commissions.queries import Trial
from portal.commissions.worth import ratio_text, worth
from portal.kit.clock import utc_now
from portal.kit.money import Money
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json, dump_yaml, load_json
from portal.sales.models import SaleLine
from tests.commissions.facts import bands, rule
from tests.commissions.story import Story, a_version
from tests.factories.people import UserFactory

DAY = timedelta(days=1)
SignIn = Callable[[User], FlaskClient]
CountQueries = Callable[[], AbstractContextManager[list[str]]]


def usd(minor: int) -> Money:
    return Money(minor, "USD")


@pytest.fixture
def story(session: Session) -> Story:
    """20% on two payments of the last 90 days, one earlier, and a refund."""
    now = utc_now()
    story = Story(session, a_version(rules=[rule()]))
    customer = story.credited(first_seen_at=now - 400 * DAY)
    story.sale(customer, now - 390 * DAY, 100_000)
    sold = story.sale(customer, now - 50 * DAY, 60_000)
    story.refund(sold, now - 40 * DAY, 10_000)
    newer = story.credited(first_seen_at=now - 30 * DAY)
    story.sale(newer, now - 20 * DAY, 40_000)
    return story


def drafted(story: Story, **parts: object) -> ProgramDefinition:
    return load_json({**dump_json(story.version.definition), **parts})


def tried(story: Story, draft: ProgramDefinition) -> Trial:
    now = utc_now()
    return queries.trial(
        story.session,
        story.enrollment.program_id,
        draft,
        since=now - 90 * DAY,
        until=now,
    )


class TestTrial:
    def test_the_same_terms_change_nothing(self, story: Story) -> None:
        found = tried(story, drafted(story))

        assert (found.now, found.draft, found.difference) == (
            usd(18_000),
            usd(18_000),
            usd(0),
        )
        assert (found.winners, found.losers) == (0, 0)
        assert (found.sales, found.customers, found.paying) == (usd(90_000), 1, 2)

    def test_a_lower_rate_shows_who_would_lose_how_much(self, story: Story) -> None:
        rival = Story(story.session, story.version)
        customer = rival.credited(first_seen_at=utc_now() - 30 * DAY)
        rival.sale(customer, utc_now() - 20 * DAY, 10_000)

        found = tried(story, drafted(story, rules=[rule(bands=bands((0, 1_000)))]))

        assert [row.difference for row in found.rows] == [usd(-9_000), usd(-1_000)]
        assert found.rows[0].partner == story.enrollment.partner
        assert (found.winners, found.losers) == (0, 2)

    def test_what_happened_before_counts_towards_windows(self, story: Story) -> None:
        steps = bands((0, 1_000), (100_000, 3_000))

        found = tried(story, drafted(story, rules=[rule(window="life", bands=steps)]))

        assert found.draft == usd(27_000)
        assert found.winners == 1

    def test_a_product_that_nobody_bought_is_named(self, story: Story) -> None:
        bought(story, "seats")
        about = rule(when={"products": ["seats", "seat"], "except_products": []})

        found = tried(story, drafted(story, rules=[about]))

        assert (found.unsold, found.sold) == (("seat",), ("seats",))

    def test_nothing_is_written(self, story: Story) -> None:
        tried(story, drafted(story, rules=[rule(bands=bands((0, 1_000)))]))

        assert not story.session.dirty
        assert not story.session.new

    def test_only_the_largest_are_rated_and_the_rest_is_counted(
        self, story: Story
    ) -> None:
        rival = Story(story.session, story.version)
        customer = rival.credited(first_seen_at=utc_now() - 30 * DAY)
        rival.sale(customer, utc_now() - 20 * DAY, 10_000)
        now = utc_now()

        found = queries.trial(
            story.session,
            story.enrollment.program_id,
            drafted(story),
            since=now - 90 * DAY,
            until=now,
            most=1,
        )

        assert [row.partner for row in found.rows] == [story.enrollment.partner]
        assert found.left_out == 1

    def test_it_takes_the_same_number_of_questions_for_any_number_of_partners(
        self, story: Story, count_queries: CountQueries
    ) -> None:
        draft = drafted(story)
        story.session.flush()
        with count_queries() as alone:
            tried(story, draft)
        for _number in range(3):
            rival = Story(story.session, story.version)
            customer = rival.credited(first_seen_at=utc_now() - 30 * DAY)
            rival.sale(customer, utc_now() - 20 * DAY, 10_000)
        story.session.flush()
        story.session.expire_all()
        with count_queries() as together:
            tried(story, draft)

        assert len(together) <= len(alone) + 1


class TestPage:
    def test_the_newest_version_is_tried_first(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.AUDITOR))

        shown = page(client, story)

        assert "0 more, 0 less" in shown
        assert "$180.00" in shown
        assert "Write a draft" not in shown

    def test_who_may_publish_is_led_from_the_newest_version_to_a_draft(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))

        assert "Write a draft to see what a change would have paid" in page(
            client, story
        )

    def test_one_goes_on_with_a_draft_that_was_tried(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))
        draft = dump_yaml(drafted(story, rules=[rule(bands=bands((0, 1_000)))]))

        response = post(client, story, draft)

        assert "Go on with this draft" in text_of(response)
        key = story.version.program.key
        form = {"text": draft, "based_on": "1", "do": "check"}
        editor = client.post(f"/admin/programs/{key}/edit", data=form)
        assert f'action="/admin/programs/{key}/edit"' in response.text
        assert 'name="based_on" value="1"' in response.text
        assert "10% instead of 20%" in editor.text

    def test_a_draft_is_tried_and_a_customer_is_weighed(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))
        draft = drafted(story, rules=[rule(bands=bands((0, 1_000)))])

        response = post(client, story, dump_yaml(draft), spend="1000", years="3")

        shown = text_of(response)
        assert response.status_code == 200
        assert "0 more, 1 less" in shown
        assert "−$90.00" in shown
        # 900.00 in 90 days from two customers: 1,825.00 a year each, three years.
        assert "$5,475.00" in shown
        # 1,000.00 and 730.00 of commissions a year for 4.06 customers.
        assert "$426.58" in shown
        assert "Healthy: above 4" in shown

    def test_a_draft_about_an_unknown_product_is_told_what_was_sold(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))
        text = dump_yaml(drafted(story, rules=[rule(when={"products": ["seat"]})]))

        shown = text_of(post(client, story, text))
        assert "The draft names seat, and nobody bought it in these days." in shown
        assert "None of the sales says which product was bought." in shown

        bought(story, "seats")
        assert "Sold were: seats." in text_of(post(client, story, text))

    def test_a_year_without_figures_asks_for_them(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))
        text = dump_yaml(drafted(story))

        response = post(client, story, text, spend="-1", years="3")

        assert response.status_code == 422
        assert "Enter a number from 0" in text_of(response)
        assert "Cost to win one" not in text_of(response)

    def test_a_draft_that_is_no_program_says_what_to_put_right(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))

        response = post(client, story, "format: 1")

        assert response.status_code == 422
        assert "is missing: add it" in text_of(response)

    def test_a_draft_in_another_currency_is_not_compared(
        self, story: Story, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))

        response = post(client, story, dump_yaml(drafted(story, currency="EUR")))

        assert "another currency" in text_of(response)

    def test_a_program_that_sold_nothing_says_so(
        self, session: Session, sign_in: SignIn
    ) -> None:
        client = sign_in(UserFactory.create(role=Role.ADMIN))

        assert "Nothing was sold in these days" in page(client, Story(session))


def bought(story: Story, product: str) -> None:
    sale = story.sale(story.credited(), utc_now() - 5 * DAY)
    story.session.add(
        SaleLine(
            sale_id=sale.id,
            position=1,
            product=product,
            description="",
            units=1,
            net_minor=sale.net_minor,
            discount_minor=0,
            tax_minor=sale.tax_minor,
        )
    )
    story.session.flush()


def address(story: Story) -> str:
    return f"/admin/programs/{story.version.program.key}/trial"


def page(client: FlaskClient, story: Story) -> str:
    response = client.get(address(story))
    assert response.status_code == 200
    return unescape(response.get_data(as_text=True))


def post(client: FlaskClient, story: Story, text: str, **fields: str) -> TestResponse:
    return client.post(address(story), data={"text": text, **fields})


def text_of(response: TestResponse) -> str:
    return unescape(response.get_data(as_text=True))


class TestWorth:
    def test_a_year_like_the_last_days(self) -> None:
        found = worth(
            sales=usd(1_200_000 * 60 * 90 // 365),
            commissions=usd(0),
            paying=60,
            new=15,
            days=90,
            yearly_spend=usd(45_000_000),
            lifetime_years=3,
        )

        assert found.value is not None
        assert abs(found.value.minor - 3_600_000) <= 10
        assert found.is_healthy is True

    def test_without_customers_nothing_is_defined(self) -> None:
        found = worth(
            sales=usd(0),
            commissions=usd(0),
            paying=0,
            new=0,
            days=90,
            yearly_spend=usd(100),
            lifetime_years=3,
        )

        assert (found.value, found.cost, found.ratio, found.is_healthy) == (None,) * 4

    def test_a_ratio_has_two_digits(self) -> None:
        from_table = worth(
            sales=usd(1_200_000 * 365),
            commissions=usd(0),
            paying=365,
            new=60,
            days=365,
            yearly_spend=usd(45_000_000),
            lifetime_years=3,
        )

        assert from_table.ratio is not None
        assert ratio_text(from_table.ratio) == "4.80"
