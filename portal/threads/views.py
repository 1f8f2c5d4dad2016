from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.partners.access import current_partner_id
from portal.statements import queries as statements
from portal.statements.models import Statement
from portal.threads import queries, service
from portal.threads.forms import MessageForm
from portal.threads.models import Thread
from portal.web import flashes
from portal.web.forms import form_id_of
from portal.web.pagination import page_request

bp = Blueprint("threads", __name__, url_prefix="/app")

_ABOUT = "/statements/<pid(stm):statement_id>"
_ONE = "/questions/<pid(thr):thread_id>"


@bp.get("/questions")
@requires(Permission.STATEMENTS_READ)
def index() -> ResponseReturnValue:
    """List what the partner asked about statements."""
    page = queries.of_partner(
        db.session(), current_partner_id(), page_request(request.args)
    )
    return render_template("threads/index.html", page=page)


@bp.get(f"{_ABOUT}/question", defaults={"position": None})
@bp.get(f"{_ABOUT}/lines/<int:position>/question")
@requires(Permission.THREADS_WRITE)
def new(statement_id: UUID, position: int | None) -> ResponseReturnValue:
    """Show the form that asks; what was asked and goes on is shown instead."""
    session = db.session()
    view = statements.get_for_partner(session, statement_id, current_partner_id())
    going_on = queries.unresolved(session, statement_id, position)
    if going_on:
        return _to(going_on.id)
    return _form_page(view.statement, position, MessageForm())


@bp.post(f"{_ABOUT}/question", defaults={"position": None})
@bp.post(f"{_ABOUT}/lines/<int:position>/question")
@requires(Permission.THREADS_WRITE)
def ask(statement_id: UUID, position: int | None) -> ResponseReturnValue:
    """Ask finance about a statement or one of its lines."""
    session, partner_id = db.session(), current_partner_id()
    form = MessageForm(request.form)
    if not form.validate():
        view = statements.get_for_partner(session, statement_id, partner_id)
        page = _form_page(view.statement, position, form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    actor = signed_in_user()
    with transaction(session):
        view = statements.get_for_partner(session, statement_id, partner_id)
        thread = service.ask(
            session,
            view.statement,
            position=position,
            text=form.text.data or "",
            form_id=form_id_of(request.form),
            actor=actor,
            now=utc_now(),
        )
        thread_id = thread.id
    flashes.success(_("Sent. We answer here and by e-mail."))
    return _to(thread_id)


@bp.get("/earnings/<pid(com):commission_id>/question")
@requires(Permission.THREADS_WRITE)
def about_commission(commission_id: UUID) -> ResponseReturnValue:
    """Lead to the form that asks about the statement's line of a commission."""
    statement_id, position = queries.statement_and_position(
        db.session(), commission_id, current_partner_id()
    )
    here = url_for(".new", statement_id=statement_id, position=position)
    return redirect(here, HTTPStatus.SEE_OTHER)


@bp.get(_ONE)
@requires(Permission.STATEMENTS_READ)
def show(thread_id: UUID) -> ResponseReturnValue:
    """Show what was asked and answered."""
    return _page(_mine(thread_id), MessageForm())


@bp.post(_ONE)
@requires(Permission.THREADS_WRITE)
def reply(thread_id: UUID) -> ResponseReturnValue:
    """Write on; finance is asked again."""
    form = MessageForm(request.form)
    if not form.validate():
        return _page(_mine(thread_id), form), HTTPStatus.UNPROCESSABLE_ENTITY
    actor, session = signed_in_user(), db.session()
    with transaction(session):
        service.reply(
            session,
            _mine(thread_id, lock=True),
            text=form.text.data or "",
            form_id=form_id_of(request.form),
            actor=actor,
            now=utc_now(),
        )
    flashes.success(_("Sent. We answer here and by e-mail."))
    return _to(thread_id)


@bp.post(f"{_ONE}/resolve")
@requires(Permission.THREADS_WRITE)
def resolve(thread_id: UUID) -> ResponseReturnValue:
    """Say that it is settled."""
    actor, session = signed_in_user(), db.session()
    with transaction(session):
        thread = _mine(thread_id, lock=True)
        service.resolve(session, thread, actor=actor, now=utc_now())
    flashes.success(_("Resolved. Write again if something is still open."))
    return _to(thread_id)


def _mine(thread_id: UUID, *, lock: bool = False) -> Thread:
    return queries.get(
        db.session(), thread_id, partner_id=current_partner_id(), lock=lock
    )


def _to(thread_id: UUID) -> ResponseReturnValue:
    return redirect(url_for(".show", thread_id=thread_id), HTTPStatus.SEE_OTHER)


def _form_page(statement: Statement, position: int | None, form: MessageForm) -> str:
    line = None if position is None else queries.line(statement, position)
    return render_template(
        "threads/new.html", statement=statement, line=line, form=form
    )


def _page(thread: Thread, form: MessageForm) -> str:
    changes = queries.changes(db.session(), thread.id)
    return render_template(
        "threads/show.html",
        thread=thread,
        form=form,
        changes=[one for one in changes if one.is_told],
    )
