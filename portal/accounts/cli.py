import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from portal.accounts import queries, service
from portal.accounts.models import User
from portal.accounts.permissions import PARTNER_ROLES, STAFF_ROLES, Role
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.db import transaction
from portal.kit.errors import DomainError

group = AppGroup("user", help="People who sign in.")

_ROLES = [role.value for role in STAFF_ROLES]
_FROM_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)


@group.command("create")
@click.argument("email")
@click.option("--role", type=click.Choice(_ROLES), required=True)
@click.option("--name", default="", help="Their name; they can change it.")
@click.option("--mail", is_flag=True, help="Mail the link instead of printing it.")
@_FROM_STDIN
def create(
    email: str, role: str, name: str, *, mail: bool, password_stdin: bool
) -> None:
    """Add one of the vendor's people and print the link that lets them in."""
    now = utc_now()
    if password_stdin:
        password = _password()
        with _refusals(), transaction(db.session()) as session:
            user = service.create_user(
                session,
                email=email,
                name=name,
                role=Role(role),
                now=now,
                password=password,
                about=(current_app.config["ORG_NAME"],),
            )
            click.echo(f"{user.email} can sign in as {role}.")
        return
    with _refusals(), transaction(db.session()) as session:
        invitation = service.invite(
            session, email=email, name=name, role=Role(role), now=now
        )
        if mail:
            service.mail_invitation(session, invitation, now=now)
            click.echo(f"Invitation mailed to {invitation.user.email}.")
        else:
            click.echo(_link(invitation.path))


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_users(*, as_json: bool) -> None:
    """List everybody who has a user."""
    people = queries.everyone(db.session())
    if as_json:
        click.echo(json.dumps([_as_json(user) for user in people], indent=2))
        return
    for user in people:
        state = "" if user.is_active else "  (inactive)"
        click.echo(f"{user.email}  {user.role.value}  {user.name}{state}")


@group.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice([*_ROLES, *(r.value for r in PARTNER_ROLES)]))
def role(email: str, role: str) -> None:
    """Give somebody another role."""
    with _refusals(), transaction(db.session()) as session:
        user = _named(session, email)
        service.change_role(session, user, Role(role), actor=None, now=utc_now())
        click.echo(f"{user.email} is {role} now.")


@group.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Keep somebody out from now on."""
    with _refusals(), transaction(db.session()) as session:
        user = _named(session, email)
        service.deactivate(session, user, actor=None, now=utc_now())
        click.echo(f"{user.email} is signed out and cannot come back.")


@group.command("enable")
@click.argument("email")
def enable(email: str) -> None:
    """Let somebody in again."""
    with _refusals(), transaction(db.session()) as session:
        user = _named(session, email)
        service.reactivate(session, user, actor=None, now=utc_now())
        click.echo(f"{user.email} can sign in again.")


@group.command("password")
@click.argument("email")
@_FROM_STDIN
def password(email: str, *, password_stdin: bool) -> None:
    """Print a link that sets a new password, or set the one that is typed."""
    now = utc_now()
    typed = _password() if password_stdin else None
    with _refusals(), transaction(db.session()) as session:
        user = _named(session, email)
        if typed is None:
            click.echo(_link(service.reset_path(session, user, now=now)))
            return
        about = (current_app.config["ORG_NAME"],)
        service.set_password(session, user, typed, about=about, now=now, actor=None)
        click.echo(f"The password of {user.email} is set.")


def _named(session: Session, email: str) -> User:
    user = queries.by_email(session, service.normal_email(email))
    if user is None:
        raise click.ClickException(f"No user has the address {email}.")
    return user


def _password() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _link(path: str) -> str:
    return f"{current_app.config['BASE_URL']}{path}"


def _as_json(user: User) -> dict[str, str | bool]:
    return {
        "id": user.public_id,
        "email": user.email,
        "name": user.name,
        "role": user.role.value,
        "active": user.is_active,
        "joined": user.password_hash is not None,
        "created_at": user.created_at.isoformat(),
    }


@contextmanager
def _refusals() -> Iterator[None]:
    """Print a refusal as a sentence."""
    try:
        yield
    except DomainError as refusal:
        raise click.ClickException(str(refusal.message)) from refusal
