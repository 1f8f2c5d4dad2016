"""What can happen to a program. Callers own the transaction."""

from datetime import datetime

from babel.dates import format_date
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.kit.db import violates
from portal.kit.errors import Conflict
from portal.kit.ids import new_id
from portal.programs import queries
from portal.programs.amounts import locale
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_json
from portal.programs.models import ONE_PROGRAM_PER_KEY, Program, ProgramVersion

KEYS_OF_PAGES = frozenset({"new"})
"""Keys whose programs would hide a page of the staff's."""


class DefinitionUnchanged(Conflict):
    """The newest version says exactly this already."""

    code = "definition_unchanged"


class KeyChanged(Conflict):
    """The definition belongs to another program."""

    code = "program_key_changed"


class BooksWouldBreak(Conflict):
    """The currency or the time zone of a running program was changed."""

    code = "program_books_would_break"


class AgreementReworded(Conflict):
    """The text of the agreement or its deadline changed, its version did not."""

    code = "agreement_reworded"


class StartsTooEarly(Conflict):
    """The version would change what has been promised for a time gone by."""

    code = "version_starts_too_early"


class PublishedAtOnce(Conflict):
    """Someone else created the same program at the same moment."""

    code = "program_published_at_once"


class PublishedMeanwhile(Conflict):
    """The version that was edited is not the newest any more."""

    code = "version_published_meanwhile"


class NotCarriedOut(Conflict):
    """The books cannot keep what the payout policy says."""

    code = "payout_policy_not_carried_out"


class KeyTaken(Conflict):
    """Another program has the key, or a page of the portal."""

    code = "program_key_taken"


def publish(
    session: Session,
    definition: ProgramDefinition,
    *,
    actor: User | None,
    effective_from: datetime,
    now: datetime,
    program: Program | None = None,
    based_on: int | None = None,
) -> ProgramVersion:
    """Put a definition in force from a moment on; the first one opens the program.

    A version that has not begun yet is corrected by another one that starts at the
    same moment: of the two, the newer one counts.

    Args:
        session: The session that holds the open transaction.
        definition: The whole program.
        actor: Who publishes; none for the command line.
        effective_from: From when on it counts. Only a program's very first version
            may start in the past.
        now: The moment of publishing.
        program: The program that is being edited, so that a changed key is noticed;
            without it, the definition's key says which one it is.
        based_on: The number of the version that was edited, 0 for a new program, so
            that nobody overwrites what somebody else published meanwhile; without
            it, any version may be the newest.

    Raises:
        KeyChanged: `program` has another key.
        KeyTaken: A new program has a key that is in use.
        PublishedMeanwhile: `based_on` is not the newest version any more.
        DefinitionUnchanged: The newest version says exactly this.
        BooksWouldBreak: The currency or time zone differs from the newest version.
        AgreementReworded: The agreement needs a new version.
        StartsTooEarly: It would start in the past, or before the newest version.
        PublishedAtOnce: Someone else created the program just now.
        NotCarriedOut: The close would not do what the payout policy says.
    """
    _refuse_key(definition.key, program)
    _refuse_unkept(definition)
    _refuse_registration(definition)
    program = _locked_program(session, definition.key, now)
    latest = queries.latest_version(session, program.id)
    _refuse_stale(latest, based_on)
    if latest is not None:
        _refuse_unfit(latest, definition, effective_from=effective_from, now=now)
        _refuse_resettled(session, latest, definition, effective_from)
    version = ProgramVersion(
        id=new_id(),
        program_id=program.id,
        program=program,
        number=latest.number + 1 if latest else 1,
        definition_json=dump_json(definition),
        effective_from=effective_from,
        published_at=now,
        published_by_id=actor.id if actor else None,
    )
    session.add(version)
    audit.record(
        session,
        "program.published",
        program.id,
        actor=actor,
        at=now,
        key=program.key,
        version=version.number,
        effective_from=effective_from.isoformat(),
    )
    return version


def examine(
    session: Session,
    definition: ProgramDefinition,
    *,
    effective_from: datetime,
    now: datetime,
    program: Program | None = None,
    based_on: int | None = None,
) -> None:
    """Raise what `publish` would raise at this moment; change nothing."""
    _refuse_key(definition.key, program)
    _refuse_unkept(definition)
    _refuse_registration(definition)
    try:
        found = queries.by_key(session, definition.key)
    except queries.NoSuchProgram:
        return
    latest = queries.latest_version(session, found.id)
    _refuse_stale(latest, based_on)
    if latest is not None:
        _refuse_unfit(latest, definition, effective_from=effective_from, now=now)
        _refuse_resettled(session, latest, definition, effective_from)


