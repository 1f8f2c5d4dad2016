"""Requirements across partners, and the record of one partner's, for staff."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.audit.words import action_in_words, details_in_words
from portal.enrollments import board as board_queries
from portal.enrollments import queries
from portal.enrollments.asking import moment_asked
from portal.enrollments.board import Stuck
from portal.enrollments.forms import AskForm
from portal.enrollments.record import IntervalState, record_of
from portal.enrollments.rules import SaleFate
from portal.enrollments.steps import UNLOCKS
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.errors import Invalid
from portal.kit.ids import parse_public_id
from portal.programs import queries as programs
from portal.programs.definition import Blocks
from portal.programs.models import ProgramVersion
from portal.programs.sentences import team_phrase
from portal.web.csv_safe import Cell, csv_lines
from portal.web.downloads import csv_download
from portal.web.forms import blame

bp = Blueprint("enrollments_admin", __name__, url_prefix="/admin")

SALES = {
    SaleFate.EARNS: ("ok", _("A sale at that moment earns.")),
    SaleFate.HELD: (
        "warn",
        _("A sale at that moment is held. It earns once this is done."),
    ),
    SaleFate.FORFEITED: (
        "bad",
        _("A sale at that moment earns nothing, also not later."),
    ),
    SaleFate.NOBODYS: ("info", _("The partner had not joined by then.")),
}
INTERVALS = {
    IntervalState.OPEN: ("ok", _("Met now")),
    IntervalState.IN_GRACE: ("warn", _("Met, but the last payment failed")),
    IntervalState.ENDED: (None, _("Ended")),
    IntervalState.TOO_LATE: ("bad", _("Too late, does not count")),
}


@bp.get("/requirements")
@requires(Permission.PARTNERS_READ)
def requirements() -> ResponseReturnValue:
    """List who is stuck at which gate, who waits longest first."""
    session, now = db.session(), utc_now()
    program_id, gate_key = _program_id(), _gate_key()
    versions = programs.all_current(session, now)
    counts = board_queries.counts(session, now=now, program_id=program_id)
    return render_template(
        "enrollments/admin/requirements.html",
        rows=board_queries.stuck(
            session, now=now, program_id=program_id, gate_key=gate_key
        ),
        most=board_queries.SHOWN,
        gates=[
            (key, f"{_title(versions, key)} ({number})")
            for key, number in counts.items()
        ],
        programs=versions,
        unlocks=UNLOCKS,
        now=now,
    )


@bp.get("/requirements.csv")
@requires(Permission.PARTNERS_READ)
def requirements_csv() -> ResponseReturnValue:
    """Answer with everybody who is stuck and matches the filters, as a file."""
    header = ["partner", "name", "program", "enrollment", "status"]
    header += ["gate", "title", "waits_since", "days", "more_unmet"]
    rows = _csv_rows(_program_id(), _gate_key(), utc_now())
    return csv_download(csv_lines(header, rows), filename="requirements.csv")


def _csv_rows(
    program_id: UUID | None, gate_key: str | None, now: datetime
) -> Iterator[Sequence[Cell]]:
    # The session is asked for here, while the file is sent: the view's has ended then.
    for row in board_queries.stuck(
        db.session(), now=now, program_id=program_id, gate_key=gate_key, most=None
    ):
        yield _csv_row(row, now)


def _csv_row(row: Stuck, now: datetime) -> Sequence[Cell]:
    enrollment = row.enrollment
    definition = enrollment.version.definition
    return [
        enrollment.partner.public_id,
        enrollment.partner.name,
        definition.name,
        enrollment.public_id,
        enrollment.status.value,
        row.gate.key,
        row.gate.title,
        row.since.astimezone(definition.zone).date(),
        (now - row.since).days,
        row.others,
    ]


@bp.get("/enrollments/<pid(enr):enrollment_id>/gates")
@requires(Permission.PARTNERS_READ)
def record(enrollment_id: UUID) -> ResponseReturnValue:
    """Show every interval of every gate, and answer for a day."""
    session, now = db.session(), utc_now()
    enrollment = queries.get(session, enrollment_id)
    zone = enrollment.version.definition.zone
    form = AskForm(request.args)
    answer = None
    if form.validate():
        day = form.on.data.isoformat() if form.on.data else ""
        try:
            moment = moment_asked(day, zone=zone, now=now)
            answer = queries.answer(session, enrollment, at=moment)
        except Invalid as refusal:
            blame(form, Invalid(refusal.message, field="on"))
    page = render_template(
        "enrollments/admin/record.html",
        enrollment=enrollment,
        definition=enrollment.version.definition,
        record=record_of(session, enrollment, now=now),
        form=form,
        answer=answer,
        blocks=list(Blocks),
        unlocks=UNLOCKS,
        sales=SALES,
        intervals=INTERVALS,
        team_phrase=team_phrase,
        action_in_words=action_in_words,
        details_in_words=details_in_words,
        now=now,
    )
    return page, HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def _program_id() -> UUID | None:
    """Read the filter; what makes no sense is left out, so old bookmarks work."""
    try:
        return parse_public_id("pgm", request.args.get("program", ""))
    except ValueError:
        return None


def _gate_key() -> str | None:
    return request.args.get("gate", "").strip().replace("\x00", "") or None


def _title(versions: Sequence[ProgramVersion], gate_key: str) -> str:
    titles = (
        gate.title
        for version in versions
        for gate in version.definition.gates
        if gate.key == gate_key
    )
    return next(titles, gate_key)
