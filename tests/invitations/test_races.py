"""One link used in two places at once; with the guards and, to compare, without."""

from threading import Barrier, get_ident
from uuid import UUID

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.accounts import throttle
from portal.applications import queries as applications
from portal.applications.models import ONE_OPEN_PER_EMAIL, Application
from portal.invitations import queries, service
from portal.invitations.models import Invitation
from tests.committed import at_once, committed, without_index
from tests.factories import base_factory
from tests.factories.applications import version_with_join
from tests.factories.base_factory import NOW
from tests.factories.invitations import InvitationFactory

__all__ = ["committed"]


def press(engine: Engine, token: str, email: str, together: Barrier) -> bool:
    """Answer the invitation in one browser; tell whether it was let in."""
    with Session(engine) as session:
        together.wait()
        found = service.use(session, token, email=email, locale="en", now=NOW)
        session.commit()
        return found[1] is not None


def forget_to_hold(monkeypatch: pytest.MonkeyPatch, together: Barrier) -> None:
    """Make the program read the invitation without its lock, both before either acts.

    They wait once more when each has looked for an earlier application.
    """
    by_token, latest = queries.by_token, applications.latest_locked
    looked: set[int] = set()

    def unlocked(session: Session, token: str, *, lock: bool = False) -> Invitation:
        del lock
        return by_token(session, token)

    def both_look(session: Session, program_id: UUID, email: str) -> Application | None:
        found = latest(session, program_id, email)
        if get_ident() not in looked:
            looked.add(get_ident())
            together.wait()
        return found

    def count_nothing(*_args: object, **_more: object) -> None:
        """Counting tries holds the others off, too."""

    monkeypatch.setattr(throttle, "count", count_nothing)
    monkeypatch.setattr(queries, "by_token", unlocked)
    monkeypatch.setattr(applications, "latest_locked", both_look)


@pytest.mark.parametrize(
    ("guards", "let_in", "made"),
    [("lock and index", 1, 1), ("index", 2, 1), ("", 2, 2)],
    ids=["lock and index", "control: index alone", "control: neither"],
)
def test_a_link_used_twice_at_once_opens_one_application(
    committed: Engine,
    monkeypatch: pytest.MonkeyPatch,
    guards: str,
    let_in: int,
    made: int,
) -> None:
    with Session(committed) as session:
        base_factory.bind(session)
        program = version_with_join(mode="invite").program
        invitation = InvitationFactory.create(program=program, token=f"t {guards}")
        email, program_id = invitation.email, program.id
        session.commit()

    def both(_number: int, together: Barrier) -> bool:
        return press(committed, f"t {guards}", email, together)

    if "lock" not in guards:
        forget_to_hold(monkeypatch, Barrier(2, timeout=30))
    with without_index(committed, ONE_OPEN_PER_EMAIL, gone="index" not in guards):
        outcomes = at_once(both)
        with Session(committed) as session:
            its_own = Application.program_id == program_id
            found = session.scalars(select(Application).where(its_own)).all()

            assert (sum(outcomes), len(found)) == (let_in, made)
            for row in found:
                session.delete(row)  # so that the index can come back
            session.commit()
