from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal import jobs
from portal.applications import emails, tasks
from portal.applications.models import Application, ApplicationStatus
from portal.applications.rules import RejectionReason
from portal.kit.clock import utc_now
from portal.mail.models import OutboxEmail
from portal.mail.rendering import Rendered, render
from tests.factories.applications import ApplicationFactory
from tests.factories.base_factory import NOW
from tests.factories.people import UserFactory


def rendered(app: Flask, mail: OutboxEmail) -> Rendered:
    with app.app_context():
        return render(mail.template, mail.context, mail.locale)


def both_say(mail: Rendered, *sentences: str) -> None:
    for sentence in sentences:
        assert sentence in " ".join(mail.text.split())
        assert sentence in " ".join(mail.html.split())


def test_the_confirmation_has_link_and_code(app: Flask, session: Session) -> None:
    application = ApplicationFactory.create(draft=True)

    sent = emails.send_confirmation(session, application, code="012345", now=NOW)

    mail = rendered(app, sent)
    assert mail.subject.startswith("Confirm your e-mail address")
    link = f"http://localhost{sent.context['secret_path']}"
    both_say(mail, "012345", link, "If that was not you, do nothing.")


def test_the_way_back(app: Flask, session: Session) -> None:
    application = ApplicationFactory.create()

    mail = rendered(app, emails.send_link(session, application, now=NOW))

    assert application.reference in mail.subject
    both_say(mail, "There is an application of yours already.")


def test_received_names_the_day(app: Flask, session: Session) -> None:
    application = ApplicationFactory.create(
        answers={"company": "=SUM(1) & <b>Sons</b>"}
    )

    sent = emails.send_received(session, application, answer_by=NOW, now=NOW)

    mail = rendered(app, sent)
    both_say(mail, "by March 1, 2026 at the latest", application.reference)
    assert "=SUM(1) & <b>Sons</b>" in mail.text
    assert "<b>Sons</b>" not in mail.html


def test_a_question_keeps_its_lines(app: Flask, session: Session) -> None:
    application = ApplicationFactory.create()

    sent = emails.send_question(
        session, application, question="One?\nTwo <i>?</i>", now=NOW
    )

    mail = rendered(app, sent)
    assert "One?\nTwo <i>?</i>" in mail.text
    assert "One?<br>Two &lt;i&gt;?&lt;/i&gt;" in mail.html


@pytest.mark.parametrize(
    ("is_new", "words"),
    [(True, "choose a password"), (False, "is now in your workspace")],
)
def test_approved_says_where_to_go_on(
    app: Flask, session: Session, words: str, *, is_new: bool
) -> None:
    application = ApplicationFactory.create(decision_note="Welcome!")

    sent = emails.send_approved(
        session, application, path="/join/t", is_new_user=is_new, now=NOW
    )

    both_say(rendered(app, sent), words, "Welcome!", "http://localhost/join/t")


@pytest.mark.parametrize("reason", RejectionReason)
def test_rejected_says_why_what_helps_and_when(
    app: Flask, session: Session, reason: RejectionReason
) -> None:
    application = ApplicationFactory.create()

    sent = emails.send_rejected(
        session,
        application,
        reason=reason,
        reapply_on=NOW.date(),
        hold_until=NOW + timedelta(seconds=30),
        now=NOW,
    )

    mail = rendered(app, sent)
    both_say(mail, "decided against it.", "You can apply again from March 1, 2026.")
    why = mail.text.split("decided against it.")[1].strip().splitlines()
    assert why[0]
    assert why[1] == ""


class TestTasks:
    def queued(self, session: Session, name: str) -> int:
        query = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = :name")
        return int(session.execute(query, {"name": name}).scalar_one())

    def test_an_approval_is_completed_when_its_hold_is_over(
        self, app: Flask, session: Session
    ) -> None:
        application = ApplicationFactory.create(approved=True)

        for _ in range(2):
            with app.app_context():
                tasks.complete_approval(str(application.id))

        session.refresh(application)
        assert application.partner_id is not None
        assert session.scalar(select(func.count()).select_from(OutboxEmail)) == 1

    def test_a_job_that_comes_early_is_queued_again(
        self, app: Flask, session: Session
    ) -> None:
        application = ApplicationFactory.create(
            approved=True, held_until=utc_now() + timedelta(minutes=5)
        )

        with app.app_context():
            tasks.complete_approval(str(application.id))

        session.refresh(application)
        assert application.partner_id is None
        assert self.queued(session, "applications.complete_approval") == 1

    def test_old_drafts_go_every_night(self, app: Flask, session: Session) -> None:
        ApplicationFactory.create(draft=True)
        UserFactory.create()

        with app.app_context():
            tasks.expire_drafts()

        session.expire_all()
        assert session.scalars(select(Application)).all() == []
        periodic = jobs.registry.periodic_registry.periodic_tasks.values()
        assert "applications.expire_drafts" in {job.task.name for job in periodic}

    def test_an_undone_approval_is_not_completed(
        self, app: Flask, session: Session
    ) -> None:
        application = ApplicationFactory.create()

        with app.app_context():
            tasks.complete_approval(str(UUID(int=application.id.int)))

        session.refresh(application)
        assert application.status is ApplicationStatus.SUBMITTED
        assert application.partner_id is None
