"""The switch that stops payouts: who is stopped, who is not, and from when on."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent
from portal.kit.db import violates
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.mail.models import OutboxEmail
from portal.payouts import queries, service
from portal.payouts.freezes import ONE_FREEZE, PayoutFreeze
from portal.payouts.models import BatchStatus
from tests.committed import at_once, committed
from tests.conftest import SignIn
from tests.factories.people import UserFactory
from tests.payouts.paying import (
    KEYS,
    NOW,
    approve,
    finance,
    loaded,
    make,
    owed_120,
    results,
    sent_batch,
)

__all__ = ["committed"]


def freeze(session: Session, reason: str = "A row is wrong.") -> PayoutFreeze:
    return service.freeze(session, reason=reason, findings=(), actor=None, now=NOW)


class TestVerbs:
    def test_no_batch_is_made(self, session: Session) -> None:
        owed_120(session)
        freeze(session)

        with pytest.raises(service.PayoutsFrozen, match="A row is wrong"):
            make(session, finance())

    def test_none_is_approved(self, session: Session) -> None:
        owed_120(session)
        batch = make(session, finance())
        freeze(session)

        with pytest.raises(service.PayoutsFrozen):
            approve(session, batch, finance())
        assert loaded(session, batch).status is BatchStatus.DRAFT

    def test_the_bank_gets_no_file(self, session: Session) -> None:
        owed_120(session)
        batch = approve(session, make(session, finance()), finance())
        freeze(session)

        with pytest.raises(service.PayoutsFrozen):
            service.file_of(session, batch, keys=KEYS)

    def test_none_is_marked_as_sent(self, session: Session) -> None:
        owed_120(session)
        batch = approve(session, make(session, finance()), finance())
        freeze(session)

        with pytest.raises(service.PayoutsFrozen):
            service.mark_sent(session, loaded(session, batch), actor=finance(), now=NOW)
        assert loaded(session, batch).status is BatchStatus.APPROVED

    def test_no_transfer_is_noted(self, session: Session) -> None:
        story = owed_120(session)
        freeze(session)

        with pytest.raises(service.PayoutsFrozen):
            service.record(
                session,
                enrollment_id=story.enrollment.id,
                amount=Money(100, "USD"),
                paid_on=NOW.date(),
                reference="E2E-1",
                form_id=new_id(),
                actor=finance(),
                now=NOW,
            )

    def test_what_brings_money_back_goes_on(self, session: Session) -> None:
        owed_120(session)
        batch = sent_batch(session)
        freeze(session)

        done = service.import_results(
            session,
            loaded(session, batch),
            results(f"{batch.rows[0].end_to_end_id},failed,closed"),
            actor=finance(),
            now=NOW,
        )

        assert done.failed == 1
        assert service.file_of(session, batch, keys=KEYS), "the bank has it already"

    def test_a_batch_can_be_given_up(self, session: Session) -> None:
        owed_120(session)
        batch = make(session, finance())
        freeze(session)

        service.cancel(
            session, loaded(session, batch), reason="x", actor=finance(), now=NOW
        )

        assert batch.status is BatchStatus.CANCELED

    def test_after_the_thaw_everything_goes_on(self, session: Session) -> None:
        owed_120(session)
        first = freeze(session)
        thawed = service.thaw(session, reason="A test.", actor=finance(), now=NOW)

        assert thawed is first
        assert make(session, finance()).status is BatchStatus.DRAFT
        assert freeze(session, "Again.").id != first.id


class TestTelling:
    def test_admins_and_finance_get_one_mail_each(self, session: Session) -> None:
        wanted = {
            UserFactory.create(admin=True).email,
            UserFactory.create(finance=True).email,
        }
        UserFactory.create(reviewer=True)
        UserFactory.create()
        UserFactory.create(admin=True, is_active=False)

        first = freeze(session)
        again = freeze(session, "Another reason.")

        sent = session.scalars(
            select(OutboxEmail.to).where(OutboxEmail.template == "payouts/frozen")
        ).all()
        assert again is first
        assert sorted(sent) == sorted(wanted)

    def test_both_ends_are_in_the_audit_trail(self, session: Session) -> None:
        actor = finance()
        made = service.freeze(
            session, reason="Fraud.", findings=(), actor=actor, now=NOW
        )
        service.thaw(session, reason="None.", actor=actor, now=NOW)
        session.flush()

        events = session.scalars(
            select(AuditEvent).where(AuditEvent.subject_id == made.id)
        ).all()
        assert {(row.action, row.actor_id) for row in events} == {
            ("payouts.frozen", actor.id),
            ("payouts.thawed", actor.id),
        }
        assert (made.frozen_by_id, made.thawed_by_id) == (actor.id, actor.id)

    def test_staff_see_it_on_every_page_and_partners_on_none(
        self, session: Session, sign_in: SignIn
    ) -> None:
        story = owed_120(session)
        before = sign_in(finance()).get("/admin/payouts").text
        freeze(session, "Row P000001 is <b>wrong</b>.")

        for path in ("/admin/payouts", "/admin"):
            page = sign_in(finance()).get(path, follow_redirects=True).text
            assert "Payouts are frozen since" in page
            assert "Row P000001 is &lt;b&gt;wrong&lt;/b&gt;." in page
        assert "Payouts are frozen" not in before
        workspace = sign_in(story.user()).get("/app/payouts").text
        assert "frozen" not in workspace

    def test_a_person_who_pays_reads_why_not(
        self, session: Session, sign_in: SignIn
    ) -> None:
        owed_120(session)
        batch = approve(session, make(session, finance()), finance())
        client = sign_in(finance())
        freeze(session)

        answers = [
            client.post(f"/admin/payouts/{batch.public_id}/sent"),
            client.get(f"/admin/payouts/{batch.public_id}/file"),
        ]

        assert [answer.status_code for answer in answers] == [409, 409]
        assert all("A row is wrong." in answer.text for answer in answers)


class TestCommands:
    def test_freeze_and_thaw(self, app: Flask, session: Session) -> None:
        runner = app.test_cli_runner()

        frozen = runner.invoke(args=["payouts", "freeze", "--reason", "Fire drill."])
        found = queries.freeze(session)
        thawed = runner.invoke(args=["payouts", "thaw", "--reason", "It is over."])

        assert frozen.exit_code == thawed.exit_code == 0
        assert frozen.output.startswith("Payouts are frozen since 20")
        assert thawed.output == "Payouts go on.\n"
        assert found is not None
        assert found.reason == "Fire drill."
        assert queries.freeze(session) is None

    def test_there_must_be_something_to_thaw(
        self, app: Flask, session: Session
    ) -> None:
        del session
        said = app.test_cli_runner().invoke(args=["payouts", "thaw", "--reason", "x"])

        assert said.exit_code == 1
        assert "not frozen" in said.output

    @pytest.mark.parametrize("verb", ["freeze", "thaw"])
    def test_a_reason_is_needed(self, app: Flask, session: Session, verb: str) -> None:
        del session
        said = app.test_cli_runner().invoke(args=["payouts", verb, "--reason", " "])

        assert said.exit_code == 2
        assert "Give a reason" in said.output


@pytest.mark.parametrize(
    ("locked", "overtaken"), [(True, False), (False, True)], ids=["lock", "control"]
)
def test_a_freeze_waits_for_whoever_has_passed_it(
    committed: Engine,
    locked: bool,  # noqa: FBT001 - a parameter of the test
    overtaken: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Without the lock, money would move after somebody was told that it is frozen."""
    frozen = Event()

    def press() -> None:
        with Session(committed) as session:
            freeze(session)
            session.commit()
            frozen.set()

    with Session(committed) as paying, ThreadPoolExecutor(1) as pool:
        if locked:
            service.require_not_frozen(paying)
        else:
            assert queries.freeze(paying) is None
        pressing = pool.submit(press)
        assert frozen.wait(0.5) is overtaken
        paying.commit()
        pressing.result(timeout=30)
    with Session(committed) as session:
        with pytest.raises(service.PayoutsFrozen):
            service.require_not_frozen(session)
        service.thaw(session, reason="The test is over.", actor=None, now=NOW)
        session.commit()


