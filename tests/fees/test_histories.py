"""Whatever happens, and however we hear of it, we end where Stripe is.

bench/bench_fee_histories.py runs thousands of them.
"""

import os

from flask import Flask
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.enrollments.models import Enrollment
from tests.fees.conftest import PayerOf
from tests.fees.histories import GOOD, History, account_of, run_many

PRICES = {"any": 3_500, "gold": 9_500, "elite": 15_500}
HISTORIES = int(os.environ.get("FEE_HISTORIES", "12"))


def test_every_history_ends_where_stripe_is(
    app: Flask, session: Session, payer_of: PayerOf
) -> None:
    _user, enrollment = payer_of(minor_by_tier=PRICES)

    wrong = run_many(app, session, enrollment.id, range(HISTORIES))

    assert wrong == {}


def test_who_believes_the_last_event_that_arrived_ends_elsewhere(
    app: Flask, session: Session, payer: tuple[User, Enrollment]
) -> None:
    wrong = run_many(app, session, payer[1].id, range(8), believes=True)

    assert any("status" in found[0] for found in wrong.values())


def test_a_renewal_that_is_charged_back_leaves_what_the_payment_before_it_bought(
    app: Flask, session: Session, payer: tuple[User, Enrollment]
) -> None:
    history = History(app, session, payer[1].id, seed=1)
    with account_of(history):
        # We hear of the first payment only with the second, which opens the gate.
        history.created(card=GOOD)
        history.renewed()
        history.tell(None)
        renewal = max(history.charges, key=lambda charge: charge["created"])

        history.sandbox.open_dispute(renewal["id"])
        history.tell(None)
        assert history.gate_is_met()  # in the days of grace of the first payment
        history.retried()
        history.retried()

        assert not history.gate_is_met()
        assert list(history.differences()) == []
