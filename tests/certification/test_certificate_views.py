"""What a holder does with a certificate, and what follows a failed attempt."""

import hashlib
import json
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.certification import badges, documents, service
from portal.certification.models import Attempt, Certificate, Question
from portal.enrollments import queries as enrollments
from portal.kit.clock import utc_now
from tests.conftest import SignIn
from tests.factories.certification import (
    EXAM,
    a_course,
    answer_all,
    certified,
    learner,
    started,
)
from tests.factories.people import PartnerMemberFactory

SVG, BADGES = "{http://www.w3.org/2000/svg}", "{https://purl.imsglobal.org/ob/v3p0}"


@pytest.fixture
def certificate(session: Session) -> Certificate:
    return certified(session, utc_now())


def path_of(certificate: Certificate) -> str:
    return f"/app/certifications/certificates/{certificate.public_id}"


class TestHidingTheName:
    def test_the_public_page_and_badge_leave_it_out_at_once(
        self,
        certificate: Certificate,
        session: Session,
        sign_in: SignIn,
        client: FlaskClient,
    ) -> None:
        holder, name = sign_in(certificate.attempt.user), certificate.holder_name
        public = f"/verify/{certificate.number}"
        shown = client.get(public).data + client.get(f"{public}/badge.json").data

        answer = holder.post(f"{path_of(certificate)}/holder")
        hidden = client.get(public).data + client.get(f"{public}/badge.json").data

        assert answer.status_code == 303
        assert name.encode() in shown
        assert name.encode() not in hidden
        assert b"This certificate is valid" in hidden
        assert certificate.partner.name.encode() in hidden
        assert b"Show my name" in holder.get(path_of(certificate)).data
        actions = session.scalars(
            select(AuditEvent.action).where(AuditEvent.subject_id == certificate.id)
        ).all()
        assert "certificate.holder_hidden" in actions

    def test_a_hidden_name_can_still_be_proved(
        self, certificate: Certificate, session: Session, client: FlaskClient
    ) -> None:
        certificate.hides_holder = True
        session.flush()

        badge = client.get(f"/verify/{certificate.number}/badge.json").get_json()

        [identity] = badge["credentialSubject"]["identifier"]
        told = certificate.holder_name + identity["salt"]
        digest = hashlib.sha256(told.encode()).hexdigest()
        assert identity["identityHash"] == f"sha256${digest}"
        assert badges.is_signed_by(badge, client.get("/verify/issuer").get_json())

    def test_showing_it_again(
        self, certificate: Certificate, session: Session, sign_in: SignIn
    ) -> None:
        certificate.hides_holder = True
        session.flush()
        holder = sign_in(certificate.attempt.user)

        for _ in range(2):  # twice is once
            holder.post(f"{path_of(certificate)}/holder", data={"show": "1"})

        session.refresh(certificate)
        assert not certificate.hides_holder

    def test_colleagues_do_not_decide(
        self, certificate: Certificate, session: Session, sign_in: SignIn
    ) -> None:
        colleague = PartnerMemberFactory.create(partner=certificate.partner).user

        answer = sign_in(colleague).post(f"{path_of(certificate)}/holder")

        assert answer.status_code == 403
        session.refresh(certificate)
        assert not certificate.hides_holder


class TestTheBadgePicture:
    def test_the_signed_badge_is_baked_in(
        self, certificate: Certificate, client: FlaskClient, sign_in: SignIn
    ) -> None:
        certificate.certification.title = 'A & B <script>"'
        answer = sign_in(certificate.attempt.user).get(f"{path_of(certificate)}.svg")

        picture = ET.fromstring(answer.data)  # noqa: S314 - our own
        baked = picture.findtext(f"{BADGES}credential") or ""
        issuer = client.get("/verify/issuer").get_json()
        assert answer.mimetype == "image/svg+xml"
        assert badges.is_signed_by(json.loads(baked), issuer)
        assert b"<script" not in answer.data
        texts = [one.text for one in picture.iter(f"{SVG}text")]
        assert certificate.number in texts

    def test_without_a_key_it_is_only_a_picture(self, certificate: Certificate) -> None:
        content = documents.badge_svg(certificate, "Acme", None)

        assert b"credential" not in content

    def test_a_revoked_certificate_has_none(
        self, certificate: Certificate, session: Session, sign_in: SignIn
    ) -> None:
        certificate.revoked_at = utc_now()
        session.flush()

        answer = sign_in(certificate.attempt.user).get(f"{path_of(certificate)}.svg")

        assert answer.status_code == 404


