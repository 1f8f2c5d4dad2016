from io import BytesIO

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.config import Settings
from portal.kit.ids import new_id
from portal.payouts.models import BatchStatus, PayoutBatch
from portal.payouts.rules import FileFormat
from tests.commissions.story import Story
from tests.conftest import CountQueries, SignIn
from tests.factories.people import UserFactory
from tests.payouts.paying import (
    NOW,
    approve,
    collected,
    finance,
    make,
    owed_120,
    results,
    sent_batch,
)

CSV = {"currency": "USD", "format": "csv", "pay_on": "2026-05-19"}


@pytest.fixture(autouse=True)
def _in_may() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def story(session: Session) -> Story:
    return owed_120(session)


@pytest.fixture
def client(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(finance())


def url(batch: PayoutBatch, *parts: str) -> str:
    return "/".join(["/admin/payouts", batch.public_id, *parts])


def csv_batch(session: Session) -> PayoutBatch:
    return make(session, finance(), file_format=FileFormat.CSV)


class TestMaking:
    def test_without_anything_owed_the_page_says_so(self, client: FlaskClient) -> None:
        page = client.get("/admin/payouts").text

        assert "Nobody is owed anything" in page
        assert "New batch" not in page
        assert client.get("/admin/payouts/new").status_code == 200

    @pytest.mark.usefixtures("story")
    def test_the_preview_shows_who_is_paid(self, client: FlaskClient) -> None:
        assert "Make the first batch" in client.get("/admin/payouts").text
        first = client.get("/admin/payouts/new").text
        assert "Make the batch" not in first
        assert 'value="2026-05-19"' in first

        page = client.get("/admin/payouts/new", query_string=CSV).text

        assert "$120.00" in page
        assert "•••• 6789" in page
        assert "Somebody else of your team approves" in page

    def test_the_preview_shows_who_is_left_out(
        self, client: FlaskClient, session: Session, story: Story
    ) -> None:
        csv_batch(session)

        page = client.get("/admin/payouts/new", query_string=CSV).text

        assert "Nobody can be paid this way now" in page
        assert "In another batch" in page
        assert story.enrollment.partner.name in page

    @pytest.mark.usefixtures("story")
    def test_a_file_that_cannot_be_made_names_the_settings(
        self, client: FlaskClient
    ) -> None:
        page = client.get(
            "/admin/payouts/new", query_string=CSV | {"format": "nacha-ccd"}
        ).text

        assert "PORTAL_PAYER_ROUTING_NUMBER" in page
        assert "Make the batch" not in page

    @pytest.mark.usefixtures("story")
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": "pain.001.001.09"}, "carries EUR only"),
            ({"pay_on": ""}, "Enter a working day"),
            ({"currency": "XXX"}, "Not a valid choice"),
            ({"format": "paper"}, "Not a valid choice"),
        ],
    )
    def test_a_wrong_choice_is_named(
        self, client: FlaskClient, change: dict[str, str], message: str
    ) -> None:
        shown = client.get("/admin/payouts/new", query_string=CSV | change)
        made = client.post("/admin/payouts", data=CSV | change)

        assert (shown.status_code, made.status_code) == (422, 422)
        assert message in shown.text
        assert message in made.text

    @pytest.mark.usefixtures("story")
    def test_a_batch_is_made_once(self, client: FlaskClient, session: Session) -> None:
        found = collected(session, file_format=FileFormat.CSV)
        form = CSV | {"fingerprint": found.fingerprint, "form_id": str(new_id())}

        first = client.post("/admin/payouts", data=form)
        again = client.post("/admin/payouts", data=form)

        assert first.status_code == again.status_code == 303
        assert first.location == again.location
        page = client.get(first.location).text
        assert "You made this batch" in page
        assert "P0" in client.get("/admin/payouts").text

    @pytest.mark.usefixtures("story")
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"fingerprint": "old"}, "has changed since you looked"),
            ({"pay_on": "2026-05-23"}, "Enter a working day from today on"),
        ],
    )
    def test_a_refusal_is_said_on_the_page(
        self, client: FlaskClient, change: dict[str, str], message: str
    ) -> None:
        answer = client.post("/admin/payouts", data=CSV | change)

        assert answer.status_code == 422
        assert message in answer.text


