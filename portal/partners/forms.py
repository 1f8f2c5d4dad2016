"""Shapes of what an owner types about the team."""

from flask_babel import lazy_gettext as _
from wtforms import EmailField, Form, SelectField
from wtforms.validators import InputRequired, Length

from portal.accounts.permissions import PARTNER_ROLES
from portal.web.forms import choices
from portal.web.states import state_label

_CHOICES = choices((role.value, state_label(role)) for role in PARTNER_ROLES)


class InviteMemberForm(Form):
    """Somebody to invite, and what they may do."""

    email = EmailField(
        _("E-mail address"),
        [InputRequired(_("Enter an e-mail address.")), Length(max=254)],
    )
    role = SelectField(_("Role"), choices=_CHOICES)


class MemberRoleForm(Form):
    """Another role for a member."""

    role = SelectField(_("Role"), choices=_CHOICES)
