import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications.models import Application, ApplicationStatus
from portal.kit.clock import utc_now
from portal.mail.models import OutboxEmail
from portal.programs.documents import preset
from portal.programs.models import ProgramVersion
from tests.factories.applications import (
    ANSWERS,
    ApplicationFactory,
    ApplicationLinkFactory,
    ApplicationMessageFactory,
    version_with_join,
)
from tests.factories.programs import ProgramVersionFactory

Opened = Callable[[Application], FlaskClient]
EMAIL = "mina@hanbit.example"
FORMULA = '=HYPERLINK("http://evil.example","x")'
BUSINESS = {
    "q-company": FORMULA,
    "q-website": "https://www.hanbit.example",
    "q-country": "KR",
    "q-team-size": "two-to-ten",
}


@pytest.fixture
def version(session: Session) -> ProgramVersion:
    del session
    found: ProgramVersion = ProgramVersionFactory.create()
    return found


@pytest.fixture
def opened(client: FlaskClient) -> Opened:
    """Return a client that has followed the application's mailed link."""

    def opened(application: Application) -> FlaskClient:
        token = f"token-of-{application.reference}"
        expires_at = utc_now() + timedelta(days=1)
        ApplicationLinkFactory.create(
            application=application, token=token, expires_at=expires_at
        )
        response = client.get(f"/apply/confirm/{token}")
        assert response.status_code == 302, response.text
        assert response.headers["Referrer-Policy"] == "no-referrer"
        return client

    return opened


def newest_mail(session: Session) -> OutboxEmail:
    query = select(OutboxEmail).order_by(OutboxEmail.id.desc())
    mail = session.scalars(query).first()
    assert mail is not None
    return mail


def draft(**changes: object) -> Application:
    application: Application = ApplicationFactory.create(draft=True, **changes)
    return application


