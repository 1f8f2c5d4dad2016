"""A client that is signed in, without the form."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from portal.accounts.models import User, UserSession
from portal.accounts.tokens import token_hash
from portal.kit.clock import utc_now
from portal.kit.ids import new_token


def client_of(
    app: Flask, session: Session, user: User, *, base_url: str = "http://localhost"
) -> FlaskClient:
    """Return a client whose cookie opens a session of the given user."""
    token, now = new_token(), utc_now()
    session.add(
        UserSession(
            user_id=user.id,
            token_sha256=token_hash(token),
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=1),
        )
    )
    session.flush()
    client = app.test_client()
    with client.session_transaction(base_url=base_url) as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
    return client
