"""From an e-mail address to a draft that its owner can write on."""

import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts import throttle
from portal.accounts.service import normal_email
from portal.accounts.throttle import Limit
from portal.applications import emails, queries, rules
from portal.applications.models import (
    DECIDED,
    ONE_OPEN_PER_EMAIL,
    ONE_PER_REFERENCE,
    Application,
    ApplicationStatus,
)
from portal.audit import service as audit
from portal.kit.db import violates
from portal.kit.errors import Conflict, Gone, Invalid, NotFound
from portal.kit.ids import new_id
from portal.programs.models import ProgramVersion

STARTS_PER_ADDRESS = Limit("apply-from", 20, timedelta(hours=1))
CODES_PER_ADDRESS = Limit("apply-code-from", 30, timedelta(hours=1))
MAILS_TO_STRANGERS = Limit("apply-mail", 2, timedelta(days=1))
"""To an address that nobody confirmed: its owner may not know of us."""
MAILS_TO_APPLICANTS = Limit("apply-mail", 6, timedelta(days=1))


class NotOpen(Conflict):
    """The program takes nobody in by application."""

    code = "program_not_open"


class CountryNotServed(Invalid):
    """The program does not take partners from that country."""

    code = "country_not_served"


class NoSuchLink(NotFound):
    """The link opens nothing."""

    code = "application_link_unknown"


class LinkExpired(Gone):
    """The link was good once; a new one is a form away."""

    code = "application_link_expired"

    def __init__(self, message: str, *, program_key: str) -> None:
        super().__init__(message)
        self.program_key = program_key


def start(
    session: Session,
    version: ProgramVersion,
    *,
    email: str,
    country: str | None,
    remote_address: str | None,
    locale: str,
    now: datetime,
) -> None:
    """Mail a link to whoever wants to apply, or applied already.

    Nothing that the caller sees tells whether the address is known.

    Args:
        session: The session that holds the open transaction.
        version: The program's version in force.
        email: The address as typed.
        country: The applicant's country; asked where the program limits it.
        remote_address: Where the request came from, for the throttle.
        locale: The visitor's language.
        now: The moment of the request.

    Raises:
        NotOpen: The program is by invitation.
        CountryNotServed: The program does not take partners from there.
        TooManyTries: From this address.
        Invalid: The e-mail address is none.
    """
    join = version.definition.join
    if join.mode == "invite":
        raise NotOpen(_("This program is by invitation only."))
    if join.countries and country not in join.countries:
        raise CountryNotServed(
            _("This program does not take partners from this country."), field="country"
        )
    email = normal_email(email)
    network = throttle.network_of(remote_address)
    throttle.count(session, STARTS_PER_ADDRESS, network, now=now)
    application = None
    while application is None:
        application = _to_go_on_with(session, version, email, now) or new_draft(
            session, version, email=email, country=country or "", locale=locale, now=now
        )
    is_known = application.email_confirmed_at is not None
    limit = MAILS_TO_APPLICANTS if is_known else MAILS_TO_STRANGERS
    if not throttle.allows(session, limit, email, now=now):
        return
    if application.status is not ApplicationStatus.DRAFT:
        emails.send_link(session, application, now=now)
        return
    code = rules.new_code()
    application.code_sha256 = _code_hash(application.id, code)
    application.code_expires_at = now + timedelta(minutes=rules.CODE_MINUTES)
    application.code_tries = 0
    emails.send_confirmation(session, application, code=code, now=now)


def _to_go_on_with(
    session: Session, version: ProgramVersion, email: str, now: datetime
) -> Application | None:
    """Return the address's application unless it is time for a new one."""
    found = queries.latest_locked(session, version.program_id, email)
    if found is None or found.status is not ApplicationStatus.REJECTED:
        return found
    today = now.astimezone(version.definition.zone).date()
    may_try_again = found.reapply_on is None or found.reapply_on <= today
    return None if may_try_again and not found.is_held(now) else found


def new_draft(
    session: Session,
    version: ProgramVersion,
    *,
    email: str,
    country: str,
    locale: str,
    now: datetime,
) -> Application | None:
    """Return a new draft; none if its reference is taken, or somebody was faster."""
    application = Application(
        id=new_id(),
        reference=rules.new_reference(),
        program_id=version.program_id,
        version=version,
        email=email,
        email_domain=rules.domain_of(email),
        locale=locale,
        answers={"country": country} if country else {},
        created_at=now,
        updated_at=now,
    )
    try:
        with session.begin_nested():
            session.add(application)
    except IntegrityError as error:
        if violates(error, ONE_OPEN_PER_EMAIL) or violates(error, ONE_PER_REFERENCE):
            return None
        raise
    audit.record(session, "application.started", application.id, actor=None, at=now)
    return application


def open_by_link(session: Session, token: str, *, now: datetime) -> Application:
    """Return the application behind a mailed link; the first use confirms the address.

    Raises:
        NoSuchLink: It opens nothing: mistyped, or the draft was deleted.
        LinkExpired: It is too old.
    """
    found = queries.by_token(session, token)
    if found is None:
        raise NoSuchLink(
            _(
                "This link does not open an application. If you began one more than "
                "%(draft_days)s days ago, it was deleted. You can start again.",
                draft_days=rules.DRAFT_DAYS,
            )
        )
    application, link = found
    if link.expires_at <= now:
        raise LinkExpired(
            _("This link has expired."), program_key=application.definition.key
        )
    confirm(session, application, now=now)
    return application


def confirm_email(
    session: Session,
    program_id: UUID,
    *,
    email: str,
    code: str,
    remote_address: str | None,
    now: datetime,
) -> Application | None:
    """Return the draft whose newest mail has this code; none if the code is wrong.

    Wrong tries are counted, so a refusal is an answer and not an exception.

    Raises:
        TooManyTries: From this address.
    """
    network = throttle.network_of(remote_address)
    throttle.count(session, CODES_PER_ADDRESS, network, now=now)
    application = queries.latest_locked(session, program_id, email)
    if (
        application is None
        or application.status is not ApplicationStatus.DRAFT
        or application.code_sha256 is None
        or application.code_expires_at is None
        or application.code_expires_at <= now
        or application.code_tries >= rules.CODE_TRIES
    ):
        return None
    application.code_tries += 1
    if not hmac.compare_digest(
        application.code_sha256, _code_hash(application.id, code)
    ):
        return None
    application.code_sha256 = None
    confirm(session, application, now=now)
    return application


def confirm(session: Session, application: Application, *, now: datetime) -> None:
    """Note that the applicant's address is theirs; repeating changes nothing."""
    if application.email_confirmed_at is not None or application.status in DECIDED:
        return
    application.email_confirmed_at = now
    audit.record(
        session, "application.email_confirmed", application.id, actor=None, at=now
    )


def _code_hash(application_id: UUID, code: str) -> bytes:
    return hashlib.sha256(f"{application_id}:{code}".encode()).digest()
