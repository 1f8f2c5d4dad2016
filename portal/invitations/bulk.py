"""Many invitations from one table: tried first, every wrong row named."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.service import normal_email
from portal.accounts.throttle import TooManyTries
from portal.invitations import queries, service
from portal.invitations.rules import COLUMNS, MOST_BYTES, MOST_LENGTH, MOST_ROWS
from portal.kit.errors import Invalid
from portal.programs.definition import storable
from portal.programs.models import ProgramVersion


@dataclass(frozen=True, slots=True)
class Row:
    """Somebody to invite, and the line of the file that says so."""

    line: int
    email: str
    name: str
    company: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line invites nobody; `email` as typed."""

    line: int
    email: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a table would do: whom it invites, and what is wrong with the rest."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def decoded(content: bytes) -> str:
    """Return a file as text.

    Raises:
        Invalid: It is too large, or not UTF-8.
    """
    if len(content) > MOST_BYTES:
        raise Invalid(
            _("Choose a file of at most %(most)d kB.", most=MOST_BYTES // 1000),
            field="file",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Invalid(
            _("Line %(line)d: save the file as UTF-8 text.", line=line), field="file"
        ) from error


def plan(session: Session, version: ProgramVersion, text: str, now: datetime) -> Plan:
    """Say whom a table would invite to a program; nothing is written.

    Args:
        session: The session to read from.
        version: The program's version in force.
        text: The table: a head line with `email`, and `name` and `company` if known;
            cells are parted by commas or semicolons.
        now: The moment.

    Raises:
        Invalid: It is no such table, or has too many rows.
    """
    rows, problems = _read(text)
    fine = []
    program_id = version.program_id
    addresses = [row.email for row in rows]
    invited = queries.usable_among(session, program_id, addresses, now=now)
    members = queries.members_among(session, program_id, addresses)
    staff = queries.staff_among(session, addresses)
    for row in rows:
        if row.email in staff:
            message = _("Works here. Staff cannot be partners.")
        elif row.email in members:
            message = _("Is in this program already.")
        elif row.email in invited:
            message = _("Is invited already.")
        else:
            fine.append(row)
            continue
        problems.append(Problem(row.line, row.email, str(message)))
    problems.sort(key=lambda one: one.line)
    return Plan(tuple(fine), tuple(problems))


def send(
    session: Session,
    version: ProgramVersion,
    rows: Sequence[Row],
    *,
    actor: User,
    note: str,
    days: int,
    now: datetime,
) -> list[Problem]:
    """Invite everybody in a plan; return who got enough mails today and gets none.

    Args:
        session: The session that holds the open transaction.
        version: The program's version in force.
        rows: The plan's, made in the same transaction.
        actor: Who invites.
        note: Words of the sender's own for each mail.
        days: For how long the invitations are good.
        now: The moment.
    """
    left_out = []
    for row in rows:
        try:
            service.invite(
                session,
                version,
                email=row.email,
                name=row.name,
                company=row.company,
                note=note,
                days=days,
                actor=actor,
                now=now,
            )
        except (TooManyTries, service.AlreadyInvited) as refusal:
            left_out.append(Problem(row.line, row.email, refusal.message))
    return left_out


def _read(text: str) -> tuple[list[Row], list[Problem]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for line, cells in _lines(text):
        typed = cells["email"]
        try:
            email = normal_email(typed)
        except Invalid as refusal:
            problems.append(Problem(line, typed, refusal.message))
            continue
        long = [name for name in COLUMNS if len(cells[name]) > MOST_LENGTH]
        odd = [name for name in COLUMNS if not storable(cells[name])]
        if email in seen:
            message = _("Stands on line %(line)d already.", line=seen[email])
            problems.append(Problem(line, typed, str(message)))
        elif long or odd:
            message = (
                _("%(column)s is too long.", column=long[0])
                if long
                else _("%(column)s has characters we cannot show.", column=odd[0])
            )
            problems.append(Problem(line, typed, str(message)))
        else:
            seen[email] = line
            rows.append(Row(line, email, cells["name"], cells["company"]))
    return rows, problems


def _lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line that says something: its number and its cells by column."""
    head = text.lstrip().partition("\n")[0]
    separator = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: list[str] | None = None
    found = 0
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if columns is None:
                columns = _columns(stripped)
                continue
            found += 1
            if found > MOST_ROWS:
                raise _unreadable(
                    _("Invite at most %(most)d people with one file.", most=MOST_ROWS)
                )
            filled = dict(zip(columns, stripped, strict=False))
            yield reader.line_num, dict.fromkeys(COLUMNS, "") | filled
    except csv.Error as error:
        raise _unreadable(
            _("Line %(line)d cannot be read as a table.", line=reader.line_num)
        ) from error
    if not found:
        raise _unreadable(_("There is nobody in this table."))


def _columns(head: Sequence[str]) -> list[str]:
    names = [cell.lower() for cell in head]
    if "email" not in names or not set(names) <= set(COLUMNS):
        raise _unreadable(
            _("Begin with a line that names the columns: email, name, company.")
        )
    if len(set(names)) < len(names):
        raise _unreadable(_("A column stands twice in the first line."))
    return names


def _unreadable(message: str) -> Invalid:
    return Invalid(message, field="text")
