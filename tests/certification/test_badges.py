"""Certificates as files: the signature cannot be forged, and keys can be changed."""

import json
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy.orm import Session

from portal.certification import badges, documents
from portal.certification.models import Certificate, Certification
from portal.config import Settings
from portal.kit.clock import utc_now
from portal.kit.ids import new_id
from portal.partners.models import Partner
from tests.conftest import SignIn
from tests.factories.base_factory import NOW
from tests.factories.certification import certified
from tests.factories.people import PartnerMemberFactory

SETTINGS = Settings(secret_key="x" * 32, badge_keys=("4b" * 32,))
ISSUER = badges.issuer(SETTINGS)
W3C_CREDENTIAL = {
    "@context": [
        "https://www.w3.org/ns/credentials/v2",
        "https://www.w3.org/ns/credentials/examples/v2",
    ],
    "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
    "type": ["VerifiableCredential", "AlumniCredential"],
    "name": "Alumni Credential",
    "description": "A minimum viable example of an Alumni Credential.",
    "issuer": "https://vc.example/issuers/5678",
    "validFrom": "2023-01-01T00:00:00Z",
    "credentialSubject": {
        "id": "did:example:abcdefgh",
        "alumniOf": "The School of Examples",
    },
}
W3C_SECRET = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq"
W3C_PUBLIC = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
W3C_PROOF = (
    "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJd"
    "cnTMuVor51aX"
)


def a_certificate(holder: str = "Ana Müller") -> Certificate:
    return Certificate(
        id=new_id(),
        number="7KQ2-M3XA-P9TR-WZ4C",
        holder_name=holder,
        issued_at=NOW,
        expires_at=NOW.replace(year=2027),
        certification=Certification(
            id=new_id(), key="k", title="Solutions partner", summary="Knows how."
        ),
        partner=Partner(name="Hanbit & Söhne"),
    )


def test_the_example_of_the_w3c_comes_out_to_the_letter() -> None:
    raw = badges.from_base58(W3C_SECRET[1:], 34)
    key = Ed25519PrivateKey.from_private_bytes(raw[2:])
    method = f"did:key:{W3C_PUBLIC}#{W3C_PUBLIC}"

    signed = badges.signed(
        W3C_CREDENTIAL, key, method=method, created="2023-02-24T23:36:38Z"
    )

    assert badges.multikey(key.public_key()) == W3C_PUBLIC
    assert signed["proof"]["proofValue"] == W3C_PROOF


def test_a_badge_names_holder_exam_and_times_and_no_address() -> None:
    certificate = a_certificate()

    badge = badges.badge(certificate, SETTINGS)

    subject = badge["credentialSubject"]
    assert badge["type"] == ["VerifiableCredential", "OpenBadgeCredential"]
    assert (badge["validFrom"], badge["validUntil"]) == (
        "2026-03-01T09:00:00Z",
        "2027-03-01T09:00:00Z",
    )
    assert subject["identifier"][0]["identityHash"] == "Ana Müller"
    assert subject["achievement"]["name"] == "Solutions partner"
    assert "@" not in json.dumps(badge).replace("@context", "")
    assert badge == badges.badge(certificate, SETTINGS)
    assert badges.is_signed_by(badge, ISSUER)


def test_no_byte_of_a_badge_can_be_changed() -> None:
    badge = badges.badge(a_certificate(), SETTINGS)
    text = json.dumps(badge, ensure_ascii=False, separators=(",", ":")).encode()

    def accepted(changed: bytes) -> bool:
        try:
            document = json.loads(changed)
        except ValueError:
            return False
        return badges.is_signed_by(document, ISSUER)

    assert accepted(text)
    for position, byte in enumerate(text):
        for mask in (0x01, 0x20) if position > len(text) // 2 else (0x01,):
            changed = bytearray(text)
            changed[position] = byte ^ mask
            assert not accepted(bytes(changed)), changed[position - 20 : position + 20]


@pytest.mark.parametrize(
    "change",
    [
        {"proofValue": None},
        {"proofValue": "z" + "1" * 90},
        {"proofValue": "z" + "z" * 90},
        {"cryptosuite": "none"},
        {"type": "Ed25519Signature2020"},
        {"proofPurpose": "authentication"},
        {"@context": []},
        {"verificationMethod": "https://evil.example/issuer#key"},
    ],
)
def test_a_proof_of_another_kind_is_no_proof(change: dict[str, object]) -> None:
    badge = badges.badge(a_certificate(), SETTINGS)

    badge["proof"] |= change

    assert not badges.is_signed_by(badge, ISSUER)


@pytest.mark.parametrize("document", [None, [], {}, {"proof": 1}, {"proof": {}}])
def test_what_is_no_badge_is_refused(document: object) -> None:
    assert not badges.is_signed_by(document, ISSUER)


def test_somebody_elses_key_does_not_sign_for_the_issuer() -> None:
    forged = badges.badge(a_certificate(), replace(SETTINGS, badge_keys=("66" * 32,)))

    assert not badges.is_signed_by(forged, ISSUER)