class TestGettingIn:
    def test_from_address_to_tasks_by_link(
        self, session: Session, client: FlaskClient, version: ProgramVersion
    ) -> None:
        address = f"/apply/{version.program.key}"
        assert "Before you start" in client.get(address).text

        response = client.post(
            address, data={"start-email": f" {EMAIL} "}, follow_redirects=True
        )

        assert "Check your e-mail" in response.text
        assert EMAIL in response.text
        link = newest_mail(session).context["secret_path"]
        tasks = client.get(link, follow_redirects=True)
        assert "Not yet started" in tasks.text
        assert "Cannot start yet" in tasks.text

    def test_by_code(
        self, session: Session, client: FlaskClient, version: ProgramVersion
    ) -> None:
        address = f"/apply/{version.program.key}"
        client.post(address, data={"start-email": EMAIL})
        code = newest_mail(session).context["secret_code"]

        wrong = client.post(f"{address}/check-email", data={"code": "12 34"})
        other = client.post(
            f"{address}/check-email", data={"code": f"{(int(code) + 1) % 10**6:06d}"}
        )
        right = client.post(
            f"{address}/check-email", data={"code": f"{code[:3]} {code[3:]}"}
        )

        assert "Enter the six digits" in wrong.text
        assert "not the code of our newest mail" in other.text
        assert (wrong.status_code, other.status_code) == (422, 422)
        assert right.status_code == 303
        assert client.get(right.location).status_code == 200

    def test_known_and_unknown_addresses_get_the_same_answer(
        self, client: FlaskClient, version: ProgramVersion
    ) -> None:
        known = ApplicationFactory.create(version=version)
        address = f"/apply/{version.program.key}"

        pages = []
        for email in (known.email, "new@hanbit.example"):
            client.post(address, data={"start-email": email})
            page = client.get(f"{address}/check-email").text
            pages.append(page.replace(email, "..."))

        assert strip_ids(pages[0]) == strip_ids(pages[1])
        with client.session_transaction() as cookie:
            assert "applications" not in cookie
            assert set(cookie["application_started"]) == {"slug", "email", "country"}

    def test_the_mail_can_be_sent_again(
        self, session: Session, client: FlaskClient, version: ProgramVersion
    ) -> None:
        address = f"/apply/{version.program.key}"
        client.post(address, data={"start-email": EMAIL})

        response = client.post(f"{address}/resend", follow_redirects=True)

        assert "on its way" in response.text
        assert len(session.scalars(select(OutboxEmail)).all()) == 2

    @pytest.mark.parametrize("path", ["check-email", "resend"])
    def test_pages_in_the_middle_lead_to_the_start(
        self, client: FlaskClient, version: ProgramVersion, path: str
    ) -> None:
        address = f"/apply/{version.program.key}"

        response = client.post(f"{address}/{path}", data={"code": "123456"})

        assert response.location == address
        assert client.get(f"{address}/check-email").location == address

    @pytest.mark.parametrize("typed", ["", "mina", "mina@hanbit", "m" * 300])
    def test_an_address_must_be_one(
        self, client: FlaskClient, version: ProgramVersion, typed: str
    ) -> None:
        response = client.post(
            f"/apply/{version.program.key}", data={"start-email": typed}
        )

        assert response.status_code == 422
        assert "<title>Error:" in response.text
        assert f'value="{typed}"' in response.text

    def test_the_country_is_asked_first_where_it_matters(
        self, session: Session, client: FlaskClient
    ) -> None:
        version = version_with_join(countries=["KR"])
        address = f"/apply/{version.program.key}"

        refused = client.post(
            address, data={"start-email": EMAIL, "start-country": "DE"}
        )
        taken = client.post(address, data={"start-email": EMAIL, "start-country": "KR"})

        assert refused.status_code == 422
        assert "does not take partners from this country" in refused.text
        assert taken.status_code == 303
        assert session.scalars(select(Application)).one().country == "KR"

    def test_a_program_by_invitation_says_so(
        self, session: Session, client: FlaskClient
    ) -> None:
        del session
        version = version_with_join(mode="invite")

        page = client.get(f"/apply/{version.program.key}")

        assert "by invitation only" in page.text
        assert "start-email" not in page.text

    def test_an_unknown_program_is_not_found(
        self, client: FlaskClient, session: Session
    ) -> None:
        del session

        assert client.get("/apply/nothing").status_code == 404

    def test_too_many_starts_from_one_place(
        self, client: FlaskClient, version: ProgramVersion
    ) -> None:
        answers = [
            client.post(
                f"/apply/{version.program.key}", data={"start-email": f"m{n}@a.example"}
            )
            for n in range(21)
        ]

        assert [a.status_code for a in answers] == [303] * 20 + [429]
        assert int(answers[-1].headers["Retry-After"]) > 0

    def test_dead_links_say_what_to_do(
        self, client: FlaskClient, session: Session
    ) -> None:
        link = ApplicationLinkFactory.create(token="old", application__draft=True)
        link.expires_at = utc_now() - timedelta(days=1)
        session.flush()

        expired = client.get("/apply/confirm/old")
        unknown = client.get("/apply/confirm/other")

        assert expired.status_code == 410
        assert "Send a new link" in expired.text
        assert unknown.status_code == 404
        assert "See the programs" in unknown.text

    @pytest.mark.parametrize(
        "path",
        [
            "/apply/{}",
            "/apply/{}/business",
            "/apply/{}/check",
            "/apply/{}/sent",
            "/application/{}",
        ],
    )
    def test_other_peoples_applications_are_not_there(
        self, session: Session, client: FlaskClient, path: str
    ) -> None:
        del session
        theirs = draft()

        existing = client.get(path.format(theirs.reference))
        missing = client.get(path.format("APP-ZZZZZZ"))

        assert existing.status_code == missing.status_code == 404
        assert strip_ids(existing.text) == strip_ids(missing.text)
        assert "link from our mail" in existing.text

    @pytest.mark.parametrize(
        "path",
        [
            "/apply/{}/business",
            "/apply/{}/check",
            "/application/{}/reply",
            "/application/{}/withdraw",
        ],
    )
    def test_other_peoples_applications_cannot_be_changed(
        self, session: Session, client: FlaskClient, path: str
    ) -> None:
        theirs = draft()

        response = client.post(path.format(theirs.reference), data={"text": "Hi"})

        assert response.status_code == 404
        session.refresh(theirs)
        assert theirs.status is ApplicationStatus.DRAFT


def strip_ids(page: str) -> str:
    """Return a page without what differs in every rendering."""
    without = re.sub(r'name="(csrf_token|form_id)" value="[^"]*"', "", page)
    return re.sub(r"APP-\w{6}", "APP-...", without)


