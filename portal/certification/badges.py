"""Certificates as Open Badges 3.0, signed so that nobody can write one.

A badge is a verifiable credential with a Data Integrity proof of the W3C suite
`eddsa-jcs-2022`: canonical JSON (RFC 8785), hashed with SHA-256, signed with Ed25519.
The public keys stand in the issuer's profile, under names that hold the key itself;
signing with a newer key therefore leaves badges of an older one good.

Pure: a badge is made from a certificate and the settings, each time the same bytes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from portal.certification.models import Certificate
from portal.config import Settings

CREDENTIALS = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
CONTROLLED_ID = "https://www.w3.org/ns/cid/v1"
SUITE = "eddsa-jcs-2022"

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MULTIBASE = "z"
_ED25519_PUBLIC = b"\xed\x01"
_SIGNATURE_BYTES = 64

Json = dict[str, Any]


def base58(data: bytes) -> str:
    """Return bytes in base 58 as Bitcoin writes it."""
    value, letters = int.from_bytes(data, "big"), []
    while value:
        value, rest = divmod(value, 58)
        letters.append(_BASE58[rest])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return _BASE58[0] * zeros + "".join(reversed(letters))


def from_base58(text: str, length: int) -> bytes:
    """Return `length` bytes written in base 58.

    Raises:
        ValueError: It is not that.
    """
    value = 0
    for letter in text:
        value = value * 58 + _BASE58.index(letter)
    try:
        data = value.to_bytes(length, "big")
    except OverflowError as error:
        raise ValueError("too long") from error
    if base58(data) != text:
        raise ValueError("not the one way to write it")
    return data


def private_key(seed: str) -> Ed25519PrivateKey:
    """Return the key of a setting: 32 bytes in hexadecimal digits."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def multikey(key: Ed25519PublicKey) -> str:
    """Return a public key as it is published."""
    return _MULTIBASE + base58(_ED25519_PUBLIC + key.public_bytes_raw())


def issuer_id(settings: Settings) -> str:
    """Return the address of the issuer's profile."""
    return f"{settings.base_url}/verify/issuer"


def issuer(settings: Settings) -> Json:
    """Return the issuer's profile with every key that may have signed a badge."""
    address = issuer_id(settings)
    keys = [multikey(private_key(seed).public_key()) for seed in settings.badge_keys]
    return {
        "@context": [CREDENTIALS, OPEN_BADGES, CONTROLLED_ID],
        "id": address,
        "type": ["Profile"],
        "name": settings.org_name,
        "url": settings.vendor_url,
        "verificationMethod": [
            {
                "id": f"{address}#{key}",
                "type": "Multikey",
                "controller": address,
                "publicKeyMultibase": key,
            }
            for key in keys
        ],
        "assertionMethod": [f"{address}#{key}" for key in keys],
    }


def revocations(settings: Settings, revoked: Sequence[Certificate]) -> Json:
    """Return which badges must not be relied on. Their numbers are not in it."""
    return {
        "id": _revocations_id(settings),
        "issuer": issuer_id(settings),
        "revokedCredential": [
            {"id": _credential_id(certificate), "revoked": True}
            for certificate in revoked
        ],
    }


def badge(certificate: Certificate, settings: Settings) -> Json:
    """Return a certificate as a signed Open Badge.

    Args:
        certificate: The certificate with its certification.
        settings: The portal's, with at least one key.
    """
    key = private_key(settings.badge_keys[0])
    return signed(
        _credential(certificate, settings),
        key,
        method=f"{issuer_id(settings)}#{multikey(key.public_key())}",
        created=_moment(certificate.issued_at),
    )


def _credential(certificate: Certificate, settings: Settings) -> Json:
    exam = certificate.certification
    return {
        "@context": [CREDENTIALS, OPEN_BADGES],
        "id": _credential_id(certificate),
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": exam.title,
        "issuer": {
            "id": issuer_id(settings),
            "type": ["Profile"],
            "name": settings.org_name,
            "url": settings.vendor_url,
        },
        "validFrom": _moment(certificate.issued_at),
        "validUntil": _moment(certificate.expires_at),
        "credentialStatus": {
            "id": _revocations_id(settings),
            "type": "1EdTechRevocationList",
        },
        "credentialSubject": {
            "type": ["AchievementSubject"],
            "identifier": [_identity(certificate)],
            "licenseNumber": certificate.number,
            "achievement": {
                "id": f"urn:uuid:{exam.id}",
                "type": ["Achievement"],
                "achievementType": "Certification",
                "name": exam.title,
                "description": exam.summary,
                "criteria": {"narrative": f"Passed an exam: {exam.summary}"},
            },
        },
    }


