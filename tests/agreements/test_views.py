from io import BytesIO

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.agreements import queries
from portal.agreements.models import AgreementSignature
from portal.enrollments.models import Enrollment
from portal.kit.clock import utc_now
from portal.programs.documents import preset
from tests.agreements.signing import (
    DAY,
    NEW_TEXT,
    definition_with,
    first_version,
    next_version,
    signed,
    text_to_sign,
)
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.factories.people import PartnerMemberFactory
from tests.factories.programs import EnrollmentFactory

BROWSER = {"User-Agent": "Firefox"}


@pytest.fixture
def enrollment(session: Session) -> Enrollment:
    del session
    joined: Enrollment = EnrollmentFactory.create(
        version=first_version(), partner__name="Blue Fern"
    )
    return joined


@pytest.fixture
def owner(sign_in: SignIn, enrollment: Enrollment) -> FlaskClient:
    return sign_in(member_of(enrollment))


def member_of(enrollment: Enrollment, role: Role = Role.PARTNER_OWNER) -> User:
    user: User = PartnerMemberFactory.create(
        partner=enrollment.partner, user__role=role, user__name="Mina Park"
    ).user
    return user


def address(enrollment: Enrollment) -> str:
    return f"/app/programs/{enrollment.public_id}/agreement"


def asked_again(
    session: Session, enrollment: Enrollment, *, begins_in: int, days: int | None = 30
) -> None:
    """Sign the first text; the second one begins so many days from today."""
    signed(session, enrollment)
    next_version(
        enrollment.version.program,
        2,
        definition_with("2026-02", NEW_TEXT, within_days=days),
        effective_from=utc_now() + begins_in * DAY,
    )
    session.flush()


