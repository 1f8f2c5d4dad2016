from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts import service as accounts
from portal.accounts.access import requires, signed_in_user
from portal.accounts.permissions import PARTNER_ROLES, Permission, Role
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid
from portal.partners import queries, service
from portal.partners.access import current_partner_id
from portal.partners.forms import InviteMemberForm, MemberRoleForm
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint("partners", __name__, url_prefix="/app/team")


@bp.get("")
@requires(Permission.TEAM_READ)
def team() -> ResponseReturnValue:
    """List the partner's people."""
    return _team_page(InviteMemberForm(role=Role.PARTNER_VIEWER.value))


@bp.post("")
@requires(Permission.TEAM_MANAGE)
def invite() -> ResponseReturnValue:
    """Invite somebody by mail.

    The try is counted in a transaction of its own: a refusal undoes the other, and
    nobody may learn by trying which addresses sign in here.
    """
    form = InviteMemberForm(request.form)
    if not form.validate():
        return _team_page(form), 422
    partner_id, now = current_partner_id(), utc_now()
    with transaction(db.session()) as session:
        accounts.count_invitation(session, signed_in_user(), now=now)
    try:
        with transaction(db.session()) as session:
            service.invite(
                session,
                queries.get(session, partner_id),
                email=form.email.data or "",
                role=Role(form.role.data),
                actor=signed_in_user(),
                now=now,
            )
    except Invalid as refusal:
        blame(form, refusal)
        return _team_page(form), 422
    flashes.success(
        _("Invitation sent to %(email)s. It works for 72 hours.", email=form.email.data)
    )
    return _back()


@bp.post("/<pid(usr):user_id>/invite-again")
@requires(Permission.TEAM_MANAGE)
def invite_again(user_id: UUID) -> ResponseReturnValue:
    """Send a new link to somebody who did not use the first."""
    partner_id = current_partner_id()
    with transaction(db.session()) as session:
        partner = queries.get(session, partner_id, lock=True)
        member = queries.member(session, partner_id, user_id, lock=True)
        service.invite_again(
            session, partner, member.user, actor=signed_in_user(), now=utc_now()
        )
    flashes.success(_("A new invitation is on its way. The first link has ended."))
    return _back()


@bp.post("/<pid(usr):user_id>/role")
@requires(Permission.TEAM_MANAGE)
def change_role(user_id: UUID) -> ResponseReturnValue:
    """Give a member another role."""
    partner_id, form = current_partner_id(), MemberRoleForm(request.form)
    queries.member(db.session(), partner_id, user_id)  # 404 before anything else
    if not form.validate():
        raise Invalid(_("Choose a role from the list."), field="role")
    with transaction(db.session()) as session:
        partner = queries.get(session, partner_id, lock=True)
        member = queries.member(session, partner_id, user_id, lock=True)
        service.change_role(
            session,
            partner,
            member.user,
            Role(form.role.data),
            actor=signed_in_user(),
            now=utc_now(),
        )
    flashes.success(_("The role is changed. They have to sign in again."))
    return _back()


@bp.post("/<pid(usr):user_id>/remove")
@requires(Permission.TEAM_MANAGE)
def remove(user_id: UUID) -> ResponseReturnValue:
    """Take somebody off the team."""
    partner_id = current_partner_id()
    with transaction(db.session()) as session:
        partner = queries.get(session, partner_id, lock=True)
        member = queries.member(session, partner_id, user_id, lock=True)
        service.remove_member(
            session, partner, member, actor=signed_in_user(), now=utc_now()
        )
    flashes.success(_("They are off the team and signed out everywhere."))
    return _back()


def _back() -> ResponseReturnValue:
    return redirect(url_for(".team"), 303)


def _team_page(form: InviteMemberForm) -> str:
    return render_template(
        "partners/team.html",
        form=form,
        members=queries.members(db.session(), current_partner_id()),
        me=signed_in_user(),
        roles=PARTNER_ROLES,
    )
