from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from werkzeug.test import EnvironBuilder, TestResponse, stream_encode_multipart

from portal.accounts.permissions import Role
from portal.applications import service
from portal.applications.models import (
    Application,
    ApplicationDocument,
    ApplicationStatus,
)
from portal.applications.service import documents as document_service
from portal.applications.uploading import UPLOADS_PER_ADDRESS
from portal.audit.models import AuditEvent
from portal.kit.uploads import MOST_BYTES, CleanFile
from portal.kit.uploads.cleaning import cleaned
from tests.applications.files import FILES_STEP, applied_with_file, with_files
from tests.applications.test_public_views import Opened, opened
from tests.conftest import SignIn
from tests.factories import files
from tests.factories.applications import (
    ApplicationDocumentFactory,
    ApplicationFactory,
    ApplicationMessageFactory,
)
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory

__all__ = ["opened"]

FILE = CleanFile("image/png", b"png", b"\x02" * 32)
LONG_WORDS = "x" * 1_000_000


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look into files here: the process of its own has tests of its own."""
    monkeypatch.setattr("portal.applications.uploading.accept", cleaned)


def a_draft(**settings: object) -> Application:
    draft: Application = ApplicationFactory.create(
        draft=True,
        version=with_files(**settings),  # type: ignore[arg-type]  # passed on
    )
    return draft


def send(client: FlaskClient, draft: Application, **data: object) -> TestResponse:
    fields = EnvironBuilder(
        method="POST", data={"version": "0", **data}, content_type="multipart/form-data"
    )
    both: list[MultiDict[str, Any]] = [fields.form, fields.files]
    parts = CombinedMultiDict(both)
    # In memory: the client's own way leaves a long form in a file that nobody closes.
    stream, _length, boundary = stream_encode_multipart(parts, use_tempfile=False)
    return client.post(
        f"/apply/{draft.reference}/{FILES_STEP}/files",
        data=stream.read(),
        content_type=f'multipart/form-data; boundary="{boundary}"',
    )


def documents(session: Session) -> list[ApplicationDocument]:
    session.expire_all()
    query = select(ApplicationDocument).order_by(ApplicationDocument.uploaded_at)
    return list(session.scalars(query))


class TestAnsweringWithFiles:
    def test_a_file_is_added_with_the_texts_around_it(
        self, session: Session, opened: Opened
    ) -> None:
        draft = a_draft()
        client = opened(draft)

        response = send(
            client,
            draft,
            **{
                "q-remarks": "It is from the court.",
                "q-proof": (BytesIO(files.pdf()), "..\\Register 2026.pdf"),
                "add": "proof",
            },
        )

        assert response.status_code == 303
        [document] = documents(session)
        assert document.name == "Register 2026.pdf"
        assert document.size == len(files.pdf())
        assert draft.answers["proof"] == [document.public_id]
        assert draft.answers["remarks"] == "It is from the court."
        page = client.get(f"/apply/{draft.reference}/{FILES_STEP}").text
        assert "Register 2026.pdf" in page
        assert "1 kB" in page
        check = client.get(f"/apply/{draft.reference}/check").text
        assert "Register 2026.pdf" in check

    def test_files_chosen_on_save_and_continue_are_added_too(
        self, session: Session, opened: Opened
    ) -> None:
        draft = a_draft(required=True)
        both = [
            (BytesIO(files.pdf()), "one.pdf"),
            (BytesIO(files.picture()), "two.png"),
        ]

        response = send(opened(draft), draft, **{"q-proof": both})

        assert response.status_code == 303
        assert response.location.endswith("/check")
        assert len(documents(session)) == 2

    def test_of_two_files_the_good_one_is_kept_and_the_other_named(
        self, session: Session, opened: Opened
    ) -> None:
        draft = a_draft()
        both = [
            (BytesIO(files.pdf()), "one.pdf"),
            (BytesIO(files.pdf_with_script()), "two.pdf"),
        ]

        response = send(
            opened(draft), draft, **{"q-proof": both, "q-remarks": "Stays."}
        )

        assert response.status_code == 422
        assert "two.pdf: The PDF contains a script" in response.text
        assert [document.name for document in documents(session)] == ["one.pdf"]
        assert "Stays." in response.text
        assert "<title>Error:" in response.text

    def test_a_file_that_is_needed_is_asked_for(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        draft = a_draft(required=True)
        client = opened(draft)

        response = send(client, draft)

        assert response.status_code == 422
        assert "Add a file: Show that your company is registered" in response.text
        check = client.get(f"/apply/{draft.reference}/check")
        assert "Add a file: Show that your company is registered" in check.text

    def test_there_is_a_limit_for_each_question(
        self, session: Session, opened: Opened
    ) -> None:
        draft = a_draft(max_files=1)
        both = [(BytesIO(files.pdf()), "one.pdf"), (BytesIO(files.pdf()), "two.pdf")]

        response = send(opened(draft), draft, **{"q-proof": both})

        assert response.status_code == 422
        assert "There is room for 1 file here." in response.text
        assert len(documents(session)) == 1

    @pytest.mark.parametrize("limit", ["MOST_DOCUMENTS", "MOST_BYTES"])
    def test_there_is_a_limit_for_the_whole_application(
        self, session: Session, monkeypatch: pytest.MonkeyPatch, limit: str
    ) -> None:
        draft = a_draft()
        monkeypatch.setattr(document_service, limit, 0)
        question = draft.definition.join.steps[-1].questions[0]

        with pytest.raises(service.TooManyDocuments, match="no room for one more"):
            service.answer_with_file(
                session, draft, question, FILE, name="a.png", now=NOW
            )

    def test_a_file_is_removed_and_the_texts_stay(
        self, session: Session, opened: Opened
    ) -> None:
        draft = a_draft()
        document = ApplicationDocumentFactory.create(application=draft)
        draft.answers = draft.answers | {"proof": [document.public_id]}
        session.flush()

        response = send(
            opened(draft),
            draft,
            **{"remove": document.public_id, "q-remarks": "Wrong one."},
        )

        assert response.status_code == 303
        assert documents(session) == []
        assert draft.answers["proof"] == []
        assert draft.answers["remarks"] == "Wrong one."

    @pytest.mark.parametrize("other", ["doc_00000000000000000000000000", "nonsense"])
    def test_only_files_of_this_draft_can_be_removed(
        self, session: Session, opened: Opened, other: str
    ) -> None:
        draft = a_draft()
        theirs = ApplicationDocumentFactory.create()

        client = opened(draft)

        for name in (other, theirs.public_id):
            assert send(client, draft, remove=name).status_code == 404
        assert len(documents(session)) == 1

    def test_nobody_answers_with_the_file_of_somebody_else(
        self, session: Session, opened: Opened
    ) -> None:
        theirs = ApplicationDocumentFactory.create()
        draft = a_draft()

        opened(draft).post(
            f"/apply/{draft.reference}/{FILES_STEP}",
            data={"version": "0", "q-proof": theirs.public_id, "q-remarks": "Mine."},
        )

        session.expire_all()
        assert "proof" not in draft.answers
        assert draft.answers["remarks"] == "Mine."

    def test_two_windows_are_told_apart_and_the_file_waits(
        self, session: Session, opened: Opened
    ) -> None:
        draft = a_draft()
        draft.answers = draft.answers | {"remarks": "From the other window."}
        draft.answer_marks, draft.answers_version = {"remarks": [3, "other"]}, 3
        session.flush()

        response = send(
            opened(draft),
            draft,
            **{"q-remarks": "Mine.", "q-proof": (BytesIO(files.pdf()), "a.pdf")},
        )

        assert response.status_code == 409
        assert "The files you chose are not added yet." in response.text
        assert documents(session) == []

    def test_what_was_sent_takes_no_more_files(
        self, session: Session, opened: Opened
    ) -> None:
        application, _document = applied_with_file("application/pdf")
        client = opened(application)

        response = send(
            client, application, **{"q-proof": (BytesIO(files.pdf()), "a.pdf")}
        )

        assert response.status_code == 409
        assert len(documents(session)) == 1

    def test_files_are_long_but_other_forms_stay_short(
        self, session: Session, opened: Opened
    ) -> None:
        del session
        draft = a_draft()
        client = opened(draft)
        long_file = (BytesIO(b"%PDF-" + bytes(MOST_BYTES)), "long.pdf")

        too_long = send(client, draft, **{"q-proof": long_file})
        too_long_for_others = client.post(
            f"/apply/{draft.reference}/check", data={"agree": "y" * 1_100_000}
        )

        assert too_long.status_code == 422
        assert "larger than 10 MB" in too_long.text
        assert too_long_for_others.status_code == 413

    def test_an_answer_of_a_megabyte_is_refused_beside_files_too(
        self, session: Session, opened: Opened
    ) -> None:
        draft = a_draft()

        response = send(opened(draft), draft, **{"q-remarks": LONG_WORDS})

        assert response.status_code == 422
        assert "Write at most 2000 characters." in response.text
        session.expire_all()
        assert "remarks" not in draft.answers

    def test_too_many_files_from_one_address_have_to_wait(
        self, session: Session, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del session
        draft = a_draft()
        once = replace(UPLOADS_PER_ADDRESS, times=1)
        monkeypatch.setattr("portal.applications.uploading.UPLOADS_PER_ADDRESS", once)
        both = [(BytesIO(files.pdf()), "one.pdf"), (BytesIO(files.pdf()), "two.pdf")]

        response = send(opened(draft), draft, **{"q-proof": both})

        assert response.status_code == 429


class TestDeletion:
    def test_an_expired_draft_takes_its_files_along(self, session: Session) -> None:
        draft = a_draft()
        ApplicationDocumentFactory.create(application=draft)
        other = ApplicationDocumentFactory.create()
        draft.updated_at = NOW.replace(year=NOW.year - 1)
        session.flush()

        service.expire_drafts(session, now=NOW)
        session.flush()

        assert documents(session) == [other]

    def test_files_to_a_question_that_is_not_asked_are_not_sent(
        self, session: Session
    ) -> None:
        draft = a_draft()
        ApplicationDocumentFactory.create(application=draft, question_key="gone")

        service.submit(session, draft, agrees_to_checks=True, now=NOW)
        session.flush()

        assert documents(session) == []


class TestReplies:
    def asked(self, session: Session) -> Application:
        application: Application = ApplicationFactory.create(waiting=True)
        ApplicationMessageFactory.create(application=application)
        session.flush()
        return application

    def reply(
        self, client: FlaskClient, application: Application, *sent: tuple[bytes, str]
    ) -> TestResponse:
        return client.post(
            f"/application/{application.reference}/reply",
            data={
                "text": "Here it is.",
                "files": [(BytesIO(content), name) for content, name in sent],
            },
            content_type="multipart/form-data",
        )

    def test_a_reply_brings_files_that_staff_see(
        self, session: Session, opened: Opened, sign_in: SignIn
    ) -> None:
        application = self.asked(session)
        client = opened(application)

        response = self.reply(client, application, (files.pdf(), "register.pdf"))

        assert response.status_code == 303
        [document] = documents(session)
        assert document.message_id is not None
        page = client.get(f"/application/{application.reference}").text
        assert "register.pdf" in page
        staff = sign_in(UserFactory.create(role=Role.REVIEWER))
        shown = staff.get(f"/admin/applications/{application.public_id}").text
        assert "register.pdf" in shown
        assert "with a reply" in shown

    def test_a_refused_file_holds_the_whole_reply_back(
        self, session: Session, opened: Opened
    ) -> None:
        application = self.asked(session)

        response = self.reply(
            opened(application), application, (files.pdf(), "a.pdf"), (b"MZ", "b.pdf")
        )

        assert response.status_code == 422
        assert "b.pdf: Send a PDF" in response.text
        assert "Here it is." in response.text
        assert documents(session) == []
        assert application.status is ApplicationStatus.INFO_REQUESTED

    def test_with_no_room_left_nothing_is_sent(
        self, session: Session, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        application = self.asked(session)
        monkeypatch.setattr(document_service, "MOST_DOCUMENTS", 0)

        response = self.reply(opened(application), application, (files.pdf(), "a.pdf"))

        assert response.status_code == 422
        assert "There is no room for one more." in response.text
        session.expire_all()
        assert application.status is ApplicationStatus.INFO_REQUESTED

    def test_a_reply_needs_no_file(self, session: Session, opened: Opened) -> None:
        application = self.asked(session)

        assert self.reply(opened(application), application).status_code == 303
        assert documents(session) == []


def test_adding_and_removing_is_on_record(session: Session) -> None:
    draft = a_draft()
    question = draft.definition.join.steps[-1].questions[0]

    document = service.answer_with_file(
        session, draft, question, FILE, name="a.png", now=NOW
    )
    session.flush()
    service.remove_file(session, draft, document.id, now=NOW)
    session.flush()

    query = select(AuditEvent.action).where(AuditEvent.subject_id == draft.id)
    assert set(session.scalars(query)) == {
        "application.document_added",
        "application.document_removed",
    }