class TestSteps:
    def test_answers_are_kept_and_the_next_step_comes(
        self, session: Session, opened: Opened
    ) -> None:
        application = draft(answers={})
        client = opened(application)
        address = f"/apply/{application.reference}/business"
        assert "2 to 10" in client.get(address).text

        response = client.post(address, data={**BUSINESS, "version": "0"})

        assert response.location == f"/apply/{application.reference}/selling"
        session.refresh(application)
        assert application.answers == {
            "company": FORMULA,
            "website": "https://www.hanbit.example",
            "country": "KR",
            "team-size": "two-to-ten",
        }

    def test_what_is_not_asked_is_not_written(
        self, session: Session, opened: Opened
    ) -> None:
        application = draft(answers={})
        extra = {
            "status": "approved",
            "q-status": "approved",
            "partner_id": "1",
            "q-decided_by_id": "1",
        }

        opened(application).post(
            f"/apply/{application.reference}/business", data={**BUSINESS, **extra}
        )

        session.refresh(application)
        assert set(application.answers) == {q.removeprefix("q-") for q in BUSINESS}
        assert application.status is ApplicationStatus.DRAFT

    def test_errors_name_what_to_do_and_keep_what_was_typed(
        self, session: Session, opened: Opened
    ) -> None:
        application = draft(answers={})

        response = opened(application).post(
            f"/apply/{application.reference}/business",
            data={"q-company": "Hanbit", "q-website": "hanbit", "version": "x"},
        )

        assert response.status_code == 422
        for text in (
            "<title>Error:",
            "There is a problem",
            "Enter a whole address, like https://example.com.",
            "Choose one answer: How many people work at your company?",
            "Choose a country.",
            'value="hanbit"',
            "Draft saved on",
        ):
            assert text in response.text
        session.refresh(application)
        assert application.answers == {"company": "Hanbit", "website": "hanbit"}

    @pytest.mark.parametrize(
        ("data", "where"),
        [({"later": "yes"}, ""), ({}, "/check")],
    )
    def test_where_one_goes_on(
        self, session: Session, opened: Opened, data: dict[str, str], where: str
    ) -> None:
        del session
        application = draft()

        response = opened(application).post(
            f"/apply/{application.reference}/business?back=check",
            data={**BUSINESS, **data},
        )

        assert response.location == f"/apply/{application.reference}{where}"

    def test_the_last_step_leads_to_the_check(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        application = draft()
        data = {
            "q-services": ["selling", "training"],
            "q-client-count": "14",
            "q-clients": "Two shops.",
        }

        response = opened(application).post(
            f"/apply/{application.reference}/selling", data=data
        )

        assert response.location == f"/apply/{application.reference}/check"

    def test_a_megabyte_of_text_comes_back_to_its_author(
        self, session: Session, opened: Opened
    ) -> None:
        application = draft(answers={"clients": "Short."})
        long = "x" * 1_048_576

        response = opened(application).post(
            f"/apply/{application.reference}/selling",
            data={"q-clients": long, "q-client-count": "14"},
        )

        assert response.status_code == 422
        assert "Write at most 2000 characters." in response.text
        assert long in response.text
        session.refresh(application)
        assert application.answers == {"clients": "Short.", "client-count": "14"}

    def test_ten_megabytes_are_refused(self, session: Session, opened: Opened) -> None:
        del session
        application = draft()

        response = opened(application).post(
            f"/apply/{application.reference}/selling",
            data={"q-clients": "x" * 10_485_760},
        )

        assert response.status_code == 413

    def test_files_are_refused_beside_the_form(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        application = draft()

        response = opened(application).post(
            f"/apply/{application.reference}/business",
            data={**BUSINESS, "file": (BytesIO(b"MZ"), "offer.exe")},
            content_type="multipart/form-data",
        )

        assert response.status_code == 422
        assert "You cannot attach files here." in response.text
        assert "https://www.hanbit.example" in response.text

    @pytest.mark.parametrize(
        "path", ["/apply/{}/check", "/application/{}/withdraw", "/apply/{slug}"]
    )
    def test_files_are_refused_where_none_is_asked_for(
        self, session: Session, opened: Opened, path: str
    ) -> None:
        del session
        application = draft()
        slug = application.version.program.key

        response = opened(application).post(
            path.format(application.reference, slug=slug),
            data={"file": (BytesIO(b"MZ"), "offer.exe")},
            content_type="multipart/form-data",
        )

        assert response.status_code == 422
        assert "You cannot attach files here." in response.text

    def test_an_unknown_step_is_not_found(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        application = draft()
        client = opened(application)

        for method in (client.get, client.post):
            assert method(f"/apply/{application.reference}/nothing").status_code == 404

    def test_every_kind_of_question_can_be_asked(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        steps = preset("hubspot-solutions-partner").model_dump(mode="json")["join"][
            "steps"
        ]
        steps[0]["questions"] += [
            {"key": "data", "label": "Second address", "kind": "email"},
            {"key": "version", "label": "How many?", "kind": "number"},
            {"key": "errors", "label": "More?", "kind": "long_text"},
        ]
        application = draft(version=version_with_join(steps=steps), answers={})

        client = opened(application)
        address = f"/apply/{application.reference}/you"
        page = client.post(
            address,
            data={"q-data": "mina", "q-version": "many", "q-errors": "", "q-name": "M"},
        )

        assert page.status_code == 422
        assert "Enter an e-mail address, such as name@example.com." in page.text
        assert "Enter a whole number, such as 12." in page.text
        assert 'type="email"' in page.text
        assert "<textarea" in page.text


class TestAutosave:
    def save(
        self, client: FlaskClient, application: Application, **data: str
    ) -> tuple[int, dict[str, object]]:
        response = client.post(
            f"/apply/{application.reference}/business",
            data=data,
            headers={"X-Autosave": "1", "Accept": "application/json"},
        )
        assert response.json is not None
        return response.status_code, response.json

    def test_unfinished_text_is_kept(self, session: Session, opened: Opened) -> None:
        application = draft(answers={})
        client = opened(application)

        answer = self.save(client, application, **{"q-website": "han"})

        assert answer == (200, {"version": 1})
        session.refresh(application)
        assert application.answers == {"website": "han"}

    def test_what_was_not_kept_is_not_called_saved(
        self, session: Session, opened: Opened
    ) -> None:
        application = draft(answers={})
        client = opened(application)

        status, answer = self.save(client, application, **{"q-company": "x" * 201})

        assert status == 422
        assert answer["error"]
        session.refresh(application)
        assert application.answers == {}

    def test_another_window_is_told(self, session: Session, opened: Opened) -> None:
        del session
        application = draft(answers={})
        client = opened(application)
        one = {"version": "0", "form_id": "one"}
        two = {"version": "0", "form_id": "two"}

        first = self.save(client, application, **one, **{"q-company": "One"})
        second = self.save(client, application, **two, **{"q-company": "Two"})
        third = self.save(client, application, **one, **{"q-company": "Three"})

        assert [first[0], second[0], third[0]] == [200, 409, 200]

    def test_the_conflict_page_shows_both_and_lets_one_choose(
        self, session: Session, opened: Opened
    ) -> None:
        application = draft(answers={})
        client = opened(application)
        address = f"/apply/{application.reference}/business"
        self.save(
            client,
            application,
            **{"version": "0", "form_id": "one", "q-company": "One"},
        )
        later = BUSINESS | {"q-company": "Two"}

        page = client.post(address, data={**later, "version": "0", "form_id": "two"})

        assert page.status_code == 409
        assert "One" in page.text
        assert '<input type="hidden" name="q-company" value="Two">' in page.text
        assert 'name="version" value="1"' in page.text
        kept = client.post(address, data={**later, "version": "1", "form_id": "three"})
        assert kept.status_code == 303
        session.refresh(application)
        assert application.company == "Two"


class TestSending:
    def test_check_and_send(self, session: Session, opened: Opened) -> None:
        del session
        application = draft(answers=ANSWERS | {"company": FORMULA})
        client = opened(application)
        address = f"/apply/{application.reference}"
        assert "Ready" in client.get(address).text
        page = client.get(f"{address}/check")
        assert "&#34;http://evil.example&#34;" in page.text
        assert "Selling software, Training" in page.text
        assert "South Korea" in page.text
        assert "?back=check" in page.text

        sent = client.post(
            f"{address}/check", data={"agree": "y"}, follow_redirects=True
        )

        assert application.reference in sent.text
        assert "Your application is sent" in sent.text
        for path in ("", "/check", "/business"):
            response = client.get(f"{address}{path}")
            assert response.location == f"/application/{application.reference}"
        again = client.post(f"{address}/check", data={"agree": "y"})
        assert again.location == f"/application/{application.reference}"

    def test_what_is_missing_is_marked(self, session: Session, opened: Opened) -> None:
        application = draft(answers={k: v for k, v in ANSWERS.items() if k != "role"})
        client = opened(application)

        page = client.post(f"/apply/{application.reference}/check", data={"agree": "y"})

        assert page.status_code == 422
        assert "Some questions still need an answer." in page.text
        assert "Answer the question: What do you do at your company?" in page.text
        session.refresh(application)
        assert application.status is ApplicationStatus.DRAFT

    def test_the_tick_is_needed(self, session: Session, opened: Opened) -> None:
        del session
        application = draft()

        page = opened(application).post(f"/apply/{application.reference}/check")

        assert page.status_code == 422
        assert "Agree that we may check what you wrote." in page.text

    def test_a_draft_is_not_sent_yet(self, session: Session, opened: Opened) -> None:
        del session
        application = draft()
        client = opened(application)

        assert client.get(f"/apply/{application.reference}/sent").location == (
            f"/apply/{application.reference}"
        )
        assert client.get(f"/application/{application.reference}").location == (
            f"/apply/{application.reference}"
        )
        answer = client.post(f"/apply/{application.reference}/business", data=BUSINESS)
        assert answer.status_code == 303

    def test_answers_of_a_sent_application_stand(
        self, session: Session, opened: Opened
    ) -> None:
        application = ApplicationFactory.create()

        response = opened(application).post(
            f"/apply/{application.reference}/business", data=BUSINESS
        )

        assert response.status_code == 409
        session.refresh(application)
        assert application.company == "Hanbit Digital"


class TestStatus:
    def test_a_question_is_answered(self, session: Session, opened: Opened) -> None:
        application = ApplicationFactory.create(waiting=True)
        ApplicationMessageFactory.create(
            application=application, text="<b>Which</b> clients?"
        )
        client = opened(application)
        address = f"/application/{application.reference}"
        assert "&lt;b&gt;Which&lt;/b&gt; clients?" in client.get(address).text

        empty = client.post(f"{address}/reply", data={"text": "  "})
        strange = client.post(f"{address}/reply", data={"text": "a\x01b"})
        long = client.post(f"{address}/reply", data={"text": "x" * 5001})
        answered = client.post(
            f"{address}/reply", data={"text": "Two shops."}, follow_redirects=True
        )

        assert (empty.status_code, strange.status_code, long.status_code) == (
            422,
            422,
            422,
        )
        assert "Write an answer." in empty.text
        assert "Your answer is sent." in answered.text
        session.refresh(application)
        assert application.status is ApplicationStatus.SUBMITTED

    @pytest.mark.parametrize(
        ("traits", "words"),
        [
            ({}, "We are reading your application"),
            ({"approved": True}, "setting up your workspace"),
            ({"rejected": True}, "You can apply again from"),
            ({"withdrawn": True}, "You withdrew it"),
        ],
    )
    def test_the_state_is_said_in_words(
        self, session: Session, opened: Opened, traits: dict[str, bool], words: str
    ) -> None:
        application = ApplicationFactory.create(**traits)
        if application.reapply_on:
            application.reapply_on = (utc_now() + timedelta(days=9)).date()
            session.flush()

        page = opened(application).get(f"/application/{application.reference}")

        assert words in page.text

    def test_a_rejected_applicant_sees_why_and_may_apply_again(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        application = ApplicationFactory.create(
            rejected=True, decision_note="Write to us in May."
        )

        page = opened(application).get(f"/application/{application.reference}")

        assert "does not fit what this program needs" in page.text
        assert "Write to us in May." in page.text
        assert "Apply again" in page.text

    def test_a_held_decision_is_not_shown(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        application = ApplicationFactory.create(
            rejected=True, held_until=utc_now() + timedelta(seconds=30)
        )

        page = opened(application).get(f"/application/{application.reference}")

        assert "We are reading your application" in page.text
        assert "We said no" not in page.text

    def test_an_applicant_can_withdraw(self, session: Session, opened: Opened) -> None:
        application = ApplicationFactory.create()
        client = opened(application)
        address = f"/application/{application.reference}"

        first = client.post(f"{address}/withdraw", follow_redirects=True)
        second = client.post(f"{address}/withdraw")

        assert "Your application is withdrawn." in first.text
        assert second.status_code == 409
        session.refresh(application)
        assert application.status is ApplicationStatus.WITHDRAWN


def test_references_are_found_before_programs(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")

    assert adapter.match("/apply/APP-7F3K9Q")[0] == "applications.tasks"
    assert adapter.match("/apply/app-7f3k9q")[0] == "applications.start"
    assert adapter.match("/apply/APP-7F3K9Q/check")[0] == "applications.check"
