from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.accounts import queries, service
from portal.accounts.access import requires, signed_in_user
from portal.accounts.forms import InviteStaffForm, StaffRoleForm
from portal.accounts.models import User
from portal.accounts.permissions import (
    GRANTS,
    PARTNER_ROLES,
    STAFF_ROLES,
    Permission,
    Role,
)
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import Invalid, NotFound
from portal.web import flashes
from portal.web.forms import blame

bp = Blueprint("accounts_admin", __name__, url_prefix="/admin/users")


@bp.get("")
@requires(Permission.USERS_READ)
def users() -> ResponseReturnValue:
    """List the vendor's people, and what each role may do."""
    return _users_page(InviteStaffForm())


@bp.post("")
@requires(Permission.USERS_MANAGE)
def invite() -> ResponseReturnValue:
    """Invite somebody by mail."""
    form = InviteStaffForm(request.form)
    if not form.validate():
        return _users_page(form), 422
    now = utc_now()
    try:
        with transaction(db.session()) as session:
            service.invite_staff(
                session,
                email=form.email.data or "",
                name=form.name.data or "",
                role=Role(form.role.data),
                actor=signed_in_user(),
                now=now,
            )
    except Invalid as refusal:
        blame(form, refusal)
        return _users_page(form), 422
    flashes.success(
        _("Invitation sent to %(email)s. It works for 72 hours.", email=form.email.data)
    )
    return _back()


@bp.post("/<pid(usr):user_id>/invite-again")
@requires(Permission.USERS_MANAGE)
def invite_again(user_id: UUID) -> ResponseReturnValue:
    """Send a new link to somebody who did not use the first."""
    now = utc_now()
    with transaction(db.session()) as session:
        user = _staff_member(user_id)
        invitation = service.invite_again(
            session, user, actor=signed_in_user(), now=now
        )
        service.mail_invitation(session, invitation, now=now)
    flashes.success(_("A new invitation is on its way. The first link has ended."))
    return _back()


@bp.post("/<pid(usr):user_id>/role")
@requires(Permission.USERS_MANAGE)
def change_role(user_id: UUID) -> ResponseReturnValue:
    """Give somebody another role."""
    form = StaffRoleForm(request.form)
    if not form.validate():
        raise Invalid(_("Choose a role from the list."), field="role")
    with transaction(db.session()) as session:
        user = _staff_member(user_id)
        service.change_role(
            session, user, Role(form.role.data), actor=signed_in_user(), now=utc_now()
        )
    flashes.success(_("The role is changed. They have to sign in again."))
    return _back()


@bp.post("/<pid(usr):user_id>/deactivate")
@requires(Permission.USERS_MANAGE)
def deactivate(user_id: UUID) -> ResponseReturnValue:
    """Keep somebody out from now on."""
    with transaction(db.session()) as session:
        user = _staff_member(user_id)
        service.deactivate(session, user, actor=signed_in_user(), now=utc_now())
    flashes.success(_("They are signed out everywhere and cannot come back."))
    return _back()


@bp.post("/<pid(usr):user_id>/reactivate")
@requires(Permission.USERS_MANAGE)
def reactivate(user_id: UUID) -> ResponseReturnValue:
    """Let somebody in again."""
    with transaction(db.session()) as session:
        user = _staff_member(user_id)
        service.reactivate(session, user, actor=signed_in_user(), now=utc_now())
    flashes.success(_("They can sign in again."))
    return _back()


def _staff_member(user_id: UUID) -> User:
    """Return one of the vendor's people, locked; partners have their own page.

    An admin's row is locked together with those of all admins, always in one order.
    """
    queries.locked_admins(db.session())
    user = queries.get(db.session(), user_id, lock=True)
    if not user.is_staff:
        raise NotFound(_("There is no such user."))
    return user


def _back() -> ResponseReturnValue:
    return redirect(url_for(".users"), 303)


def _users_page(form: InviteStaffForm) -> str:
    return render_template(
        "accounts/admin/users.html",
        form=form,
        people=queries.staff(db.session()),
        me=signed_in_user(),
        roles=STAFF_ROLES,
        matrices=[_matrix("staff:", STAFF_ROLES), _matrix("workspace:", PARTNER_ROLES)],
    )


def _matrix(
    face: str, roles: tuple[Role, ...]
) -> tuple[tuple[Role, ...], list[tuple[str, list[bool]]]]:
    """Return the roles of one face and, for each permission, who holds it."""
    rows = [
        (_in_words(permission), [permission in GRANTS[role] for role in roles])
        for permission in Permission
        if permission.startswith(face)
    ]
    return roles, rows


def _in_words(permission: Permission) -> str:
    thing, action = permission.split(":")[1:]
    return f"{thing.replace('-', ' ').capitalize()}: {action}"
