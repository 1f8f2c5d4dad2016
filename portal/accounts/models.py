"""People who sign in, where they are signed in, and the links mailed to them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from portal.accounts.permissions import Role
from portal.kit.db import Base
from portal.kit.ids import new_id, public_id

ONE_USER_PER_EMAIL = "uq_users_email"


class User(Base):
    """A person who can sign in, with one role."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(unique=True)
    """Lower case; `accounts.service.normal_email` makes it so."""
    name: Mapped[str]
    role: Mapped[Role]
    password_hash: Mapped[str | None] = mapped_column(default=None)
    """argon2id with its parameters; none until an invitation is accepted."""
    locale: Mapped[str] = mapped_column(default="en")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]

    @property
    def public_id(self) -> str:
        """The id that people and programs see."""
        return public_id("usr", self.id)

    @property
    def is_staff(self) -> bool:
        """Whether the person works for the vendor."""
        return self.role.is_staff


class UserSession(Base):
    """One place where a user is signed in. Deleting the row signs them out."""

    __tablename__ = "user_sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """Hash of the token in the cookie: a stolen table opens no session."""
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    user_agent: Mapped[str] = mapped_column(default="")


class TokenPurpose(StrEnum):
    """What a mailed link lets its bearer do."""

    JOIN = "join"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a word, not a secret


class MailedToken(Base):
    """A single-use link in a mail: an invitation or a password reset."""

    __tablename__ = "mailed_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    purpose: Mapped[TokenPurpose]
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ThrottleHit(Base):
    """One counted try, such as a failed sign-in, in one bucket."""

    __tablename__ = "throttle_hits"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    bucket: Mapped[str] = mapped_column(index=True)
    """`<what>:<whom>`, such as `sign-in:dana@acme.example`."""
    at: Mapped[datetime]
