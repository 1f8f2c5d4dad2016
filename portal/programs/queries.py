from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload

from portal.accounts.models import User
from portal.kit.errors import NotFound
from portal.programs.definition import Visibility
from portal.programs.models import Program, ProgramVersion


class NoSuchProgram(NotFound):
    """No program answers to that name, or none for this reader."""

    code = "program_not_found"


@dataclass(frozen=True, slots=True)
class ProgramOverview:
    """One program for the staff's list.

    Attributes:
        program: The program.
        latest: Its newest version, which may start later.
        is_upcoming: Whether `latest` is not in force yet.
    """

    program: Program
    latest: ProgramVersion
    is_upcoming: bool


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version with the person who published it; none for the command line."""

    version: ProgramVersion
    publisher: str | None


def by_key(session: Session, key: str, *, lock: bool = False) -> Program:
    """Return the program of that key.

    Args:
        session: The session to read from.
        key: The key, which is also its place in web addresses.
        lock: Hold the row until the transaction ends; pass it before publishing.

    Raises:
        NoSuchProgram: There is none.
    """
    query = select(Program).where(Program.key == key)
    program = session.scalar(query.with_for_update() if lock else query)
    if program is None:
        raise NoSuchProgram(_("There is no such program."))
    return program


def current_version(session: Session, program_id: UUID, at: datetime) -> ProgramVersion:
    """Return the version in force at that moment.

    Raises:
        NoSuchProgram: The program has not begun by then.
    """
    version = session.scalar(
        select(ProgramVersion)
        .where(
            ProgramVersion.program_id == program_id,
            ProgramVersion.effective_from <= at,
        )
        .options(joinedload(ProgramVersion.program))
        .order_by(ProgramVersion.effective_from.desc(), ProgramVersion.number.desc())
        .limit(1)
    )
    if version is None:
        raise NoSuchProgram(_("The program has not begun yet."))
    return version


def version(session: Session, version_id: UUID) -> ProgramVersion:
    """Return one version with its program.

    Raises:
        NoSuchProgram: There is none with this id.
    """
    found = session.scalar(
        select(ProgramVersion)
        .where(ProgramVersion.id == version_id)
        .options(joinedload(ProgramVersion.program))
    )
    if found is None:
        raise NoSuchProgram(_("There is no such version."))
    return found


def versions(session: Session, program_id: UUID) -> Sequence[ProgramVersion]:
    """Return all versions of a program with it, newest first."""
    return session.scalars(
        select(ProgramVersion)
        .where(ProgramVersion.program_id == program_id)
        .options(joinedload(ProgramVersion.program))
        .order_by(ProgramVersion.number.desc())
    ).all()


def history(session: Session, program_id: UUID) -> list[PublishedVersion]:
    """Return all versions of a program with who published them, newest first."""
    rows = session.execute(
        select(ProgramVersion, User.name)
        .outerjoin(User, User.id == ProgramVersion.published_by_id)
        .where(ProgramVersion.program_id == program_id)
        .options(joinedload(ProgramVersion.program))
        .order_by(ProgramVersion.number.desc())
    )
    return [PublishedVersion(row.ProgramVersion, row.name) for row in rows]


def pick(history: Sequence[PublishedVersion], number: int | None) -> ProgramVersion:
    """Return the version of that number, or the newest one.

    Raises:
        NoSuchProgram: There is no such version.
    """
    for row in history:
        if number in (None, row.version.number):
            return row.version
    raise NoSuchProgram(_("There is no such version."))


def latest_version(session: Session, program_id: UUID) -> ProgramVersion | None:
    """Return the newest version, in force or not; none for a fresh program."""
    return session.scalar(
        select(ProgramVersion)
        .where(ProgramVersion.program_id == program_id)
        .order_by(ProgramVersion.number.desc())
        .limit(1)
    )


def all_current(session: Session, at: datetime) -> list[ProgramVersion]:
    """Return the version in force of every program that has begun, by name."""
    rows = session.scalars(
        select(ProgramVersion)
        .where(ProgramVersion.effective_from <= at)
        .options(joinedload(ProgramVersion.program))
        .ext(distinct_on(ProgramVersion.program_id))
        .order_by(
            ProgramVersion.program_id,
            ProgramVersion.effective_from.desc(),
            ProgramVersion.number.desc(),
        )
    ).all()
    return sorted(rows, key=lambda row: (row.definition.name, row.program.key))


def listed(session: Session, at: datetime) -> list[ProgramVersion]:
    """Return the versions in force of the programs that everyone may find."""
    return [
        row
        for row in all_current(session, at)
        if row.definition.visibility is Visibility.PUBLIC
    ]


def open_to_visitors(session: Session, key: str, at: datetime) -> ProgramVersion:
    """Return the version in force of a program whose page anyone may read.

    Raises:
        NoSuchProgram: There is none, it has not begun, or it is by invitation only.
    """
    current = current_version(session, by_key(session, key).id, at)
    if current.definition.visibility is Visibility.INVITE_ONLY:
        raise NoSuchProgram(_("There is no such program."))
    return current


def overviews(session: Session, at: datetime) -> list[ProgramOverview]:
    """Return every program with its newest version, by name."""
    rows = session.scalars(
        select(ProgramVersion)
        .options(joinedload(ProgramVersion.program))
        .ext(distinct_on(ProgramVersion.program_id))
        .order_by(ProgramVersion.program_id, ProgramVersion.number.desc())
    ).all()
    return [
        ProgramOverview(row.program, row, row.effective_from > at)
        for row in sorted(rows, key=lambda row: (row.definition.name, row.program.key))
    ]
