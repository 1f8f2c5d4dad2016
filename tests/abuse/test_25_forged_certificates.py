"""Nobody writes a certificate, and a revoked one shows no longer as good."""

import json
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.certification import badges, service
from portal.certification.models import Certificate
from portal.config import Settings
from portal.kit.clock import utc_now
from tests.conftest import SignIn
from tests.factories.certification import certified
from tests.factories.people import UserFactory

ALPHABET_BITS = 4.9  # 30 letters


@pytest.fixture
def certificate(session: Session) -> Certificate:
    return certified(session, utc_now())


def test_every_flipped_byte_of_payload_and_signature_is_rejected(
    certificate: Certificate, settings: Settings
) -> None:
    """Control: the badge itself, and one signed by another published key, are good."""
    badge, issuer = badges.badge(certificate, settings), badges.issuer(settings)
    older = replace(settings, badge_keys=settings.badge_keys[1:])
    payload = {name: part for name, part in badge.items() if name != "proof"}
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    raw = badges.from_base58(badge["proof"]["proofValue"][1:], 64)

    def accepted(changed: bytes, signature: bytes) -> bool:
        try:
            document = json.loads(changed)
        except ValueError:
            return False  # No JSON any more.
        if not isinstance(document, dict):
            return False
        value = "z" + badges.base58(signature)
        proof = {**badge["proof"], "proofValue": value}
        return badges.is_signed_by({**document, "proof": proof}, issuer)

    assert accepted(text, raw)
    assert badges.is_signed_by(badges.badge(certificate, older), issuer)
    flipped = [_flip(text, n) for n in range(len(text))]
    assert not any(accepted(one, raw) for one in flipped)
    assert not any(accepted(text, _flip(raw, n)) for n in range(len(raw)))
    stranger = replace(settings, badge_keys=("00" * 32,))
    assert not badges.is_signed_by(badges.badge(certificate, stranger), issuer)


def _flip(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 0x01
    return bytes(changed)


def test_a_number_has_more_than_128_random_bits() -> None:
    numbers = {service.new_number() for _ in range(500)}

    assert len(numbers) == 500
    for number in numbers:
        assert number.replace("-", "").isalnum()
        assert len(number.replace("-", "")) * ALPHABET_BITS > 128
    seen = set("".join(numbers)) - {"-"}
    assert len(seen) == 30  # every letter occurs: they are really drawn


def test_a_revocation_shows_within_the_next_request(
    certificate: Certificate, session: Session, client: FlaskClient, sign_in: SignIn
) -> None:
    path = f"/verify/{certificate.number}"
    before = client.get(path)
    badge = client.get(f"{path}/badge.json")

    sign_in(UserFactory.create(admin=True)).post(
        f"/admin/certifications/certificates/{certificate.public_id}/revoke",
        data={"reason": "Sat by somebody else"},
    )
    after = client.get(path)

    assert b"This certificate is valid" in before.data
    assert b"This certificate was revoked" in after.data
    assert b"This certificate is valid" not in after.data
    assert before.headers["Cache-Control"] == after.headers["Cache-Control"]
    assert after.headers["Cache-Control"] == "no-store"
    assert client.get(f"{path}/badge.json").status_code == 404
    listed = client.get("/verify/revoked").get_json()["revokedCredential"]
    assert badge.get_json()["id"] in [one["id"] for one in listed]
    event = session.scalars(
        select(AuditEvent).where(AuditEvent.action == "certificate.revoked")
    ).one()
    assert event.details["why"] == "Sat by somebody else"
