from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from jinja2 import TemplateError

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.mail import queries, service
from portal.mail.models import MailStatus, OutboxEmail
from portal.mail.rendering import Rendered, render
from portal.web import flashes
from portal.web.pagination import page_request

bp = Blueprint("mail_admin", __name__, url_prefix="/admin/mail")


@bp.get("")
@requires(Permission.MAIL_READ)
def index() -> ResponseReturnValue:
    """List the outbox, the latest first."""
    wanted = request.args.get("status")
    status = MailStatus(wanted) if wanted in set(MailStatus) else None
    page = queries.outbox(
        db.session(),
        page_request(request.args),
        status=status,
        to=request.args.get("q", "").strip(),
    )
    return render_template(
        "mail/admin/index.html",
        page=page,
        status=status,
        statuses=list(MailStatus),
        counts=queries.counts(db.session()),
        now=utc_now(),
    )


@bp.get("/<uuid:email_id>")
@requires(Permission.MAIL_READ)
def detail(email_id: UUID) -> ResponseReturnValue:
    """Show one mail as its reader sees it, without the links that let them in."""
    email = queries.get(db.session(), email_id)
    rendered, problem = _preview(email)
    return render_template(
        "mail/admin/detail.html",
        email=email,
        rendered=rendered,
        problem=problem,
        now=utc_now(),
    )


@bp.get("/<uuid:email_id>/source")
@requires(Permission.MAIL_READ)
def source(email_id: UUID) -> ResponseReturnValue:
    """Show the HTML of one mail as text, so that none of it runs here."""
    rendered, problem = _preview(queries.get(db.session(), email_id))
    text = rendered.html if rendered else problem
    return Response(text, content_type="text/plain; charset=utf-8")


@bp.post("/<uuid:email_id>/resend")
@requires(Permission.MAIL_RESEND)
def resend(email_id: UUID) -> ResponseReturnValue:
    """Have a failed mail tried again."""
    with transaction(db.session()) as session:
        service.resend(session, queries.get(session, email_id, lock=True))
    flashes.success(_("The mail is on its way again."))
    return redirect(url_for(".detail", email_id=email_id), 303)


def _preview(email: OutboxEmail) -> tuple[Rendered | None, str]:
    """Return the mail, or what is wrong with its template."""
    try:
        return render(email.template, email.shown_context, email.locale), ""
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        place = f" ({email.template}, line {line})" if line else f" ({email.template})"
        return None, f"{error.message or type(error).__name__}{place}"