def failed(session: Session) -> Attempt:
    user, enrollment = learner()
    now = utc_now()
    attempt = started(session, user, enrollment, now)
    answer_all(session, attempt, rightly=0, now=now)
    service.submit(session, attempt, now=now)
    session.flush()
    return attempt


class TestAfterFailing:
    def test_the_result_says_which_lessons_to_read(
        self, session: Session, sign_in: SignIn
    ) -> None:
        attempt = failed(session)
        asked = session.scalars(select(Question.topic)).first() or ""
        a_course(session, "One")[0].topic = asked
        lesson = a_course(session, "Two")[0]
        session.flush()
        client = sign_in(attempt.user)

        page = client.get(f"/app/certifications/attempts/{attempt.public_id}/result")

        words = " ".join(page.data.decode().split())
        assert "What to read" in words
        assert "No lesson on this topic" in words
        assert f"/course/{lesson.key}" not in words  # its topic is another one
        assert "Open the course" in words

    def test_without_a_course_it_says_so(
        self, session: Session, sign_in: SignIn
    ) -> None:
        attempt = failed(session)

        page = sign_in(attempt.user).get(
            f"/app/certifications/attempts/{attempt.public_id}/result"
        )

        assert b"There is no course for this exam." in page.data

    def test_the_next_attempt_goes_into_a_calendar(
        self, session: Session, sign_in: SignIn
    ) -> None:
        attempt = failed(session)
        client = sign_in(attempt.user)

        answer = client.get(
            f"/app/certifications/attempts/{attempt.public_id}/retry.ics"
        )

        assert answer.mimetype == "text/calendar"
        [event] = Calendar.from_ical(answer.data).walk("VEVENT")
        submitted = attempt.submitted_at
        assert submitted is not None
        starts_at = submitted + timedelta(hours=12)
        assert event.decoded("dtstart") == starts_at.replace(microsecond=0)
        assert event["url"] == f"http://localhost/app/certifications/{EXAM}/start"
        assert "retry.ics" in client.get(
            f"/app/certifications/attempts/{attempt.public_id}/result"
        ).get_data(as_text=True)

    def test_nobody_waits_for_a_date_that_has_come(
        self, session: Session, sign_in: SignIn
    ) -> None:
        user, enrollment = learner()
        attempt = started(session, user, enrollment, utc_now() - timedelta(days=2))
        path = f"/app/certifications/attempts/{attempt.public_id}/retry.ics"
        client = sign_in(user)
        assert client.get(path).status_code == 404  # not over yet

        service.submit(session, attempt, now=utc_now())
        session.flush()

        assert client.get(path).status_code == 404


def test_passing_says_what_it_opens(
    session: Session, sign_in: SignIn, certificate: Certificate
) -> None:
    del session
    attempt = certificate.attempt

    page = sign_in(attempt.user).get(
        f"/app/certifications/attempts/{attempt.public_id}/result"
    )

    assert b"What it opens" in page.data
    assert b"linkedin.com/profile/add" in page.data


def test_numbers_of_earlier_releases_stay_good(
    session: Session, client: FlaskClient, certificate: Certificate
) -> None:
    certificate.number = "7KQ2-M3XA-P9TR-WZ4C"
    session.flush()

    page = client.get("/verify/7kq2-m3xa-p9tr-wz4c")

    assert b"This certificate is valid" in page.data


def test_the_gate_and_the_page_close_at_the_same_microsecond(
    session: Session, certificate: Certificate
) -> None:
    [enrollment] = enrollments.of_partner(session, certificate.partner_id)
    end, tick = certificate.expires_at, timedelta(microseconds=1)

    def at(moment_offset: timedelta) -> tuple[str, bool]:
        now = end + moment_offset
        gates = enrollments.checklist(session, enrollment, now=now)
        gate = next(one for one in gates if one.gate.certification)
        return certificate.state(now).value, gate.is_met

    assert at(-tick) == ("valid", True)
    assert at(timedelta(0)) == ("expired", False)
