from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, joinedload

from portal.accounts.models import User
from portal.kit.errors import NotFound
from portal.programs.definition import Agreement, Visibility
from portal.programs.models import Program, ProgramVersion, VersionState


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
    """One version as the staff's list shows it.

    Attributes:
        version: The version.
        publisher: Who published it; none for the command line.
        state: What it is at the moment for which one asked.
    """

    version: ProgramVersion
    publisher: str | None
    state: VersionState


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


def versions_of(session: Session, program_id: UUID) -> Sequence[ProgramVersion]:
    """Return all versions of a program in the order in which they take effect.

    Of two that start at the same moment, the newer one comes last: it counts.
    """
    return session.scalars(
        select(ProgramVersion)
        .where(ProgramVersion.program_id == program_id)
        .options(joinedload(ProgramVersion.program))
        .order_by(ProgramVersion.effective_from, ProgramVersion.number)
    ).all()


def history(session: Session, program_id: UUID, at: datetime) -> list[PublishedVersion]:
    """Return all versions of a program with who published them, newest first."""
    rows = session.execute(
        select(ProgramVersion, User.name)
        .outerjoin(User, User.id == ProgramVersion.published_by_id)
        .where(ProgramVersion.program_id == program_id)
        .options(joinedload(ProgramVersion.program))
        .order_by(ProgramVersion.number.desc())
    ).all()
    states = _states([row.ProgramVersion for row in rows], at)
    return [
        PublishedVersion(row.ProgramVersion, row.name, state)
        for row, state in zip(rows, states, strict=True)
    ]


def _states(newest_first: Sequence[ProgramVersion], at: datetime) -> list[VersionState]:
    """Return what each version is; a later number never starts earlier."""
    found: list[VersionState] = []
    newer: ProgramVersion | None = None
    for version in newest_first:
        if newer is not None and newer.effective_from == version.effective_from:
            state = VersionState.REPLACED
        elif version.effective_from > at:
            state = VersionState.COMING
        elif VersionState.IN_FORCE in found:
            state = VersionState.PAST
        else:
            state = VersionState.IN_FORCE
        found.append(state)
        newer = version
    return found


def pick(history: Sequence[PublishedVersion], number: int | None) -> PublishedVersion:
    """Return the version of that number; without one, the version in force.

    Of a program that has not begun, it is the newest.

    Raises:
        NoSuchProgram: There is no such version.
    """
    for row in history:
        if row.version.number == number:
            return row
    if number is not None or not history:
        raise NoSuchProgram(_("There is no such version."))
    in_force = (row for row in history if row.state is VersionState.IN_FORCE)
    return next(in_force, history[0])


def agreement_before(
    history: Sequence[PublishedVersion], number: int
) -> Agreement | None:
    """Return the text of the agreement that the version of that number took over from.

    None if there was none before, or the agreement is the same as ever.
    """
    shown = pick(history, number).version.definition.agreement
    if shown is None:
        return None
    found = (
        row.version.definition.agreement
        for row in history
        if row.version.number < number and row.state is not VersionState.REPLACED
    )
    return next((one for one in found if one and one.text != shown.text), None)


def latest_version(session: Session, program_id: UUID) -> ProgramVersion | None:
    """Return the newest version, in force or not; none for a fresh program."""
    return session.scalar(
        select(ProgramVersion)
        .where(ProgramVersion.program_id == program_id)
        .order_by(ProgramVersion.number.desc())
        .limit(1)
    )


def version_before(
    session: Session, program_id: UUID, moment: datetime
) -> ProgramVersion | None:
    """Return the version that counts until `moment`; none where none began before."""
    return session.scalar(
        select(ProgramVersion)
        .where(
            ProgramVersion.program_id == program_id,
            ProgramVersion.effective_from < moment,
        )
        .order_by(ProgramVersion.effective_from.desc(), ProgramVersion.number.desc())
        .limit(1)
    )


def that_ask_again(session: Session) -> Sequence[UUID]:
    """Return the programs of which a version asks to sign its agreement again."""
    return session.scalars(
        select(ProgramVersion.program_id)
        .where(
            func.jsonb_typeof(ProgramVersion.definition_json["agreement"]["sign_again"])
            == "object"
        )
        .distinct()
        .order_by(ProgramVersion.program_id)
    ).all()


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
