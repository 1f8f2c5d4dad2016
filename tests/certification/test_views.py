from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.certification import bank, service, tasks
from portal.certification.models import AnswerKey, Attempt, AttemptStatus
from portal.kit.clock import utc_now
from tests.conftest import CountQueries, SignIn
from tests.factories.certification import EXAM, answer_all, exam, learner, started
from tests.factories.people import PartnerMemberFactory, UserFactory

MARKER = "ZZ-CORRECT"


def test_an_exam_is_offered_to_those_whose_program_asks_for_it(
    session: Session, sign_in: SignIn
) -> None:
    user, _ = learner()
    exam(session)

    page = sign_in(user).get("/app/certifications")

    assert b"See the rules and start" in page.data
    assert b"No certificate yet" in page.data


def test_others_find_no_exam(session: Session, sign_in: SignIn) -> None:
    exam(session)
    client = sign_in(PartnerMemberFactory.create().user)

    assert b"No certification is asked of you" in client.get("/app/certifications").data
    assert client.get(f"/app/certifications/{EXAM}/start").status_code == 404
    assert client.post(f"/app/certifications/{EXAM}/start").status_code == 404


def test_the_whole_exam_in_the_browser(session: Session, sign_in: SignIn) -> None:
    user, _ = learner()
    exam(session)
    client = sign_in(user)

    assert b"Start the clock" in client.get(f"/app/certifications/{EXAM}/start").data
    answer = client.post(f"/app/certifications/{EXAM}/start")
    for position in range(1, 13):
        path = answer.headers["Location"]
        assert path.endswith(f"/{position}")
        assert f"Question {position} of 12".encode() in client.get(path).data
        answer = client.post(path, data={"answer": "1"})
    overview = client.get(answer.headers["Location"])
    assert b"Hand in" in overview.data
    done = client.post(answer.headers["Location"].replace("overview", "submit"))
    result = client.get(done.headers["Location"])

    assert b"Score by topic" in result.data
    assert (
        client.post(done.headers["Location"].replace("result", "submit")).status_code
        == 303
    )
    back = client.get(answer.headers["Location"])
    assert back.headers["Location"].endswith("/result")


def test_the_right_answers_never_leave_the_server(
    session: Session, sign_in: SignIn
) -> None:
    user, enrollment = learner()
    exam(session)
    session.execute(update(AnswerKey).values(explanation=MARKER))
    attempt = started(session, user, enrollment, utc_now())
    client = sign_in(user)
    paths = [
        f"/app/certifications/attempts/{attempt.public_id}/{n}" for n in range(1, 13)
    ]
    pages = [client.get(path) for path in paths]
    pages += [client.post(path, data={"answer": "1"}) for path in paths]
    pages.append(
        client.get(f"/app/certifications/attempts/{attempt.public_id}/overview")
    )

    assert all(MARKER.encode() not in page.data for page in pages)
    assert all(
        b"right" not in page.data.lower().split(b"<main")[-1] or page.status_code
        for page in pages
    )
    assert "answer_keys" not in " ".join(str(page.headers) for page in pages)


def test_serving_questions_never_reads_the_answers(
    session: Session, sign_in: SignIn, count_queries: CountQueries
) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment, utc_now())
    client = sign_in(user)
    path = f"/app/certifications/attempts/{attempt.public_id}/1"

    with count_queries() as statements:
        client.get(path)
        client.post(path, data={"answer": "1"})

    assert statements
    assert not any("answer_keys" in statement for statement in statements)


def test_a_wrong_choice_is_shown_beside_the_question(
    session: Session, sign_in: SignIn
) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment, utc_now())

    page = sign_in(user).post(
        f"/app/certifications/attempts/{attempt.public_id}/1", data={"answer": "z"}
    )

    assert page.status_code == 422
    assert b"Choose among the answers shown." in page.data
    assert b"<title>Error:" in page.data


def test_an_answer_after_the_deadline_hands_in(
    session: Session, sign_in: SignIn
) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment, utc_now() - timedelta(minutes=31))
    client = sign_in(user)

    answer = client.post(
        f"/app/certifications/attempts/{attempt.public_id}/1", data={"answer": "1"}
    )
    page = client.get(answer.headers["Location"])

    assert b"The time is over" in page.data
    assert b"Not passed this time" in page.data


def test_an_open_attempt_is_gone_on_with(session: Session, sign_in: SignIn) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment, utc_now())
    client = sign_in(user)

    assert b"Go on with the exam" in client.get("/app/certifications").data
    again = client.post(f"/app/certifications/{EXAM}/start")
    rules = client.get(again.headers["Location"])
    assert rules.headers["Location"].endswith(f"{attempt.public_id}/1")
    running = client.get(f"/app/certifications/attempts/{attempt.public_id}/result")
    assert running.headers["Location"].endswith("/overview")


def test_a_colleague_cannot_see_the_attempt(session: Session, sign_in: SignIn) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment, utc_now())
    colleague = PartnerMemberFactory.create(partner=enrollment.partner).user
    client = sign_in(colleague)
    root = f"/app/certifications/attempts/{attempt.public_id}"

    assert client.get(f"{root}/1").status_code == 404
    assert client.get(f"{root}/99").status_code == 404
    assert client.post(f"{root}/submit").status_code == 404
    assert sign_in(user).get(f"{root}/99").status_code == 404


