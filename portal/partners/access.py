"""Whose workspace this is: the only way partner views learn a partner's id."""

from uuid import UUID

from flask import g
from flask_babel import gettext as _

from portal.accounts.access import signed_in_user
from portal.extensions import db
from portal.kit.errors import NotFound
from portal.partners import queries
from portal.partners.models import Partner


def current_partner() -> Partner:
    """Return the partner of the signed-in user, loaded once per request.

    Raises:
        NotFound: The user belongs to no partner.
    """
    if "partner" not in g:
        g.partner = queries.of_user(db.session(), signed_in_user().id)
    partner: Partner | None = g.partner
    if partner is None:
        raise NotFound(_("You do not belong to a partner."))
    return partner


def current_partner_id() -> UUID:
    """Return the id of the signed-in user's partner.

    Raises:
        NotFound: The user belongs to no partner.
    """
    return current_partner().id
