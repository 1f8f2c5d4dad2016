import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal.agreements import queries, service
from portal.agreements.models import AgreementSignature, AgreementText
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.programs.documents import preset
from portal.programs.models import ProgramVersion
from tests.agreements.signing import (
    DAY,
    NEW_TEXT,
    OLD_TEXT,
    definition_with,
    first_version,
    next_version,
    signed,
    text_to_sign,
)
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory
from tests.factories.programs import EnrollmentFactory


@pytest.fixture
def enrollment(session: Session) -> Enrollment:
    del session
    joined: Enrollment = EnrollmentFactory.create(
        version=first_version(), partner__name="Blue Fern"
    )
    return joined


def met(session: Session, enrollment: Enrollment) -> list[tuple[object, object]]:
    history = enrollments.history(session, enrollment).get("agreement", ())
    return [(one.since, one.until) for one in history]


class TestRecord:
    def test_it_keeps_who_when_from_where_and_the_exact_text(
        self, session: Session, enrollment: Enrollment
    ) -> None:
        user = UserFactory.create(name="Mina Park", email="mina@fern.example")

        signature = signed(
            session, enrollment, user=user, user_agent="Fire\x07fox" + "x" * 500
        )

        assert signature.signed_at == NOW
        assert signature.remote_address == "192.0.2.1"
        assert signature.user_agent == ("Firefox" + "x" * 500)[:300]
        assert (signature.signer_name, signature.signer_email) == (
            "Mina Park",
            "mina@fern.example",
        )
        assert signature.signer_role == user.role.value
        assert signature.partner_name == "Blue Fern"
        assert signature.version == "2026-01"
        assert signature.title == "Partner terms"
        assert signature.text_sha256 == hashlib.sha256(OLD_TEXT.encode()).hexdigest()
        kept = session.get_one(AgreementText, signature.text_sha256)
        assert kept.text == OLD_TEXT
        assert met(session, enrollment) == [(NOW, None)]

    def test_it_stays_as_it_was_when_names_change(
        self, session: Session, enrollment: Enrollment
    ) -> None:
        user = UserFactory.create(name="Mina Park")
        signature = signed(session, enrollment, user=user)

        user.name = "Somebody Else"
        enrollment.partner.name = "Renamed"
        session.flush()
        session.expire_all()

        found = queries.signature(session, signature.id)
        assert (found.signer_name, found.partner_name) == ("Mina Park", "Blue Fern")

    @pytest.mark.parametrize(
        "table", ["agreement_texts", "agreement_signatures", "agreement_notices"]
    )
    @pytest.mark.parametrize("verb", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
    def test_nothing_is_rewritten(
        self, session: Session, table: str, verb: str
    ) -> None:
        with pytest.raises(DatabaseError, match=r"permission denied|append-only"):
            session.execute(text(verb.format(table)))

    def test_two_partners_share_one_text(
        self, session: Session, enrollment: Enrollment
    ) -> None:
        other = EnrollmentFactory.create(version=enrollment.version)

        signed(session, enrollment)
        signed(session, other)

        hashes = session.scalars(select(AgreementSignature.text_sha256)).all()
        assert len(hashes) == 2
        assert len(session.scalars(select(AgreementText)).all()) == 1


class TestRefusals:
    def test_it_is_signed_once(self, session: Session, enrollment: Enrollment) -> None:
        sha256 = text_to_sign(session, enrollment)
        signed(session, enrollment)

        with pytest.raises(service.NothingToSign):
            signed(session, enrollment, sha256=sha256)

    def test_another_text_than_was_read_is_not_signed(
        self, session: Session, enrollment: Enrollment
    ) -> None:
        read = text_to_sign(session, enrollment)
        next_version(
            enrollment.version.program,
            2,
            definition_with("2026-02", NEW_TEXT),
            effective_from=NOW + DAY,
        )

        with pytest.raises(service.TextChanged):
            signed(session, enrollment, sha256=read, now=NOW + DAY)

        assert queries.signatures(session, enrollment.id) == []

    def test_a_program_may_have_no_agreement(self, session: Session) -> None:
        definition = preset("hubspot-solutions-partner").model_dump(mode="json")
        definition["agreement"] = None
        definition["gates"] = [
            gate for gate in definition["gates"] if gate["kind"] != "agreement"
        ]
        enrollment = EnrollmentFactory.create(version__definition_json=definition)

        with pytest.raises(service.NothingToSign):
            signed(session, enrollment)


class TestNewVersions:
    @pytest.fixture
    def asking(self, enrollment: Enrollment) -> ProgramVersion:
        """A version that begins on 11 March and asks to sign within 30 days."""
        return next_version(
            enrollment.version.program,
            2,
            definition_with("2026-02", NEW_TEXT, within_days=30),
            effective_from=NOW + 10 * DAY,
        )

    def test_a_first_signature_is_of_the_text_that_counts(
        self, session: Session, enrollment: Enrollment, asking: ProgramVersion
    ) -> None:
        assert signed(session, enrollment).version == "2026-01"
        # The new text must be signed too, by 10 April.
        [(_, until)] = met(session, enrollment)
        assert until == asking.effective_from.replace(hour=0) + 31 * DAY

        assert signed(session, enrollment, now=NOW + DAY).version == "2026-02"
        assert met(session, enrollment) == [(NOW, None)]

    def test_signing_too_late_opens_the_gate_again(
        self, session: Session, enrollment: Enrollment, asking: ProgramVersion
    ) -> None:
        signed(session, enrollment)
        shuts_at = asking.effective_from.replace(hour=0) + 31 * DAY
        late = shuts_at + 5 * DAY

        def is_met(at: object) -> bool:
            standing = enrollments.checklist(session, enrollment, now=at)  # type: ignore[arg-type]  # a moment
            return next(one.is_met for one in standing if one.gate.key == "agreement")

        assert is_met(shuts_at - timedelta.resolution)
        assert not is_met(shuts_at)
        signed(session, enrollment, now=late)

        assert met(session, enrollment) == [(NOW, shuts_at), (late, None)]
        assert is_met(late)
        found = queries.signatures(session, enrollment.id)
        assert [one.version for one in found] == ["2026-02", "2026-01"]
        assert [one.text.text for one in found] == [NEW_TEXT, OLD_TEXT]

    def test_what_an_enrollment_joined_counts_where_the_program_has_nothing(
        self, session: Session
    ) -> None:
        """Another version took the place of the one under which it joined."""
        version = first_version()
        enrollment = EnrollmentFactory.create(version=version)
        bare = definition_with("2026-01")
        bare["agreement"] = None
        bare["gates"] = [g for g in bare["gates"] if g["kind"] != "agreement"]
        next_version(version.program, 2, bare, effective_from=version.effective_from)

        assert signed(session, enrollment).version == "2026-01"
