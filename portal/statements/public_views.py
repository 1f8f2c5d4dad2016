import re

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.accounts.access import public
from portal.extensions import db
from portal.statements import queries

bp = Blueprint("statements_public", __name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")


@bp.get("/verify/statement")
@bp.get("/verify/statement/<sha256>")
@public
def verify(sha256: str = "") -> ResponseReturnValue:
    """Say whether a statement with this hash was issued, and which one it is.

    A hash cannot be guessed, so the answer tells nothing to somebody who does not
    hold the statement.
    """
    typed = request.args.get("sha256")
    if typed is not None:
        wanted = "".join(typed.split()).lower()[:200]
        return redirect(url_for(".verify", sha256=wanted or None), 303)
    looked_up = sha256.lower()
    found = (
        queries.by_sha256(db.session(), looked_up)
        if _SHA256.fullmatch(looked_up)
        else None
    )
    return render_template(
        "statements/public/verify.html", sha256=sha256, statement=found
    )
