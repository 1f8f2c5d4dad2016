from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue

from portal.accounts.access import public
from portal.config import Settings
from portal.extensions import csrf, db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.payments.gateway import ForgedEvent, verified_event
from portal.webhooks import service
from portal.webhooks.rules import NotAnEvent, checked_event, is_live

LARGEST_BODY = 256 * 1024

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")
csrf.exempt(bp)  # The signature, not a cookie, says who is calling.


@bp.post("/stripe")
@public
def stripe() -> ResponseReturnValue:
    """Verify, keep, answer. The job acts on it later."""
    settings: Settings = current_app.extensions["portal.settings"]
    if not settings.stripe_webhook_secrets:
        abort(404)
    request.max_content_length = LARGEST_BODY
    now = utc_now()
    try:
        received = verified_event(
            request.get_data(cache=False),
            request.headers.get("Stripe-Signature", ""),
            settings.stripe_webhook_secrets,
            now=now,
        )
        event = checked_event(received, livemode=is_live(settings.stripe_secret_key))
    except (ForgedEvent, NotAnEvent) as refusal:
        return str(refusal), 400, {"Content-Type": "text/plain; charset=utf-8"}
    with transaction(db.session()) as session:
        service.receive(session, event, now=now)
    return "", 204
