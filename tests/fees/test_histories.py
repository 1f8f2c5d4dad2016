"""Whatever happens, and however we hear of it, we end where Stripe is.

bench/bench_fee_histories.py runs thousands of them.
"""

import os

from flask import Flask
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments.models import Enrollment
from tests.fees.histories import run_many

HISTORIES = int(os.environ.get("FEE_HISTORIES", "40"))


def test_every_history_ends_where_stripe_is(
    app: Flask, session: Session, payer: tuple[User, Enrollment]
) -> None:
    wrong = run_many(app, session, payer[1].id, range(HISTORIES))

    assert wrong == {}


def test_who_believes_the_last_event_that_arrived_ends_elsewhere(
    app: Flask, session: Session, payer: tuple[User, Enrollment]
) -> None:
    wrong = run_many(app, session, payer[1].id, range(8), believes=True)

    assert any("status" in found[0] for found in wrong.values())