class TestSigning:
    def test_an_owner_reads_and_accepts(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        page = owner.get(address(enrollment)).text
        assert "<h2>Terms</h2>" in page
        assert "Accept the agreement" in page
        assert "What changed" not in page

        response = owner.post(
            address(enrollment),
            data={"accept": "y", "sha256": text_to_sign(session, enrollment)},
            headers=BROWSER,
        )

        assert response.location == "/app/programs"
        page = owner.get(address(enrollment)).text
        assert "Your company has accepted this version." in page
        assert "Mina Park" in page
        assert "Accept the agreement" not in page
        [signature] = queries.signatures(session, enrollment.id)
        assert signature.remote_address == "127.0.0.1"
        assert signature.user_agent == "Firefox"
        assert signature.language == "en"
        assert signature.issuer_name == "Acme"

    def test_the_box_must_be_ticked(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        response = owner.post(address(enrollment))

        assert response.status_code == 422
        assert "Tick the box to accept the agreement." in response.text
        assert queries.signatures(session, enrollment.id) == []

    def test_a_double_click_is_harmless(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        form = {"accept": "y", "sha256": text_to_sign(session, enrollment)}

        answers = [
            owner.post(address(enrollment), data=form, follow_redirects=True)
            for _ in range(2)
        ]

        assert "The agreement is accepted." in answers[0].text
        assert "has accepted this agreement already" in answers[1].text
        assert len(queries.signatures(session, enrollment.id)) == 1

    def test_what_was_not_shown_is_not_signed(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        form = {"accept": "y", "sha256": "0" * 64}

        response = owner.post(address(enrollment), data=form)

        assert response.location == address(enrollment)
        assert "Read it again, then accept it." in owner.get(address(enrollment)).text
        assert queries.signatures(session, enrollment.id) == []

    @pytest.mark.parametrize(
        "role", [Role.PARTNER_FINANCE, Role.PARTNER_MARKETER, Role.PARTNER_VIEWER]
    )
    def test_only_owners_accept(
        self, sign_in: SignIn, enrollment: Enrollment, role: Role
    ) -> None:
        client = sign_in(member_of(enrollment, role))

        page = client.get(address(enrollment))

        assert "Only an owner of your company" in page.text
        assert client.post(address(enrollment), data={"accept": "y"}).status_code == 403

    def test_tags_in_the_text_are_shown_and_not_obeyed(
        self, session: Session, sign_in: SignIn
    ) -> None:
        del session
        text = "# Hi\n\n<script>alert(1)</script>"
        version = first_version(definition_json=definition_with("2026-01", text))
        enrollment = EnrollmentFactory.create(version=version)

        page = sign_in(member_of(enrollment)).get(address(enrollment)).text

        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page

    def test_a_program_without_one_has_no_such_page(
        self, session: Session, sign_in: SignIn
    ) -> None:
        del session
        definition = preset("hubspot-solutions-partner").model_dump(mode="json")
        definition["agreement"] = None
        definition["gates"] = [
            gate for gate in definition["gates"] if gate["kind"] != "agreement"
        ]
        enrollment = EnrollmentFactory.create(version__definition_json=definition)
        client = sign_in(member_of(enrollment))

        assert client.get(address(enrollment)).status_code == 404
        posted = client.post(
            address(enrollment), data={"accept": "y"}, follow_redirects=True
        )
        assert "This program has no agreement to accept." in posted.text


class TestNewVersions:
    def test_what_changed_is_said_for_eyes_and_ears(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        asked_again(session, enrollment, begins_in=10)

        page = owner.get(address(enrollment)).text

        assert "What changed since version 2026-01, which your company accepted" in page
        assert '<del><span class="vh">Removed: </span>20%' in page
        assert '<ins><span class="vh">Added: </span>15%' in page
        assert "Be kind." in page
        assert "Please accept this new version by" in page
        assert "After that day, you cannot: get your link, earn commission" in page
        assert "You can accept it already." in page

    def test_after_the_date_it_says_what_is_shut(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        asked_again(session, enrollment, begins_in=-50)

        page = owner.get(address(enrollment)).text

        assert "The last day to accept this version was" in page
        assert "nothing that you earned is lost" in page
        assert "Accept the agreement" in page

    def test_a_version_that_asks_nothing_may_be_accepted(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        asked_again(session, enrollment, begins_in=-5, days=None)

        page = owner.get(address(enrollment)).text

        assert "What your company has accepted stays good." in page
        assert "Accept the agreement" in page


class TestKept:
    def test_what_was_signed_is_shown_for_ever_as_it_was(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        asked_again(session, enrollment, begins_in=-5)
        [signature] = queries.signatures(session, enrollment.id)

        page = owner.get(f"/app/agreements/{signature.public_id}").text

        assert "You get 20% of each sale." in page
        assert signature.text_sha256 in page
        assert "192.0.2.1" in page
        assert "Partner owner" in page

    def test_the_pdf_says_what_is_on_record(
        self, session: Session, owner: FlaskClient, enrollment: Enrollment
    ) -> None:
        signature = signed(session, enrollment)

        response = owner.get(f"/app/agreements/{signature.public_id}.pdf")

        assert response.mimetype == "application/pdf"
        assert (
            "agreement-2026-01-blue-fern.pdf"
            in (response.headers["Content-Disposition"])
        )
        pages = PdfReader(BytesIO(response.data)).pages
        text = " ".join(" ".join(page.extract_text() for page in pages).split())
        for said in (
            "Partner terms",
            "Version 2026-01",
            "Between Acme",
            "and the partner Blue Fern",
            "You get 20% of each sale.",
            "By Mina Park",
            "1 March 2026, 09:00:00 UTC",
            "192.0.2.1",
            signature.public_id,
        ):
            assert said in text
        stored = session.scalar(
            select(AgreementSignature.text_sha256).where(
                AgreementSignature.id == signature.id
            )
        )
        assert f"SHA-256 of the exact text {stored}" in text

    def test_other_partners_agreements_are_not_there(
        self, session: Session, sign_in: SignIn, enrollment: Enrollment
    ) -> None:
        signature = signed(session, enrollment, now=NOW)
        client = sign_in(PartnerMemberFactory.create().user)

        for path in (
            address(enrollment),
            f"/app/agreements/{signature.public_id}",
            f"/app/agreements/{signature.public_id}.pdf",
        ):
            assert client.get(path).status_code == 404
        assert client.post(address(enrollment), data={"accept": "y"}).status_code == 404
