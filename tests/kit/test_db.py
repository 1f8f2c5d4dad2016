from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import ONE_USER_PER_EMAIL, User
from portal.kit.db import (
    UtcDateTime,
    refuse_inside_transaction,
    transaction,
    violates,
)
from tests.factories.people import UserFactory

DIALECT = postgresql.dialect()


def test_a_naive_moment_never_reaches_the_database() -> None:
    with pytest.raises(ValueError, match="naive"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 1), DIALECT)  # noqa: DTZ001 - the point


def test_what_comes_back_is_in_utc() -> None:
    seoul = datetime(2026, 3, 1, 18, tzinfo=timezone(timedelta(hours=9)))

    read = UtcDateTime().process_result_value(seoul, DIALECT)

    assert read == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert read.tzinfo is UTC
    assert UtcDateTime().process_result_value(None, DIALECT) is None


def test_a_transaction_keeps_what_its_block_did(session: Session) -> None:
    with transaction(session):
        UserFactory.create(email="kept@people.example")

    session.rollback()
    kept = session.query(User).filter_by(email="kept@people.example").all()
    assert len(kept) == 1


def test_a_transaction_that_breaks_leaves_nothing(session: Session) -> None:
    with pytest.raises(RuntimeError, match="broken"), transaction(session):
        UserFactory.create(email="lost@people.example")
        raise RuntimeError("broken")

    assert not session.query(User).filter_by(email="lost@people.example").all()


def test_one_use_case_does_not_call_another(session: Session) -> None:
    with (
        transaction(session),
        pytest.raises(RuntimeError, match="does not nest"),
        transaction(session),
    ):
        raise AssertionError("never reached")


def test_no_network_inside_a_transaction(session: Session) -> None:
    refuse_inside_transaction()

    with transaction(session), pytest.raises(RuntimeError, match="no network"):
        refuse_inside_transaction()


def test_a_broken_constraint_is_known_by_its_name(session: Session) -> None:
    UserFactory.create(email="one@people.example")

    with pytest.raises(IntegrityError) as caught, session.begin_nested():
        UserFactory.create(email="one@people.example")

    assert violates(caught.value, ONE_USER_PER_EMAIL)
    assert not violates(caught.value, "uq_something_else")


def test_the_portal_does_not_run_as_the_owner_of_the_tables(session: Session) -> None:
    assert session.scalar(text("SELECT current_user")) == "portal_app"