def test_a_question_of_a_finished_attempt_leads_to_the_result(
    session: Session, sign_in: SignIn
) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment)
    service.submit(session, attempt, now=attempt.started_at)
    session.flush()
    client = sign_in(user)

    page = client.get(f"/app/certifications/attempts/{attempt.public_id}/1")

    assert page.headers["Location"].endswith("/result")


def test_the_pause_after_failing_is_shown_before_the_start(
    session: Session, sign_in: SignIn
) -> None:
    user, enrollment = learner()
    now = utc_now()
    attempt = started(session, user, enrollment, now)
    service.submit(session, attempt, now=now)
    session.flush()

    page = sign_in(user).get(f"/app/certifications/{EXAM}/start")

    assert b"The next attempt is possible from" in page.data
    assert b"Start the clock" not in page.data


def test_overdue_attempts_are_scored_by_the_clock(app: Flask, session: Session) -> None:
    user, enrollment = learner()
    attempt = started(session, user, enrollment, utc_now() - timedelta(hours=1))

    with app.app_context():
        tasks.close_overdue()
        tasks.close_overdue()

    session.expire_all()
    assert session.get_one(Attempt, attempt.id).status is AttemptStatus.FAILED


def passed(session: Session) -> str:
    user, enrollment = learner()
    now = utc_now()
    attempt = started(session, user, enrollment, now)
    answer_all(session, attempt, rightly=12, now=now)
    certificate = service.submit(session, attempt, now=now)
    session.flush()
    assert certificate is not None
    return certificate.number


class TestVerification:
    def test_anyone_sees_that_a_certificate_is_valid(
        self, session: Session, client: FlaskClient
    ) -> None:
        number = passed(session)

        asked = client.get("/verify", query_string={"number": f" {number.lower()} "})
        page = client.get(asked.headers["Location"])

        assert b"This certificate is valid" in page.data
        assert b"Solutions partner certification" in page.data

    def test_an_unknown_number_answers_like_a_known_one(
        self, session: Session, client: FlaskClient
    ) -> None:
        known = client.get(f"/verify/{passed(session)}")
        unknown = client.get("/verify/AAAA-AAAA-AAAA-AAAA")

        assert known.status_code == unknown.status_code == 200
        assert b"No such certificate" in unknown.data

    def test_an_empty_number_is_asked_for_again(self, client: FlaskClient) -> None:
        assert b"Check a certificate" in client.get("/verify").data
        assert client.get("/verify?number=").status_code == 422


class TestStaff:
    def test_staff_see_exams_certificates_and_the_bank_without_answers(
        self, session: Session, sign_in: SignIn
    ) -> None:
        number = passed(session)
        client = sign_in(UserFactory.create(auditor=True))

        index = client.get("/admin/certifications")
        page = client.get(f"/admin/certifications/{EXAM}")

        assert number.encode() in index.data
        assert b"Too few answers" in page.data
        assert b"certifications/questions/" not in page.data

    def test_an_empty_portal_says_how_to_bring_in_an_exam(
        self, sign_in: SignIn
    ) -> None:
        page = sign_in(UserFactory.create(admin=True)).get("/admin/certifications")

        assert b"portal cert install" in page.data

    def test_revoking_shows_on_the_public_page(
        self, session: Session, sign_in: SignIn
    ) -> None:
        number = passed(session)
        client = sign_in(UserFactory.create(admin=True))
        index = client.get("/admin/certifications").get_data(as_text=True)
        path = (
            "/admin/certifications/certificates/cer_"
            + index.split("certificates/cer_")[1][:26]
        )

        assert client.post(f"{path}/revoke", data={"reason": ""}).status_code == 422
        assert (
            client.post(f"{path}/revoke", data={"reason": "Copied"}).status_code == 303
        )

        assert b"Copied" in client.get(path).data
        assert b"This certificate was revoked" in client.get(f"/verify/{number}").data

    def test_an_unknown_certificate_is_not_found(self, sign_in: SignIn) -> None:
        client = sign_in(UserFactory.create(admin=True))

        path = f"/admin/certifications/certificates/cer_{'0' * 26}"
        assert client.get(path).status_code == 404
        assert client.get("/admin/certifications/no-such-exam").status_code == 404


class TestCommands:
    def test_the_banks_are_installed_and_numbers_checked(
        self, app: Flask, session: Session
    ) -> None:
        runner = app.test_cli_runner()

        installed = runner.invoke(args=["cert", "install"])
        unknown = runner.invoke(args=["cert", "verify", "NOPE", "--json"])
        valid = runner.invoke(args=["cert", "verify", passed(session)])

        assert "solutions-partner: 24 questions" in installed.output
        assert (unknown.exit_code, valid.exit_code) == (1, 0)
        assert '"state": "not_found"' in unknown.output
        assert valid.output == "valid\n"

    def test_a_bank_of_ones_own_is_read_from_a_file(
        self, app: Flask, session: Session, tmp_path: Path
    ) -> None:
        del session
        runner = app.test_cli_runner()
        own, wrong = bank.FOLDER / f"{EXAM}.yaml", tmp_path / "wrong.yaml"
        text = own.read_text(encoding="utf-8")
        wrong.write_text(text.replace("minutes: 30", "minutes: 0"), encoding="utf-8")

        good = runner.invoke(args=["cert", "install", str(own)])
        bad = runner.invoke(args=["cert", "install", str(wrong)])

        assert good.exit_code == 0
        assert bad.exit_code == 1
        assert "minutes" in bad.output
