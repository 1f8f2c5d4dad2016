"""What tests about sign-ins share."""

import re
from functools import cache

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.accounts.models import User, UserSession
from portal.accounts.passwords import hash_password
from portal.mail.models import OutboxEmail
from portal.mail.rendering import Rendered, render
from tests.factories.people import UserFactory

PASSWORD = "seven green bicycles"
NEW_PASSWORD = "eleven quiet harbours"


@cache
def hashed() -> str:
    return hash_password(PASSWORD)


def joined(**values: object) -> User:
    user: User = UserFactory.create(**{"password_hash": hashed(), **values})
    return user


def sign_in_by_form(
    client: FlaskClient, email: str, password: str = PASSWORD, path: str = "/login"
) -> TestResponse:
    return client.post(path, data={"email": email, "password": password})


def sessions_of(session: Session, user: User) -> list[UserSession]:
    return list(
        session.scalars(
            select(UserSession)
            .where(UserSession.user_id == user.id)
            .order_by(UserSession.id)
        )
    )


def mails_to(session: Session, email: str) -> list[OutboxEmail]:
    return list(
        session.scalars(
            select(OutboxEmail)
            .where(OutboxEmail.to == email)
            .order_by(OutboxEmail.id)
            .execution_options(populate_existing=True)
        )
    )


def as_read(app: Flask, mail: OutboxEmail) -> Rendered:
    with app.app_context():
        return render(mail.template, mail.context, mail.locale)


def without_tokens(page: str) -> str:
    """Return a page without what is new each time: CSRF tokens and form ids."""
    return re.sub(r'(name="(?:csrf_token|form_id)") value="[^"]*"', r"\1", page)
