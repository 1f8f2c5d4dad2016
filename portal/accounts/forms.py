"""Shapes of what people type. What a password must be is in `rules`."""

from flask_babel import lazy_gettext as _
from wtforms import EmailField, Form, PasswordField, SelectField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from portal.accounts.permissions import STAFF_ROLES
from portal.web.forms import choices
from portal.web.states import state_label

_LONGEST = Length(max=1_024)
_STAFF = choices((role.value, state_label(role)) for role in STAFF_ROLES)


class SignInForm(Form):
    """An address and its password."""

    email = EmailField(
        _("E-mail address"),
        [InputRequired(_("Enter your e-mail address.")), Length(max=254)],
    )
    password = PasswordField(
        _("Password"), [InputRequired(_("Enter your password.")), _LONGEST]
    )


class RecoverForm(Form):
    """Where to mail a link."""

    email = EmailField(
        _("E-mail address"),
        [InputRequired(_("Enter your e-mail address.")), Length(max=254)],
    )


class NewPasswordForm(Form):
    """A new password, twice."""

    password = PasswordField(
        _("New password"),
        [InputRequired(_("Enter a new password.")), _LONGEST],
        description=_("At least 12 characters. A few unrelated words work well."),
    )
    again = PasswordField(
        _("New password again"),
        [
            InputRequired(_("Enter the new password again.")),
            EqualTo("password", _("The two passwords differ.")),
        ],
    )


class ChangePasswordForm(NewPasswordForm):
    """A new password by somebody who knows the old one."""

    current = PasswordField(
        _("Password you use now"),
        [InputRequired(_("Enter the password you use now.")), _LONGEST],
    )


class JoinForm(NewPasswordForm):
    """What an invited person chooses."""

    name = StringField(
        _("Your name"), [InputRequired(_("Enter your name.")), Length(max=200)]
    )


class InviteStaffForm(Form):
    """Somebody of the vendor's people to let in."""

    email = EmailField(
        _("E-mail address"),
        [InputRequired(_("Enter an e-mail address.")), Length(max=254)],
    )
    name = StringField(_("Name"), [InputRequired(_("Enter a name.")), Length(max=200)])
    role = SelectField(_("Role"), choices=_STAFF)


class StaffRoleForm(Form):
    """Another role for one of the vendor's people."""

    role = SelectField(_("Role"), choices=_STAFF)
