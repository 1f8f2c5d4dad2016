"""Certificates as the partner's people see them, with their files."""

from uuid import UUID

from flask import (
    Blueprint,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.certification import badges, queries, service
from portal.certification.documents import badge_svg, render
from portal.certification.rules import renewable_from
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import NotFound
from portal.partners.access import current_partner_id
from portal.web.downloads import download

bp = Blueprint("certificates", __name__, url_prefix="/app/certifications/certificates")


@bp.get("/<pid(cer):certificate_id>")
@requires(Permission.CERTIFICATION_TAKE)
def show(certificate_id: UUID) -> ResponseReturnValue:
    """Show one certificate of the team, with its files."""
    found = queries.certificate_of_partner(
        db.session(), certificate_id, current_partner_id()
    )
    settings = _settings()
    return render_template(
        "certification/certificate.html",
        certificate=found,
        address=badges.verify_url(found.number, settings),
        linkedin=badges.linkedin_url(found, settings),
        has_badges=bool(settings.badge_keys),
        is_holder=found.user_id == signed_in_user().id,
        renewable=renewable_from(found.expires_at, found.certification.renewal_days),
        now=utc_now(),
    )


@bp.get("/<pid(cer):certificate_id>.pdf")
@requires(Permission.CERTIFICATION_TAKE)
def paper(certificate_id: UUID) -> ResponseReturnValue:
    """Give a certificate of the team as a PDF; a revoked one is not given out."""
    found = queries.certificate_of_partner(
        db.session(), certificate_id, current_partner_id()
    )
    if found.revoked_at is not None:
        raise NotFound(_("This certificate was revoked."))
    settings = _settings()
    address = badges.verify_url(found.number, settings)
    return download(
        render(found, settings.org_name, address),
        filename=f"{found.number}.pdf",
        mimetype="application/pdf",
    )


@bp.get("/<pid(cer):certificate_id>.svg")
@requires(Permission.CERTIFICATION_TAKE)
def picture(certificate_id: UUID) -> ResponseReturnValue:
    """Give the badge of a certificate of the team as a picture, signed if it can be."""
    found = queries.certificate_of_partner(
        db.session(), certificate_id, current_partner_id()
    )
    if found.revoked_at is not None:
        raise NotFound(_("This certificate was revoked."))
    settings = _settings()
    credential = badges.badge(found, settings) if settings.badge_keys else None
    return download(
        badge_svg(found, settings.org_name, credential),
        filename=f"{found.number}.svg",
        mimetype="image/svg+xml",
    )


@bp.post("/<pid(cer):certificate_id>/holder")
@requires(Permission.CERTIFICATION_TAKE)
def change_holder(certificate_id: UUID) -> ResponseReturnValue:
    """Hide the name on the public page, or show it; for the holder alone."""
    user = signed_in_user()
    with transaction(db.session()) as session:
        found = queries.certificate_of_partner(
            session, certificate_id, current_partner_id(), lock=True
        )
        service.show_holder(
            session, found, shown="show" in request.form, actor=user, now=utc_now()
        )
    return redirect(url_for(".show", certificate_id=certificate_id), code=303)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings
