"""What staff see of the events."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.payments import service as payments
from portal.payments.models import InboxEvent, InboxSource, InboxStatus
from tests.conftest import CountQueries, SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.sales import stripe_objects as so
from tests.webhooks.feed import feed

REFUND = so.event("refund.created", so.refund())
LINKED = so.event("invoice_payment.paid", so.invoice_payment())
PAID = so.event("invoice.paid", so.invoice(customer_name="<script>"))


@pytest.fixture
def admin(sign_in: SignIn, session: Session) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(admin=True))


def _arrive(session: Session, number: int, *, kind: str = "customer.created") -> None:
    event = so.event(kind, so.customer(), key=f"{number:04}")
    moment = NOW + timedelta(minutes=number // 2)
    payments.receive(session, event, source=InboxSource.WEBHOOK, now=moment)


def test_an_empty_inbox_says_what_will_be_here(admin: FlaskClient) -> None:
    page = admin.get("/admin/events").text

    assert "No events yet" in page


def test_events_are_listed_and_filtered(admin: FlaskClient, session: Session) -> None:
    feed(session, [REFUND, PAID])

    everything = admin.get("/admin/events").text
    parked = admin.get("/admin/events?state=parked").text
    paid = admin.get("/admin/events?type=invoice.paid").text
    nothing = admin.get("/admin/events?state=failed&type=invoice.paid").text
    nonsense = admin.get("/admin/events?state=nonsense&after=evt_nothing").text

    assert REFUND["id"] in everything
    assert PAID["id"] in everything
    assert PAID["id"] in nonsense
    assert REFUND["id"] in parked
    assert PAID["id"] not in parked
    assert REFUND["id"] not in paid
    assert "Nothing matches" in nothing


def test_pages_follow_each_other_without_gaps(
    admin: FlaskClient, session: Session
) -> None:
    for number in range(120):
        _arrive(session, number)
    session.flush()
    seen, url = [], "/admin/events"
    pages = []
    for _ in range(3):
        page = admin.get(url).text
        ids = [part[:4] for part in page.split(">evt_")[1:]]
        seen += ids
        pages.append(ids)
        url = f"/admin/events?after=evt_{ids[-1]}"
    back = admin.get(f"/admin/events?before=evt_{pages[2][0]}").text

    assert seen == [f"{number:04}" for number in reversed(range(120))]
    assert [part[:4] for part in back.split(">evt_")[1:]] == pages[1]


def test_the_list_needs_as_many_queries_for_many_events_as_for_one(
    admin: FlaskClient, session: Session, count_queries: CountQueries
) -> None:
    _arrive(session, 0)
    session.flush()
    with count_queries() as few:
        admin.get("/admin/events")
    for number in range(1, 40):
        _arrive(session, number)
    session.flush()
    with count_queries() as many:
        admin.get("/admin/events")

    assert len(many) == len(few)


def test_an_event_shows_what_it_said_and_what_became_of_it(
    admin: FlaskClient, session: Session
) -> None:
    feed(session, [REFUND, PAID])

    waiting = admin.get(f"/admin/events/{REFUND['id']}").text
    done = admin.get(f"/admin/events/{PAID['id']}").text

    assert "The sale it belongs to is not known yet." in waiting
    assert "pi_1" in waiting
    assert "Try again" in waiting
    assert "Try again" not in done
    assert "Brought in from a file" in done
    assert "&lt;script&gt;" in done
    assert "<script>&" not in done
    assert admin.get("/admin/events/evt_nothing").status_code == 404


def test_staff_try_an_event_again(admin: FlaskClient, session: Session) -> None:
    bad = so.event("invoice.paid", so.invoice(id="in_2", currency="?"), key="bad")
    feed(session, [REFUND, bad])

    def retry(key: str) -> str:
        answer = admin.post(f"/admin/events/{key}/retry", follow_redirects=True)
        assert answer.status_code == 200
        return answer.text

    assert "It still waits for something" in retry(REFUND["id"])
    assert "It failed again." in retry(bad["id"])
    row = session.get_one(InboxEvent, bad["id"])
    row.payload = so.event("invoice.paid", so.invoice(id="in_2"), key="bad")
    session.flush()
    assert "Done." in retry(bad["id"])

    session.expire_all()
    assert row.status is InboxStatus.HANDLED
    actions = session.scalars(select(AuditEvent.action)).all()
    assert actions.count("event.retried") == 3
    assert admin.post(f"/admin/events/{bad['id']}/retry").status_code == 409


def test_an_auditor_reads_and_does_not_touch(sign_in: SignIn, session: Session) -> None:
    feed(session, [REFUND])
    auditor = sign_in(UserFactory.create(auditor=True))

    page = auditor.get(f"/admin/events/{REFUND['id']}")

    assert page.status_code == 200
    assert "Try again" not in page.text
    answer = auditor.post(f"/admin/events/{REFUND['id']}/retry")
    assert answer.status_code == 403


@pytest.mark.parametrize("trait", [{"reviewer": True}, {}])
def test_others_do_not_see_events(
    sign_in: SignIn, session: Session, trait: dict[str, bool]
) -> None:
    del session
    client = sign_in(UserFactory.create(**trait))

    assert client.get("/admin/events").status_code == 403