def test_a_badge_outlives_a_change_of_keys_as_long_as_its_key_is_published() -> None:
    badge = badges.badge(a_certificate(), SETTINGS)
    rotated = replace(SETTINGS, badge_keys=("77" * 32, "4b" * 32))
    dropped = replace(SETTINGS, badge_keys=("77" * 32,))

    assert badges.is_signed_by(badge, badges.issuer(rotated))
    assert not badges.is_signed_by(badge, badges.issuer(dropped))


def test_linkedin_gets_name_dates_and_the_public_page() -> None:
    asked = parse_qs(urlsplit(badges.linkedin_url(a_certificate(), SETTINGS)).query)

    assert asked["name"] == ["Solutions partner"]
    assert asked["expirationYear"] == ["2027"]
    assert asked["certUrl"] == ["http://localhost:8000/verify/7KQ2-M3XA-P9TR-WZ4C"]


def test_the_paper_says_the_same_each_time() -> None:
    certificate, address = a_certificate(), "https://p.example/verify/7KQ2"

    pdf = documents.render(certificate, "Acme", address)

    text = PdfReader(BytesIO(pdf)).pages[0].extract_text()
    for part in ("Ana Müller", "Hanbit & Söhne", "Solutions partner", "1 March 2027"):
        assert part in text
    assert pdf == documents.render(certificate, "Acme", address)


def test_a_name_in_any_script_gets_a_paper() -> None:
    assert documents.render(a_certificate("김지우"), "Acme", "x").startswith(b"%PDF")


class TestPages:
    @pytest.fixture
    def certificate(self, session: Session) -> Certificate:
        return certified(session, utc_now())

    def test_the_holder_finds_files_and_linkedin(
        self, certificate: Certificate, session: Session, sign_in: SignIn
    ) -> None:
        path = f"/app/certifications/certificates/{certificate.public_id}"
        client = sign_in(certificate.attempt.user)

        page = client.get(path).get_data(as_text=True)
        paper = client.get(f"{path}.pdf")
        certificate.expires_at = utc_now() + timedelta(days=3)
        session.flush()
        late = client.get(path).get_data(as_text=True)

        assert "linkedin.com/profile/add" in page
        assert paper.mimetype == "application/pdf"
        assert paper.data.startswith(b"%PDF")
        assert ("Renew it now" in page, "Renew it now" in late) == (False, True)

    def test_colleagues_get_the_paper_and_others_nothing(
        self, certificate: Certificate, sign_in: SignIn
    ) -> None:
        path = f"/app/certifications/certificates/{certificate.public_id}"
        colleague = PartnerMemberFactory.create(partner=certificate.partner).user
        stranger = PartnerMemberFactory.create().user

        page = sign_in(colleague).get(path)

        assert page.status_code == 200
        assert b"linkedin.com" not in page.data
        for suffix in ("", ".pdf"):
            assert sign_in(stranger).get(f"{path}{suffix}").status_code == 404

    def test_the_public_badge_is_signed_by_the_public_issuer(
        self, certificate: Certificate, client: FlaskClient
    ) -> None:
        answer = client.get(f"/verify/{certificate.number.lower()}/badge.json")
        issuer = client.get("/verify/issuer").get_json()

        assert len(issuer["verificationMethod"]) == 2
        assert answer.get_json()["id"] == f"urn:uuid:{certificate.id}"
        assert badges.is_signed_by(answer.get_json(), issuer)

    def test_revoking_takes_the_files_away_at_once(
        self,
        certificate: Certificate,
        session: Session,
        client: FlaskClient,
        sign_in: SignIn,
    ) -> None:
        before = client.get("/verify/revoked").get_json()["revokedCredential"]
        certificate.revoked_at = utc_now()
        certificate.revocation_reason = "Sat by somebody else"
        session.flush()

        after = client.get("/verify/revoked").get_json()["revokedCredential"]
        path = f"/app/certifications/certificates/{certificate.public_id}"
        page = sign_in(certificate.attempt.user).get(path)

        assert before == []
        assert after == [{"id": f"urn:uuid:{certificate.id}", "revoked": True}]
        assert client.get(f"/verify/{certificate.number}/badge.json").status_code == 404
        assert sign_in(certificate.attempt.user).get(f"{path}.pdf").status_code == 404
        assert b"Sat by somebody else" in page.data
        assert b"Download certificate" not in page.data
        public = client.get(f"/verify/{certificate.number}")
        assert b"Sat by somebody else" not in public.data
        assert public.headers["Cache-Control"] == "no-store"

    def test_numbers_cannot_be_tried_at_the_files(
        self, certificate: Certificate, client: FlaskClient
    ) -> None:
        real, made_up = certificate.number, "AAAA-AAAA-AAAA-AAAA"
        codes = [client.get(f"/verify/{n}/qr.svg") for n in (real, made_up)]

        assert [code.status_code for code in codes] == [200, 200]
        assert {code.mimetype for code in codes} == {"image/svg+xml"}
        assert client.get(f"/verify/{made_up}/badge.json").status_code == 404
        assert client.get(f"/verify/{'A' * 3_000}/qr.svg").status_code == 200