def _identity(certificate: Certificate) -> Json:
    """Return who holds the badge: the name, or only a hash by which to check one."""
    identity = {"type": "IdentityObject", "identityType": "name"}
    if not certificate.hides_holder:
        return {**identity, "hashed": False, "identityHash": certificate.holder_name}
    salt = certificate.id.hex
    told = hashlib.sha256(f"{certificate.holder_name}{salt}".encode()).hexdigest()
    return {
        **identity,
        "hashed": True,
        "identityHash": f"sha256${told}",
        "salt": salt,
    }


def signed(
    document: Mapping[str, Any], key: Ed25519PrivateKey, *, method: str, created: str
) -> Json:
    """Return a document with its proof.

    Args:
        document: The document, without a proof.
        key: The key that signs.
        method: Where its public half is published.
        created: When it was signed.
    """
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "created": created,
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
        "@context": document["@context"],
    }
    signature = key.sign(_to_sign(document, proof))
    return {
        **document,
        "proof": {**proof, "proofValue": _MULTIBASE + base58(signature)},
    }


def is_signed_by(document: Any, profile: Mapping[str, Any]) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether a document is unchanged since the owner of `profile` signed it.

    It says nothing about expiry and revocation.
    """
    try:
        content = dict(document)
        proof = dict(content.pop("proof"))
        value = proof.pop("proofValue")
        key = _key_of(profile, proof["verificationMethod"])
        if (
            proof["type"] != "DataIntegrityProof"
            or proof["cryptosuite"] != SUITE
            or proof["proofPurpose"] != "assertionMethod"
            or proof.get("@context") != content["@context"]
            or value[:1] != _MULTIBASE
        ):
            return False
        signature = from_base58(value[1:], _SIGNATURE_BYTES)
        key.verify(signature, _to_sign(content, proof))
    except (
        InvalidSignature,
        KeyError,
        TypeError,
        ValueError,
        rfc8785.CanonicalizationError,
    ):
        return False
    return True


def _key_of(profile: Mapping[str, Any], method: str) -> Ed25519PublicKey:
    if method not in profile["assertionMethod"]:
        raise KeyError(method)
    published = {one["id"]: one for one in profile["verificationMethod"]}
    text: str = published[method]["publicKeyMultibase"]
    raw = from_base58(text[1:], len(_ED25519_PUBLIC) + 32)
    return Ed25519PublicKey.from_public_bytes(raw.removeprefix(_ED25519_PUBLIC))


def _to_sign(document: Mapping[str, Any], proof: Mapping[str, Any]) -> bytes:
    return _hash(proof) + _hash(document)


def _hash(part: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(rfc8785.dumps(dict(part))).digest()


def _credential_id(certificate: Certificate) -> str:
    return f"urn:uuid:{certificate.id}"


def _revocations_id(settings: Settings) -> str:
    return f"{settings.base_url}/verify/revoked"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def verify_url(number: str, settings: Settings) -> str:
    """Return the public page that says what a certificate is worth."""
    return f"{settings.base_url}/verify/{number}"


def linkedin_url(certificate: Certificate, settings: Settings) -> str:
    """Return LinkedIn's page on which the holder adds the certificate."""
    issued, expires = certificate.issued_at, certificate.expires_at
    fields = {
        "startTask": "CERTIFICATION_NAME",
        "name": certificate.certification.title,
        "organizationName": settings.org_name,
        "issueYear": issued.year,
        "issueMonth": issued.month,
        "expirationYear": expires.year,
        "expirationMonth": expires.month,
        "certUrl": verify_url(certificate.number, settings),
        "certId": certificate.number,
    }
    return f"https://www.linkedin.com/profile/add?{urlencode(fields)}"
