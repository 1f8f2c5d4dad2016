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
from portal.threads import queries, service
from portal.threads.forms import MessageForm
from portal.threads.models import Thread, ThreadStatus
from portal.web import flashes
from portal.web.forms import form_id_of
from portal.web.pagination import page_request
from portal.web.states import state_label

bp = Blueprint("threads_admin", __name__, url_prefix="/admin")

_ONE = "/questions/<pid(thr):thread_id>"
_RESOLVES = "resolve"


@bp.get("/questions")
@requires(Permission.THREADS_READ)
def index() -> ResponseReturnValue:
    """List what partners ask about statements: what waits, or by state."""
    wanted = request.args.get("state", ThreadStatus.OPEN.value)
    status = ThreadStatus(wanted) if wanted in set(ThreadStatus) else None
    return render_template(
        "threads/admin/index.html",
        page=queries.page(db.session(), page_request(request.args), status=status),
        chips=_chips(status),
    )


def _chips(
    chosen: ThreadStatus | None,
) -> list[tuple[str, str, bool, int | None]]:
    return [
        *(
            (
                state_label(status),
                url_for(".index", state=status.value),
                status is chosen,
                None,
            )
            for status in ThreadStatus
        ),
        (_("All"), url_for(".index", state="all"), chosen is None, None),
    ]


@bp.get(_ONE)
@requires(Permission.THREADS_READ)
def show(thread_id: UUID) -> ResponseReturnValue:
    """Show what was asked and answered, and what it led to."""
    return _page(queries.get(db.session(), thread_id), MessageForm())


@bp.post(_ONE)
@requires(Permission.THREADS_ANSWER)
def answer(thread_id: UUID) -> ResponseReturnValue:
    """Answer the partner, and with the second button resolve it as well."""
    session = db.session()
    form = MessageForm(request.form)
    if not form.validate():
        page = _page(queries.get(session, thread_id), form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    actor = signed_in_user()
    with transaction(session):
        service.answer(
            session,
            queries.get(session, thread_id, lock=True),
            text=form.text.data or "",
            resolves=request.form.get("then") == _RESOLVES,
            form_id=form_id_of(request.form),
            actor=actor,
            now=utc_now(),
        )
    flashes.success(_("Sent. The partner gets it by e-mail."))
    return _to(thread_id)


@bp.post(f"{_ONE}/resolve")
@requires(Permission.THREADS_ANSWER)
def resolve(thread_id: UUID) -> ResponseReturnValue:
    """Say that nothing is left to answer."""
    session, actor = db.session(), signed_in_user()
    with transaction(session):
        thread = queries.get(session, thread_id, lock=True)
        service.resolve(session, thread, actor=actor, now=utc_now())
    flashes.success(_("Resolved. It opens again when the partner writes."))
    return _to(thread_id)


def _to(thread_id: UUID) -> ResponseReturnValue:
    return redirect(url_for(".show", thread_id=thread_id), HTTPStatus.SEE_OTHER)


def _page(thread: Thread, form: MessageForm) -> str:
    return render_template(
        "threads/admin/show.html",
        thread=thread,
        form=form,
        changes=queries.changes(db.session(), thread.id),
        resolves=_RESOLVES,
    )