class TestBatch:
    @pytest.mark.usefixtures("story")
    def test_it_goes_from_draft_to_settled(
        self, client: FlaskClient, session: Session
    ) -> None:
        batch = csv_batch(session)
        name = batch.rows[0].end_to_end_id

        def press(what: str) -> str:
            answer = client.post(url(batch, what), follow_redirects=True)
            assert answer.status_code == 200
            return answer.text

        assert "Check the payouts" in client.get(url(batch)).text
        assert "Give it to your bank" in press("approve")
        first, again = (client.get(url(batch, "file")) for _ in range(2))
        assert first.data == again.data
        assert name.encode() in first.data
        assert f"{batch.name}.csv" in first.headers["Content-Disposition"]
        assert first.headers["Cache-Control"] == "no-store"
        assert "The bank has the file" in press("sent")
        assert name in client.get(url(batch, "results")).text
        answer = client.post(
            url(batch, "results"),
            data={"file": (BytesIO(results(f"{name},failed,closed")), "r.csv")},
            follow_redirects=True,
        )
        assert "0 paid, 1 failed, 0 known before" in answer.text
        assert "is owed again" in answer.text
        assert "Paid in part" in client.get("/admin/payouts").text

    @pytest.mark.usefixtures("story")
    def test_a_wrong_file_names_its_lines(
        self, client: FlaskClient, session: Session
    ) -> None:
        batch = sent_batch(session)

        wrong = client.post(
            url(batch, "results"),
            data={"file": (BytesIO(results("P9,paid,")), "r.csv")},
        )
        missing = client.post(url(batch, "results"))
        nameless = client.post(url(batch, "results"), data={"file": (BytesIO(b""), "")})

        assert (wrong.status_code, missing.status_code) == (422, 422)
        assert nameless.status_code == 422
        assert "No batch has a payout P9." in wrong.text
        assert "Choose the file" in missing.text

    @pytest.mark.usefixtures("story")
    def test_one_is_left_out(self, client: FlaskClient, session: Session) -> None:
        batch = csv_batch(session)
        path = url(batch, "rows", batch.rows[0].public_id, "leave-out")

        silent = client.post(path, data={"reason": " "})
        said = client.post(path, data={"reason": "asked us"}, follow_redirects=True)

        assert silent.status_code == 422
        assert "Say why" in silent.text
        assert "asked us" in said.text
        assert "Left out" in said.text

    @pytest.mark.usefixtures("story")
    @pytest.mark.parametrize("approved", [False, True])
    def test_it_is_canceled_with_a_reason(
        self, client: FlaskClient, session: Session, *, approved: bool
    ) -> None:
        batch = csv_batch(session)
        if approved:
            approve(session, batch, finance())
            session.flush()
            assert "would be paid twice" in client.get(url(batch)).text

        silent = client.post(url(batch, "cancel"), data={})
        said = client.post(
            url(batch, "cancel"), data={"reason": "wrong day"}, follow_redirects=True
        )

        assert silent.status_code == 422
        assert "Canceled: wrong day" in said.text

    @pytest.mark.usefixtures("story")
    def test_the_maker_cannot_approve(self, session: Session, sign_in: SignIn) -> None:
        maker = finance()
        batch = make(session, maker, file_format=FileFormat.CSV)

        answer = sign_in(maker).post(url(batch, "approve"))

        assert answer.status_code == 403
        assert batch.status is BatchStatus.DRAFT

    @pytest.mark.usefixtures("story")
    def test_an_auditor_looks_and_presses_nothing(
        self, session: Session, sign_in: SignIn
    ) -> None:
        batch = sent_batch(session)
        auditor = sign_in(UserFactory.create(auditor=True))

        page = auditor.get(url(batch)).text

        assert "Download the file" not in page
        assert "Take in results" not in page
        assert auditor.get(url(batch, "file")).status_code == 403

    @pytest.mark.usefixtures("story")
    def test_where_one_person_is_enough_the_page_says_so(
        self, app: Flask, settings: Settings, client: FlaskClient
    ) -> None:
        app.extensions["portal.settings"] = Settings(
            secret_key=settings.secret_key, four_eyes=False, testing=True
        )
        try:
            page = client.get("/admin/payouts/new", query_string=CSV).text
        finally:
            app.extensions["portal.settings"] = settings

        assert "approved in the next step" in page

    @pytest.mark.usefixtures("story")
    def test_the_list_asks_the_database_as_often_for_many_as_for_one(
        self, client: FlaskClient, session: Session, count_queries: CountQueries
    ) -> None:
        batch = csv_batch(session)
        with count_queries() as for_one:
            client.get("/admin/payouts")
        client.post(url(batch, "cancel"), data={"reason": "again"})
        csv_batch(session)

        with count_queries() as for_two:
            client.get("/admin/payouts")

        assert len(for_two) == len(for_one)
        assert len(session.scalars(select(PayoutBatch)).all()) == 2
