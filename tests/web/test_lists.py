from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Uuid, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from portal.kit.errors import Invalid
from portal.kit.ids import new_id
from portal.web.pagination import Cursor, Page, PageRequest, page_request
from portal.web.tables import query_url, sort_direction, sort_url

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class TrialBase(DeclarativeBase):
    pass


class Row(TrialBase):
    __tablename__ = "trial_rows"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    created_at: Mapped[datetime]


Key = tuple[datetime, UUID]
KEYS: list[Key] = sorted(
    ((NOW + timedelta(hours=n // 3), new_id()) for n in range(60)), reverse=True
)


def find(asked: PageRequest) -> Page[Key]:
    """What the database does with the statement, on a list."""
    rows = KEYS
    if asked.after:
        rows = [k for k in rows if k < (asked.after.created_at, asked.after.id)]
    if asked.before:
        rows = [k for k in rows if k > (asked.before.created_at, asked.before.id)]
        rows = rows[::-1]
    return asked.page(rows[: asked.size + 1], key=lambda key: key)


def test_paging_down_and_up_shows_every_row_once() -> None:
    page = find(page_request({}))
    down = list(page.items)
    while page.older:
        page = find(page_request({"after": page.older}))
        down += page.items
    assert down == KEYS

    up = [*page.items]
    while page.newer:
        page = find(page_request({"before": page.newer}))
        up = [*page.items, *up]
    assert up == KEYS
    assert page.older is not None


def test_ends_of_the_list_offer_no_further_page() -> None:
    first = find(page_request({"limit": "100"}))

    assert (first.newer, first.older) == (None, None)
    assert len(first.items) == 60


@pytest.mark.parametrize("size", ["7", "100000", "-1", "x", ""])
def test_only_three_page_sizes_exist(size: str) -> None:
    assert page_request({"limit": size}).size == 25


def test_statement_pages_by_key_with_one_row_more() -> None:
    cursor = Cursor(NOW, new_id())
    statement = select(Row)
    down = PageRequest(after=cursor).limit(statement, Row.created_at, Row.id)
    up = PageRequest(before=cursor).limit(statement, Row.created_at, Row.id)

    down_sql = str(down.compile(dialect=postgresql.dialect()))
    up_sql = str(up.compile(dialect=postgresql.dialect()))
    assert "(trial_rows.created_at, trial_rows.id) < (" in down_sql
    assert "created_at DESC, trial_rows.id DESC" in down_sql
    assert "(trial_rows.created_at, trial_rows.id) > (" in up_sql
    assert "created_at ASC, trial_rows.id ASC" in up_sql
    assert "LIMIT" in down_sql


def test_totals_beyond_ten_thousand_are_not_counted() -> None:
    capped = PageRequest().page(KEYS, key=lambda key: key, total=10_001)
    exact = PageRequest().page(KEYS, key=lambda key: key, total=10_000)

    assert (capped.total, capped.total_is_capped) == (10_000, True)
    assert (exact.total, exact.total_is_capped) == (10_000, False)


def test_cursor_comes_back_as_it_went() -> None:
    cursor = Cursor(NOW, new_id())

    assert Cursor.decode(cursor.encode()) == cursor


@pytest.mark.parametrize("text", ["x", "!!!!", "AAAA", "é", "A" * 40, "A" * 5000])
def test_damaged_cursor_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(Invalid, match="damaged"):
        page_request({"after": text})


def test_cursor_without_a_time_zone_is_refused() -> None:
    naive = Cursor(NOW.replace(tzinfo=None), new_id()).encode()

    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.decode(naive)


def test_links_keep_the_query_string_and_start_from_the_first_page(
    web_app: Flask,
) -> None:
    with web_app.test_request_context("/list?state=held&q=a%26b&after=zzz"):
        assert query_url(state=None) == "/list?q=a%26b"
        assert query_url(state="paid") == "/list?q=a%26b&state=paid"
        assert query_url(after="yyy", before=None) == (
            "/list?state=held&q=a%26b&after=yyy"
        )
        assert query_url(state=None, q=None) == "/list"


def test_second_click_on_a_head_turns_the_order(web_app: Flask) -> None:
    with web_app.test_request_context("/list?sort=date"):
        assert sort_direction("date", "-date") == "ascending"
        assert sort_url("date") == "/list?sort=-date"
        assert sort_direction("amount", None) is None
        assert sort_url("amount") == "/list?sort=amount"
    with web_app.test_request_context("/list"):
        assert sort_direction("date", "-date") == "descending"
        assert sort_url("date", "-date") == "/list?sort=date"
