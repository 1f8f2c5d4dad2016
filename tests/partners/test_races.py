"""Two people at once, over two real connections, in a database of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from portal import jobs
from portal.accounts import queries as people
from portal.accounts import service as accounts
from portal.accounts.models import User
from portal.accounts.permissions import Role
from portal.accounts.service import LastAdmin
from portal.app import create_app
from portal.config import Settings
from portal.kit.ids import new_id
from portal.partners import queries, service
from portal.partners.models import Partner, PartnerMember
from portal.partners.service import LastOwner
from tests.accounts.signing import hashed
from tests.factories.base_factory import NOW
from tests.postgres import throwaway_server

ROUNDS = 20


@pytest.fixture(scope="module")
def engine(app: Flask, settings: Settings) -> Iterator[Engine]:
    with throwaway_server() as server:
        own = replace(
            settings,
            database_url=server.app_url,
            database_owner_url=server.owner_url,
        )
        other = create_app(own)
        jobs.bind(app)
        with other.app_context():
            flask_migrate.upgrade()
        engine = create_engine(server.app_url)
        yield engine
        engine.dispose()


def person(role: Role) -> User:
    key = new_id()
    return User(
        id=key,
        email=f"{key.hex}@people.example",
        name="Racer",
        role=role,
        password_hash=hashed(),
        created_at=NOW,
    )


def partner_with_two_owners(engine: Engine) -> tuple[Partner, list[User]]:
    partner = Partner(
        id=new_id(), name="Racers", country="DE", website="", created_at=NOW
    )
    owners = [person(Role.PARTNER_OWNER) for _ in range(2)]
    with Session(engine, expire_on_commit=False) as session, session.begin():
        session.add_all([partner, *owners])
        session.flush()
        session.add_all(
            PartnerMember(user_id=o.id, partner_id=partner.id, joined_at=NOW)
            for o in owners
        )
    return partner, owners


def demote(session: Session, partner: Partner, actor: User, target: User) -> None:
    locked = queries.get(session, partner.id, lock=True)
    member = queries.member(session, partner.id, target.id, lock=True)
    service.change_role(
        session, locked, member.user, Role.PARTNER_VIEWER, actor=actor, now=NOW
    )


def at_once(*actions: Callable[[], bool]) -> list[bool]:
    barrier = Barrier(len(actions))

    def run(action: Callable[[], bool]) -> bool:
        barrier.wait(timeout=10)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_two_owners_who_demote_each_other_leave_an_owner(engine: Engine) -> None:
    for _ in range(ROUNDS):
        partner, (one, two) = partner_with_two_owners(engine)

        def attempt(actor: User, target: User, partner: Partner = partner) -> bool:
            try:
                with Session(engine) as session, session.begin():
                    demote(session, partner, actor, target)
            except LastOwner:
                return False
            return True

        done = at_once(
            lambda a=one, t=two: attempt(a, t),  # type: ignore[misc]  # bound now
            lambda a=two, t=one: attempt(a, t),  # type: ignore[misc]  # bound now
        )

        with Session(engine) as session:
            left = queries.joined_owner_ids(session, partner.id)
        assert sorted(done) == [False, True]
        assert len(left) == 1


def test_without_the_lock_the_same_race_leaves_nobody(engine: Engine) -> None:
    partner, (one, two) = partner_with_two_owners(engine)

    with Session(engine) as first, Session(engine) as second:
        for session, actor, target in ((first, one, two), (second, two, one)):
            member = queries.member(session, partner.id, target.id)
            service.change_role(
                session,
                queries.get(session, partner.id),
                member.user,
                Role.PARTNER_VIEWER,
                actor=actor,
                now=NOW,
            )
            session.flush()
        first.commit()
        second.commit()

    with Session(engine) as session:
        assert queries.joined_owner_ids(session, partner.id) == []


def test_two_admins_who_shut_each_other_out_leave_an_admin(engine: Engine) -> None:
    for _ in range(ROUNDS):
        one, two = person(Role.ADMIN), person(Role.ADMIN)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            for admin in session.scalars(select(User).where(User.role == Role.ADMIN)):
                admin.is_active = False
            session.add_all([one, two])

        def attempt(actor: User, target: User) -> bool:
            try:
                with Session(engine) as session, session.begin():
                    people.locked_admins(session)
                    user = people.get(session, target.id, lock=True)
                    accounts.deactivate(session, user, actor=actor, now=NOW)
            except LastAdmin:
                return False
            return True

        done = at_once(
            lambda a=one, t=two: attempt(a, t),  # type: ignore[misc]  # bound now
            lambda a=two, t=one: attempt(a, t),  # type: ignore[misc]  # bound now
        )

        with Session(engine) as session:
            left = session.scalar(
                select(func.count())
                .select_from(User)
                .where(User.role == Role.ADMIN, User.is_active)
            )
        assert sorted(done) == [False, True]
        assert left == 1


def test_of_two_uses_of_one_link_at_once_one_succeeds(engine: Engine) -> None:
    user = person(Role.REVIEWER)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        session.add(user)
        session.flush()
        token = accounts.reset_path(session, user, now=NOW).rpartition("/")[2]

    def attempt() -> bool:
        try:
            with Session(engine) as session, session.begin():
                accounts.reset_password(
                    session, token, password="eleven quiet harbours", about=(), now=NOW
                )
        except accounts.LinkEnded:
            return False
        return True

    assert sorted(at_once(attempt, attempt, attempt)) == [False, False, True]


def test_a_hundred_tries_at_once_count_as_a_hundred(engine: Engine) -> None:
    def attempt() -> bool:
        try:
            with Session(engine) as session, session.begin():
                accounts.count_sign_in(
                    session, email="dana@people.example", address="192.0.2.1", now=NOW
                )
        except accounts.TooManyTries:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: attempt(), range(100)))

    assert sum(done) == 10
