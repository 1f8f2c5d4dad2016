"""The page behind the link of an invitation."""

from http import HTTPStatus

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _

from portal.accounts.access import public
from portal.applications import access
from portal.applications.models import ApplicationStatus
from portal.extensions import db
from portal.invitations import service
from portal.invitations.forms import AnswerForm
from portal.invitations.models import Invitation, InvitationStatus
from portal.invitations.queries import NoSuchInvitation
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.programs import queries as programs
from portal.programs.words import terms_in_words
from portal.web.forms import blame

bp = Blueprint("invitations", __name__, url_prefix="/invitations")


@bp.errorhandler(NoSuchInvitation)
@bp.errorhandler(service.InvitationEnded)
def opens_nothing(
    error: NoSuchInvitation | service.InvitationEnded,
) -> ResponseReturnValue:
    """Say that the link opens nothing; of which program is not said."""
    is_over = isinstance(error, service.InvitationEnded)
    page = render_template(
        "invitations/public/ended.html", message=error.message if is_over else None
    )
    status = HTTPStatus.GONE if is_over else HTTPStatus.NOT_FOUND
    return _without_referrer(make_response(page, status))


@bp.get("/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    """Say who invites to what, and ask for the address."""
    with transaction(db.session()) as session:
        invitation = service.look_at(session, token, now=utc_now())
        return _page(token, invitation, AnswerForm())


@bp.post("/<token>")
@public
def answer(token: str) -> ResponseReturnValue:
    """Begin the application of whoever was invited."""
    form, status = AnswerForm(request.form), HTTPStatus.UNPROCESSABLE_ENTITY
    if not form.validate():
        with transaction(db.session()) as session:
            invitation = service.look_at(session, token, now=utc_now())
            return _page(token, invitation, form, status)
    typed = form.email.data or ""
    with transaction(db.session()) as session:
        invitation, application = service.use(
            session, token, email=typed, locale=str(get_locale()), now=utc_now()
        )
        if application is not None:
            access.remember(application)
            is_draft = application.status is ApplicationStatus.DRAFT
            endpoint = "applications.tasks" if is_draft else "applications_status.show"
            address = url_for(endpoint, reference=application.reference)
            going_on = redirect(address, HTTPStatus.SEE_OTHER)
            return _without_referrer(make_response(going_on))
        if service.is_its_address(invitation, typed):
            page = render_template("invitations/public/mailed.html", email=typed)
            return _without_referrer(make_response(page))
        message = _(
            "This invitation is not for this address. Enter the one to which we "
            "sent it."
        )
        blame(form, Invalid(message, field="email"))
        return _page(token, invitation, form, status)


def _page(
    token: str,
    invitation: Invitation,
    form: AnswerForm,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    version = programs.current_version(db.session(), invitation.program_id, utc_now())
    page = render_template(
        "invitations/public/show.html",
        token=token,
        invitation=invitation,
        definition=version.definition,
        terms=terms_in_words(version.definition),
        is_used=invitation.status is InvitationStatus.USED,
        form=form,
    )
    return _without_referrer(make_response(page, status))


def _without_referrer(response: Response) -> Response:
    """Keep the token in the address of this page from the next site."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