def _refuse_key(key: str, program: Program | None) -> None:
    if program is not None and program.key != key:
        raise KeyChanged(
            _(
                "The key stays %(key)s: a program cannot change it. "
                "Give the other key to a new program.",
                key=program.key,
            )
        )
    if key in KEYS_OF_PAGES:
        raise KeyTaken(
            _("Give the program another key: the portal has a page %(key)s.", key=key)
        )


def _refuse_unkept(definition: ProgramDefinition) -> None:
    payout = definition.payout
    if payout.schedule != "monthly" and (payout.holdback or payout.draw):
        raise NotCarriedOut(
            _(
                "Statements are made month by month, so holdback and draw need a "
                "payout that is monthly. Simulations follow them by quarters, too."
            )
        )


def _refuse_registration(definition: ProgramDefinition) -> None:
    if definition.attribution.registration is not None:
        raise NotCarriedOut(
            _(
                "Partners cannot register customers here yet: take registration out "
                "of attribution. Simulations follow it."
            )
        )


def _refuse_stale(latest: ProgramVersion | None, based_on: int | None) -> None:
    newest = latest.number if latest else 0
    if based_on in (None, newest):
        return
    if based_on == 0:
        raise KeyTaken(
            _(
                "There is a program of that key already. Give yours another key, or "
                "publish a new version of that one."
            )
        )
    raise PublishedMeanwhile(
        _(
            "Someone published version %(number)s while you wrote. Your text is still "
            "here: compare it with that version, then go on.",
            number=newest,
        )
    )


def _locked_program(session: Session, key: str, now: datetime) -> Program:
    try:
        return queries.by_key(session, key, lock=True)
    except queries.NoSuchProgram:
        program = Program(id=new_id(), key=key, created_at=now)
    try:
        with session.begin_nested():
            session.add(program)
    except IntegrityError as error:
        if not violates(error, ONE_PROGRAM_PER_KEY):
            raise
        raise PublishedAtOnce(
            _("Someone else created this program just now. Look at it, then try again.")
        ) from error
    return program


def _refuse_unfit(
    latest: ProgramVersion,
    definition: ProgramDefinition,
    *,
    effective_from: datetime,
    now: datetime,
) -> None:
    before = latest.definition
    if definition == before:
        raise DefinitionUnchanged(
            _(
                "Version %(number)s says exactly this already; nothing to publish.",
                number=latest.number,
            )
        )
    if definition.currency != before.currency:
        raise BooksWouldBreak(
            _(
                "The currency stays %(currency)s: the books are kept in it.",
                currency=before.currency,
            )
        )
    if definition.time_zone != before.time_zone:
        raise BooksWouldBreak(
            _(
                "The time zone stays %(time_zone)s: months begin and end in it.",
                time_zone=before.time_zone,
            )
        )
    if (
        before.agreement
        and definition.agreement
        and before.agreement.version == definition.agreement.version
        and before.agreement.text != definition.agreement.text
    ):
        raise AgreementReworded(
            _(
                "The text of the agreement changed: give it a new version, so that it "
                "is clear what a partner accepted."
            )
        )
    if effective_from < now:
        raise StartsTooEarly(
            _(
                "A new version cannot start in the past: a sale of %(day)s was "
                "promised the terms of version %(number)s.",
                day=_day(effective_from, definition),
                number=latest.number,
            )
        )
    if effective_from < latest.effective_from:
        raise StartsTooEarly(
            _(
                "Version %(number)s starts on %(day)s. Start then, to take its place, "
                "or later.",
                number=latest.number,
                day=_day(latest.effective_from, definition),
            )
        )


def _refuse_resettled(
    session: Session,
    latest: ProgramVersion,
    definition: ProgramDefinition,
    effective_from: datetime,
) -> None:
    """Refuse to change by when an agreement that stays must be signed again.

    A version that takes the place of another is compared with the one before both.
    """
    before: ProgramVersion | None = latest
    if effective_from == latest.effective_from:
        before = queries.version_before(session, latest.program_id, effective_from)
    old = before.definition.agreement if before else None
    new = definition.agreement
    if old and new and old.version == new.version and old.sign_again != new.sign_again:
        raise AgreementReworded(
            _(
                "By when an agreement must be signed again is settled with its "
                "version: give it a new version, or leave sign_again as it was."
            )
        )


def _day(moment: datetime, definition: ProgramDefinition) -> str:
    day = moment.astimezone(definition.zone).date()
    return str(format_date(day, locale=locale()))
