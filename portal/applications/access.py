"""Which applications this browser may open: those whose mailed link it followed."""

from uuid import UUID

import flask
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.applications import queries
from portal.applications.models import Application

_OPENED = "applications"
_MOST = 10


def remember(application: Application) -> None:
    """Let this browser open the application until it is closed."""
    opened = [str(application.id), *flask.session.get(_OPENED, [])]
    flask.session[_OPENED] = list(dict.fromkeys(opened))[:_MOST]


def is_remembered(application_id: UUID) -> bool:
    """Tell whether this browser may open the application."""
    return str(application_id) in flask.session.get(_OPENED, [])


def opened(session: Session, reference: str, *, lock: bool = False) -> Application:
    """Return an application that this browser may open.

    Raises:
        NoSuchApplication: There is none, or its link was not followed here; nobody
            learns which.
    """
    application = queries.by_reference(session, reference, lock=lock)
    if not is_remembered(application.id):
        raise queries.NoSuchApplication(_("There is no such application."))
    return application
