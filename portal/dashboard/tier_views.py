"""A partner's tier as staff see and change it.

It lives here because a change queues new commissions, which lie above tiers.
"""

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import Permission
from portal.commissions import service as commissions
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.kit.ids import parse_public_id
from portal.programs.definition import ProgramDefinition, Tiers
from portal.tiers import queries, service, wording
from portal.tiers.forms import EndOverrideForm, FactForm, OverrideForm
from portal.tiers.metrics import recorded_by_hand
from portal.tiers.models import LevelOverride
from portal.tiers.service import OverrideIsOver
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint(
    "tiers_admin",
    __name__,
    url_prefix="/admin/partners/<pid(prt):partner_id>/programs/"
    "<pid(enr):enrollment_id>/tier",
)


@bp.get("")
@requires(Permission.PARTNERS_READ)
def show(partner_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    """Show the level, how it came about, and what can be changed by hand."""
    return _page(partner_id, enrollment_id)


@bp.post("/facts")
@requires(Permission.PARTNERS_MANAGE)
def record(partner_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    """Write down a value that a tier asks for."""
    definition, tiers = _rules_of(partner_id, enrollment_id)
    today = utc_now().astimezone(definition.zone)
    form = FactForm(request.form, tiers=tiers, today=today)

    def save(session: Session, enrollment: Enrollment) -> None:
        service.record_fact(
            session,
            enrollment,
            definition=definition,
            fact=form.fact.data,
            value=form.value.data or 0,
            from_at=form.from_at(definition.zone),
            reason=form.reason.data or "",
            actor=signed_in_user(),
            now=utc_now(),
        )

    if not (form.validate() and _saved(partner_id, enrollment_id, form, save)):
        page = _page(partner_id, enrollment_id, fact_form=form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(_("Recorded. Tier and commissions are worked out again now."))
    return _back(partner_id, enrollment_id)


@bp.post("/override")
@requires(Permission.PARTNERS_MANAGE)
def set_by_hand(partner_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    """Put the partner on a level, whatever the rules say."""
    definition, tiers = _rules_of(partner_id, enrollment_id)
    form = OverrideForm(request.form, tiers=tiers)

    def save(session: Session, enrollment: Enrollment) -> None:
        service.set_override(
            session,
            enrollment,
            definition=definition,
            level=form.level.data,
            until_at=form.until_at(definition.zone),
            reason=form.reason.data or "",
            actor=signed_in_user(),
            now=utc_now(),
        )

    if not (form.validate() and _saved(partner_id, enrollment_id, form, save)):
        page = _page(partner_id, enrollment_id, override_form=form)
        return page, HTTPStatus.UNPROCESSABLE_ENTITY
    flashes.success(_("Set. Commissions are worked out again now."))
    return _back(partner_id, enrollment_id)


@bp.post("/override/end")
@requires(Permission.PARTNERS_MANAGE)
def end(partner_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    """Let the rules decide again."""
    form = EndOverrideForm(request.form)
    try:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(
                session, enrollment_id, partner_id=partner_id, lock=True
            )
            service.end_override(
                session,
                _override(session, enrollment.id, form.override.data or ""),
                actor=signed_in_user(),
                now=utc_now(),
            )
            commissions.recompute_later(session, enrollment.id)
    except OverrideIsOver:
        # A second click, or a colleague was faster; the page shows how things are.
        flashes.warning(_("Nothing was changed: somebody was faster. See below."))
    else:
        flashes.success(_("Removed. The rules of the program decide the tier again."))
    return _back(partner_id, enrollment_id)


def _saved(
    partner_id: UUID,
    enrollment_id: UUID,
    form: FactForm | OverrideForm,
    save: Callable[[Session, Enrollment], None],
) -> bool:
    """Save and queue what follows; a refusal is put next to its field."""
    try:
        with transaction(db.session()) as session:
            enrollment = enrollments.get(
                session, enrollment_id, partner_id=partner_id, lock=True
            )
            save(session, enrollment)
            commissions.recompute_later(session, enrollment.id)
    except Invalid as refusal:
        blame(form, refusal)
        return False
    return True


def _override(session: Session, enrollment_id: UUID, text: str) -> LevelOverride:
    try:
        found = queries.override(session, enrollment_id, parse_public_id("tov", text))
    except ValueError:
        found = None
    if found is None:
        raise OverrideIsOver(_("This tier is not set by hand any more."))
    return found


def _rules_of(partner_id: UUID, enrollment_id: UUID) -> tuple[ProgramDefinition, Tiers]:
    """Return the terms in force.

    Raises:
        NoTiers: They have none, so that there is nothing to write down.
    """
    session = db.session()
    enrollment = enrollments.get(session, enrollment_id, partner_id=partner_id)
    definition = queries.ruled_by(session, enrollment, now=utc_now())
    if definition.tiers is None:
        raise service.NoTiers(_("This program has no tiers any more."))
    return definition, definition.tiers


def _back(partner_id: UUID, enrollment_id: UUID) -> ResponseReturnValue:
    here = url_for(".show", partner_id=partner_id, enrollment_id=enrollment_id)
    return redirect(here, HTTPStatus.SEE_OTHER)


def _page(
    partner_id: UUID,
    enrollment_id: UUID,
    *,
    fact_form: FactForm | None = None,
    override_form: OverrideForm | None = None,
) -> str:
    session, now = db.session(), utc_now()
    enrollment = enrollments.get(session, enrollment_id, partner_id=partner_id)
    view = queries.of_enrollment(session, enrollment, now=now)
    tiers = view.definition.tiers
    overrides = queries.overrides_of(session, enrollment_id)
    today = now.astimezone(view.definition.zone)
    return render_template(
        "tiers/admin/show.html",
        view=view,
        enrollment=enrollment,
        partner=enrollment.partner,
        facts=queries.facts_of(session, enrollment_id),
        overrides=overrides,
        running=next((one for one in overrides if one.holds(now)), None),
        recordable=recorded_by_hand(tiers) if tiers else (),
        fact_form=fact_form
        or (FactForm(None, tiers=tiers, today=today) if tiers else None),
        override_form=override_form
        or (OverrideForm(None, tiers=tiers) if tiers else None),
        failed=fact_form or override_form,
        words=wording,
        now=now,
    )