@pytest.mark.parametrize(
    ("indexed", "frozen"), [(True, 1), (False, 2)], ids=["index", "control"]
)
def test_there_is_one_freeze_at_a_time_even_without_the_lock(
    committed: Engine,
    indexed: bool,  # noqa: FBT001 - a parameter of the test
    frozen: int,
) -> None:
    insert = text(
        "INSERT INTO payout_freezes (id, reason, findings, frozen_at, thaw_reason)"
        " VALUES (gen_random_uuid(), 'x', '[]', now(), '')"
    )
    as_owner = create_engine(committed.url.set(username="postgres"))
    with Session(committed) as session:
        if not indexed:
            as_owner_do(as_owner, "DROP INDEX uq_payout_freezes_one")

        def press(_number: int, together: Barrier) -> bool:
            with Session(committed) as session:
                together.wait()
                try:
                    session.execute(insert)
                    session.commit()
                except IntegrityError as error:
                    return not violates(error, ONE_FREEZE)
                return True

        assert sum(at_once(press)) == frozen
        session.execute(
            text("UPDATE payout_freezes SET thawed_at = now(), thaw_reason = 'x'")
        )
        session.commit()
    if not indexed:
        as_owner_do(
            as_owner,
            "CREATE UNIQUE INDEX uq_payout_freezes_one ON payout_freezes"
            " ((thawed_at IS NULL)) WHERE thawed_at IS NULL",
        )
    as_owner.dispose()


def as_owner_do(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))
