"""From the door to the commission, through the jobs."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import flask_migrate
import psycopg
import pytest
import stripe
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from portal import jobs
from portal.app import create_app
from portal.attribution import queries as attribution
from portal.commissions.models import Commission
from portal.config import Settings
from portal.kit.clock import utc_now
from portal.payments import service as payments
from portal.payments.models import InboxEvent, InboxSource, InboxStatus
from portal.sales.models import Customer, Sale
from portal.tracking.models import Click
from portal.webhooks import queries, service
from tests.commissions.story import Story
from tests.factories.base_factory import NOW
from tests.sales import stripe_objects as so
from tests.webhooks.feed import Event


def _run_jobs(session: Session) -> list[str]:
    """Run what waits, and what that queues, in order; return the names."""
    session.flush()
    ran: list[str] = []
    while True:
        session.expire_all()
        row = session.execute(
            text(
                "SELECT id, task_name, args FROM procrastinate_jobs "
                "WHERE status = 'todo' AND task_name ~ '^(webhooks|commissions)' "
                "ORDER BY id LIMIT 1"
            )
        ).one_or_none()
        if row is None:
            return ran
        session.execute(
            text("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = :id"),
            {"id": row.id},
        )
        session.commit()
        jobs.TASKS[row.task_name](**row.args)
        session.execute(
            text("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = :id"),
            {"id": row.id},
        )
        ran.append(row.task_name)


def _send(client: FlaskClient, event: Event) -> None:
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(
        body, "whsec_test", int(utc_now().timestamp())
    )
    answer = client.post(
        "/webhooks/stripe", data=body, headers={"Stripe-Signature": signature}
    )
    assert answer.status_code == 204


def test_a_click_and_a_payment_become_a_commission_and_a_refund_takes_it_back(
    client: FlaskClient, session: Session, app: Flask
) -> None:
    story = Story(session)
    click = Click(
        link_id=story.link.id,
        visitor="a" * 32,
        clicked_at=NOW - timedelta(days=3),
        is_bot=False,
        counts=True,
        referrer_host="",
        landing_url="",
    )
    session.add(click)
    session.commit()
    opened = so.checkout(
        mode="subscription", client_reference_id=click.public_id, invoice="in_1"
    )
    with app.app_context():
        for event in (
            so.event("refund.created", so.refund()),
            so.event("invoice_payment.paid", so.invoice_payment()),
            so.event("checkout.session.completed", opened),
            so.event("invoice.paid", so.invoice()),
        ):
            _send(client, event)
        ran = _run_jobs(session)

    assert ran.count(service.HANDLE) == 4 + 2
    lines = session.scalars(select(Commission).order_by(Commission.occurred_at)).all()
    assert [line.amount_minor for line in lines] == [2_000, -200]
    assert {line.enrollment_id for line in lines} == {story.enrollment.id}


def test_handling_twice_changes_nothing(
    client: FlaskClient, session: Session, app: Flask
) -> None:
    event = so.event("invoice.paid", so.invoice())
    _send(client, event)
    with app.app_context():
        for _ in range(2):
            jobs.TASKS[service.HANDLE](event_id=event["id"])
        jobs.TASKS[service.HANDLE](event_id="evt_unknown")

    assert len(session.scalars(select(Sale)).all()) == 1


def test_the_sweep_finds_what_was_left_behind(session: Session, app: Flask) -> None:
    now = utc_now()
    ages = {
        "evt_lost": (InboxStatus.RECEIVED, timedelta(hours=1)),
        "evt_fresh": (InboxStatus.RECEIVED, timedelta(minutes=1)),
        "evt_broke": (InboxStatus.FAILED, timedelta(hours=2)),
        "evt_broke_now": (InboxStatus.FAILED, timedelta(minutes=5)),
        "evt_hopeless": (InboxStatus.FAILED, timedelta(days=9)),
        "evt_parked": (InboxStatus.PARKED, timedelta(days=1)),
        "evt_done": (InboxStatus.HANDLED, timedelta(days=1)),
    }
    for key, (status, age) in ages.items():
        event = so.event("customer.created", so.customer()) | {"id": key}
        payments.receive(session, event, source=InboxSource.WEBHOOK, now=now - age)
        if status is not InboxStatus.RECEIVED:
            session.get_one(InboxEvent, key).settle(status, at=now - age)
    session.commit()

    assert set(queries.left_behind(session, now)) == {"evt_lost", "evt_broke"}
    with app.app_context():
        for _ in range(2):
            jobs.TASKS["webhooks.sweep"]()
        assert _run_jobs(session).count(service.HANDLE) == 2

    assert session.get_one(InboxEvent, "evt_lost").status is InboxStatus.HANDLED
    assert session.get_one(InboxEvent, "evt_broke").status is InboxStatus.HANDLED


def test_the_sweep_decides_what_was_never_decided(session: Session, app: Flask) -> None:
    story = Story(session)
    customer = story.customer()
    story.customer(story.click(NOW), click_reference=None, click_id=None)
    session.commit()
    assert attribution.undecided(session, seen_before=NOW) == [customer.id]

    with app.app_context():
        jobs.TASKS["webhooks.sweep"]()
        assert _run_jobs(session)[0] == service.CREDIT

    [decision] = attribution.of_customer(session, customer.id)
    assert decision.enrollment_id == story.enrollment.id
    assert attribution.undecided(session, seen_before=NOW) == []


@pytest.fixture
def own_database(app: Flask, settings: Settings) -> Iterator[str]:
    """A database of its own, because this test commits."""
    owner = settings.database_owner_url.replace("+psycopg", "", 1)
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("CREATE DATABASE events_at_once")
    urls = {
        name: getattr(settings, name).replace("/postgres?", "/events_at_once?", 1)
        for name in ("database_url", "database_owner_url")
    }
    other = create_app(Settings(secret_key=settings.secret_key, testing=True, **urls))
    with other.app_context():
        flask_migrate.upgrade()
        other.extensions["sqlalchemy"].engine.dispose()
    jobs.bind(app)
    yield urls["database_url"]
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("DROP DATABASE events_at_once WITH (FORCE)")


def test_a_sale_and_its_refunds_handled_at_the_same_moment_meet(
    own_database: str,
) -> None:
    engine = create_engine(own_database, pool_size=6)
    events = [
        event
        for number in range(12)
        for event in (
            so.event("refund.created", _of(so.refund(id=f"re_{number}"), number)),
            so.event("invoice_payment.paid", _linked(number)),
            so.event("invoice.paid", so.invoice(id=f"in_{number}")),
        )
    ]
    with Session(engine) as session:
        for event in events:
            payments.receive(session, event, source=InboxSource.WEBHOOK, now=NOW)
        session.commit()
    todo = [event["id"] for event in events]
    gate = threading.Lock()
    errors: list[Exception] = []

    def work() -> None:
        while True:
            with gate:
                if not todo:
                    return
                event_id = todo.pop()
            try:
                with Session(engine) as session:
                    acted = service.act(session, event_id, now=NOW)
                    session.commit()
                with gate:
                    todo.extend(acted.waiting)
            except Exception as error:  # noqa: BLE001 - shown below
                errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert errors == []
    with Session(engine) as session:
        statuses = set(session.scalars(select(InboxEvent.status)))
        assert statuses == {InboxStatus.HANDLED}
        assert len(session.scalars(select(Customer)).all()) == 1
        refunds = session.execute(text("SELECT count(*) FROM refunds")).scalar()
        assert refunds == 12
    engine.dispose()


def _of(refund: Event, number: int) -> Event:
    return refund | {"payment_intent": f"pi_{number}", "charge": f"ch_{number}"}


def _linked(number: int) -> Event:
    means = {"type": "payment_intent", "payment_intent": f"pi_{number}"}
    return so.invoice_payment(
        id=f"inpay_{number}", invoice=f"in_{number}", payment=means
    )
