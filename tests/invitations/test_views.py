"""The pages of invitations: for whoever is invited, and for staff."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications.models import Application
from portal.invitations.models import Invitation, InvitationStatus
from portal.kit.clock import utc_now
from portal.mail.models import OutboxEmail
from portal.programs import service as programs
from portal.programs.definition import ProgramDefinition
from portal.programs.queries import by_key
from tests.conftest import CountQueries, SignIn
from tests.factories.invitations import InvitationFactory
from tests.factories.people import UserFactory
from tests.programs.definitions import MONDAY, changed

PRIVATE = "salesforce-private-referral"
DAY = timedelta(days=1)


def publish(session: Session, definition: ProgramDefinition) -> None:
    programs.publish(
        session,
        definition,
        actor=None,
        effective_from=utc_now() - DAY,
        now=utc_now(),
    )
    session.flush()


@pytest.fixture
def private(session: Session) -> str:
    """The id of a program that nobody finds."""
    publish(session, changed(PRIVATE))
    return by_key(session, PRIVATE).public_id


@pytest.fixture
def reviewer(session: Session, sign_in: SignIn) -> FlaskClient:
    del session
    return sign_in(UserFactory.create(reviewer=True, name="Rae Reviewer"))


def invite(reviewer: FlaskClient, program: str, **parts: str) -> None:
    data = {"program": program, "email": "mina@hanbit.example", "days": "30"} | parts
    answer = reviewer.post("/admin/invitations/new", data=data)
    assert answer.status_code == 303


def address_in_mail(session: Session) -> str:
    session.expire_all()
    mail = session.scalars(
        select(OutboxEmail).where(OutboxEmail.template == "invitations/invited")
    ).all()[-1]
    path: str = mail.context["secret_path"]
    return path


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


class TestBeingInvited:
    def test_the_link_leads_through_the_address_to_the_application(
        self,
        session: Session,
        client: FlaskClient,
        reviewer: FlaskClient,
        private: str,
    ) -> None:
        invite(reviewer, private, company="Hanbit Digital", note="See you\nthere")
        link = address_in_mail(session)

        page = client.get(link)
        assert "Rae Reviewer invites you" in plain(page.text)
        assert page.headers["Referrer-Policy"] == "no-referrer"
        session.expire_all()
        invitation = session.scalars(select(Invitation)).one()
        assert invitation.status is InvitationStatus.OPENED

        wrong = client.post(link, data={"email": "eve@hanbit.example"})
        assert wrong.status_code == 422
        assert "This invitation is not for this address" in plain(wrong.text)

        answer = client.post(link, data={"email": "Mina@Hanbit.example"})
        assert answer.status_code == 303
        application = session.scalars(select(Application)).one()
        assert answer.location.endswith(f"/apply/{application.reference}")
        assert client.get(answer.location).status_code == 200

    def test_another_browser_gets_the_way_back_by_mail_only(
        self,
        session: Session,
        client: FlaskClient,
        reviewer: FlaskClient,
        private: str,
    ) -> None:
        invite(reviewer, private)
        link = address_in_mail(session)
        reviewer.post(link, data={"email": "mina@hanbit.example"})

        assert "has been used" in plain(client.get(link).text)
        again = client.post(link, data={"email": "mina@hanbit.example"})

        assert again.status_code == 200
        assert "Check your mail" in again.text
        reference = session.scalars(select(Application.reference)).one()
        assert reference not in again.text
        assert client.get(f"/apply/{reference}").status_code == 404

    def test_an_empty_address_is_asked_for_again(
        self,
        session: Session,
        client: FlaskClient,
        reviewer: FlaskClient,
        private: str,
    ) -> None:
        invite(reviewer, private)

        answer = client.post(address_in_mail(session), data={"email": " "})

        assert answer.status_code == 422
        assert "Enter your e-mail address." in answer.text

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_link_that_was_taken_back_is_like_one_that_never_was(
        self, client: FlaskClient, session: Session, method: str
    ) -> None:
        revoked = InvitationFactory.create(
            token="r" * 43, status=InvitationStatus.REVOKED, expires_at=utc_now() + DAY
        )
        session.flush()
        data = {"data": {"email": revoked.email}} if method == "post" else {}

        known = getattr(client, method)(f"/invitations/{'r' * 43}", **data)
        unknown = getattr(client, method)(f"/invitations/{'u' * 43}", **data)

        assert known.status_code == unknown.status_code == 404
        assert _without_nonces(known.text) == _without_nonces(unknown.text)

    def test_one_that_has_expired_says_so(
        self, client: FlaskClient, session: Session
    ) -> None:
        InvitationFactory.create(token="e" * 43)
        session.flush()

        page = client.get(f"/invitations/{'e' * 43}")

        assert page.status_code == 410
        assert "This invitation has expired" in page.text


def _without_nonces(html: str) -> str:
    html = re.sub(r'(value|content|nonce)="[^"]{20,}"', "", html)
    return html.replace("u" * 43, "").replace("r" * 43, "")


def _bare(html: str, slug: str) -> str:
    """The page without what was asked for, and without the number of the request."""
    html = re.sub(r"<code>.*?</code>", "", html.replace(slug, ""))
    return _without_nonces(html)


def test_a_program_by_invitation_is_invisible_to_others(
    session: Session, client: FlaskClient, private: str
) -> None:
    del private
    publish(session, changed(MONDAY))
    publish(session, changed(name="Unlisted One", key="quiet", visibility="unlisted"))
    secret = changed(PRIVATE)

    for page in ("/", "/sitemap.xml", "/robots.txt", "/programs/nowhere"):
        text = client.get(page).text
        assert secret.name not in text
        assert secret.key not in text
        assert "quiet" not in text
    for method in ("get", "post"):
        for address in ("/programs/{}", "/apply/{}"):
            known = getattr(client, method)(address.format(PRIVATE))
            unknown = getattr(client, method)(address.format("nowhere"))
            assert known.status_code == unknown.status_code
            assert known.status_code in (404, 405)
            assert _bare(known.text, PRIVATE) == _bare(unknown.text, "nowhere")
    assert client.get("/programs/quiet").status_code == 200


def test_search_engines_are_told_of_public_programs_only(
    session: Session, client: FlaskClient
) -> None:
    publish(session, changed(MONDAY))

    sitemap, robots = client.get("/sitemap.xml"), client.get("/robots.txt")

    assert sitemap.content_type.startswith("application/xml")
    assert re.findall(r"<loc>(.*?)</loc>", sitemap.text) == [
        "http://localhost/",
        f"http://localhost/programs/{MONDAY}",
    ]
    assert "Disallow: /invitations\n" in robots.text
    assert robots.text.endswith("Sitemap: http://localhost/sitemap.xml\n")


class TestForStaff:
    def test_the_list_says_what_became_of_each(
        self, session: Session, reviewer: FlaskClient, private: str
    ) -> None:
        assert "Nobody is invited yet" in reviewer.get("/admin/invitations").text
        invite(reviewer, private, name="Mina Park")
        InvitationFactory.create(email="late@guest.example")
        session.flush()

        page = plain(reviewer.get("/admin/invitations").text)
        assert "Mina Park" in page
        assert "Expired (1)" in page
        assert "Sent (1)" in page

        def shown(query: str) -> set[str]:
            text = reviewer.get(f"/admin/invitations?{query}").text
            return set(re.findall(r"(?:mina|late)@[a-z.]+", text))

        assert shown("state=expired") == {"late@guest.example"}
        assert shown("state=sent") == {"mina@hanbit.example"}
        assert shown("q=PARK") == {"mina@hanbit.example"}
        assert shown(f"program={private}") == {"mina@hanbit.example"}
        assert "Nothing matches" in reviewer.get("/admin/invitations?q=100%25_").text
        assert len(shown("state=nonsense&program=nonsense")) == 2

    def test_it_can_be_sent_again_and_taken_back(
        self, session: Session, reviewer: FlaskClient, private: str
    ) -> None:
        invite(reviewer, private)
        invitation = session.scalars(select(Invitation)).one()
        address = f"/admin/invitations/{invitation.public_id}"

        def press(verb: str) -> str:
            answer = reviewer.post(f"{address}/{verb}", follow_redirects=True)
            return plain(answer.text)

        assert "on its way again" in press("resend")
        assert "Too many tries" in press("resend")
        assert "is taken back" in press("revoke")
        assert "was taken back already" in press("revoke")
        assert "was taken back already" in press("resend")

    def test_what_is_wrong_is_said_beside_the_field(
        self, reviewer: FlaskClient, private: str
    ) -> None:
        invite(reviewer, private)

        def refused(**parts: str) -> str:
            data = {"program": private, "email": "x@y.example", "days": "30"} | parts
            answer = reviewer.post("/admin/invitations/new", data=data)
            assert answer.status_code == 422
            return plain(answer.text)

        assert "is invited already" in refused(email="mina@hanbit.example")
        assert "Enter an e-mail address" in refused(email="nobody")
        assert "from 1 to 180" in refused(days="181")
        assert "characters we cannot show" in refused(name="bell \x07")
        assert "characters we cannot show" in refused(company="bell \x07")
        assert "characters we cannot show" in refused(note="bell \x07")
        assert "Not a valid choice" in refused(program="pgm_nonsense")

    def test_an_address_with_enough_mails_is_named(
        self, session: Session, reviewer: FlaskClient, private: str
    ) -> None:
        for _ in range(2):
            invite(reviewer, private)
            invitation = session.scalars(
                select(Invitation).where(Invitation.status != InvitationStatus.REVOKED)
            ).one()
            reviewer.post(f"/admin/invitations/{invitation.public_id}/revoke")
            session.expire_all()

        data = {"program": private, "email": "mina@hanbit.example", "days": "30"}
        answer = reviewer.post("/admin/invitations/new", data=data)

        assert answer.status_code == 422
        assert "Too many tries" in answer.text

    def test_the_file_has_what_the_list_has(
        self, session: Session, reviewer: FlaskClient, private: str
    ) -> None:
        invite(reviewer, private, name="=HYPERLINK()")
        link = address_in_mail(session)
        reviewer.post(link, data={"email": "mina@hanbit.example"})

        text = reviewer.get("/admin/invitations.csv").text
        head, row = text.strip().split("\r\n")

        assert head.startswith("invitation,program,email,name")
        assert PRIVATE in row
        assert "'=HYPERLINK()" in row
        assert ",used," in row

    def test_the_list_costs_the_same_however_long_it_is(
        self,
        session: Session,
        reviewer: FlaskClient,
        private: str,
        count_queries: CountQueries,
    ) -> None:
        del private
        InvitationFactory.create()
        session.flush()
        with count_queries() as few:
            reviewer.get("/admin/invitations")
        InvitationFactory.create_batch(5)
        session.flush()
        with count_queries() as many:
            reviewer.get("/admin/invitations")

        assert len(few) == len(many)


class TestInvitingMany:
    TABLE = "email,name\na@x.example,Ana\nnonsense,\nb@x.example,Bo\n"

    def test_a_trial_sends_nothing_and_the_rest_is_sent_when_asked(
        self, session: Session, reviewer: FlaskClient, private: str
    ) -> None:
        data = {"program": private, "days": "14", "text": self.TABLE}
        address = "/admin/invitations/import"
        assert "Try it" in reviewer.get(address).text

        tried = reviewer.post(address, data=data | {"try": "1"})
        assert tried.status_code == 200
        text = plain(tried.text)
        assert "2 people would be invited. 1 line invites nobody." in text
        assert "Line 3 nonsense Enter an e-mail address" in text
        assert session.scalars(select(Invitation)).all() == []

        file = reviewer.post(address, data=data | {"problems": "1"})
        assert file.text.splitlines()[0] == "line,email,problem"
        assert file.text.splitlines()[1].startswith("3,nonsense,")

        sent = reviewer.post(address, data=data | {"send": "1"}, follow_redirects=True)
        assert "2 invitations are on their way." in sent.text
        again = reviewer.post(address, data=data | {"send": "1"})
        assert "0 people would be invited. 3 lines invite nobody." in plain(again.text)
        assert len(session.scalars(select(Invitation)).all()) == 2

    def test_a_file_goes_before_what_was_pasted(
        self, reviewer: FlaskClient, private: str
    ) -> None:
        data = {"program": private, "days": "14", "text": "email\n"}
        upload = (BytesIO(self.TABLE.encode()), "people.csv")

        tried = reviewer.post(
            "/admin/invitations/import", data=data | {"file": upload, "try": "1"}
        )

        assert "2 people would be invited" in plain(tried.text)

    def test_a_file_that_is_none_is_refused_beside_its_field(
        self, reviewer: FlaskClient, private: str
    ) -> None:
        data = {"program": private, "days": "14"}
        upload = (BytesIO(b"email\n\xff\n"), "people.csv")

        tried = reviewer.post(
            "/admin/invitations/import", data=data | {"file": upload, "try": "1"}
        )
        empty = reviewer.post("/admin/invitations/import", data=data | {"try": "1"})

        assert tried.status_code == empty.status_code == 422
        assert "save the file as UTF-8 text" in tried.text
        assert "There is nobody in this table" in empty.text
