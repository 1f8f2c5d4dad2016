"""What happens to links and clicks. Callers own the transaction."""

import secrets
from datetime import datetime
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.audit import service as audit
from portal.enrollments import queries as enrollments
from portal.enrollments.models import Enrollment, EnrollmentStatus
from portal.enrollments.rules import GateStatus, unmet
from portal.kit.db import violates
from portal.kit.errors import Conflict, Invalid
from portal.kit.ids import new_id
from portal.programs.definition import Blocks
from portal.tracking import queries, rules
from portal.tracking.models import ONE_LINK_PER_CODE, Click, ReferralLink
from portal.tracking.rules import Site, Visit

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_CODE_LENGTH = 10


class LinksLocked(Conflict):
    """Something is still missing before the partner may have links."""

    code = "links_locked"


class CodeTaken(Invalid):
    """Another link has this code."""

    code = "code_taken"


class CodeNotAllowed(Invalid):
    """The code has other signs than letters, digits and hyphens, or a wrong length."""

    code = "code_not_allowed"


class DestinationNotAllowed(Invalid):
    """Links may not lead there."""

    code = "destination_not_allowed"


def in_the_way(statuses: list[GateStatus]) -> list[GateStatus]:
    """Return the gates that keep a partner from having links, in order."""
    waiting = [*unmet(statuses, Blocks.JOIN), *unmet(statuses, Blocks.LINK)]
    return list({status.gate.key: status for status in waiting}.values())


def create_link(
    session: Session,
    enrollment: Enrollment,
    *,
    name: str,
    now: datetime,
    destination_url: str | None = None,
    site: Site | None = None,
    code: str | None = None,
    actor: User | None = None,
) -> ReferralLink:
    """Make a link.

    Args:
        session: The session that holds the open transaction.
        enrollment: Whose link, with its version loaded.
        name: For the partner's own list.
        now: When.
        destination_url: Where it leads, a path or a whole address; none for the
            page that the program names.
        site: Where links may lead; needed with `destination_url`.
        code: What comes after `/r/`; none for a random one.
        actor: Who makes it; none for the portal itself.

    Raises:
        LinksLocked: A gate is in the way, or the enrollment is not running.
        DestinationNotAllowed: Links may not lead there.
        CodeNotAllowed: The code has the wrong signs or length.
        CodeTaken: Another link has the code.
    """
    _refuse_locked(session, enrollment, now)
    kept = enrollment.version.definition.landing_url
    if destination_url:
        kept = _destination(destination_url, site)
    if code is not None and not rules.CODE.fullmatch(code):
        raise CodeNotAllowed(
            _(
                "Use 3 to 40 small letters, digits and hyphens, "
                "such as summer-offer. Begin and end with a letter or digit."
            ),
            field="code",
        )
    link = ReferralLink(
        id=new_id(),
        enrollment_id=enrollment.id,
        code=code or _random_code(),
        name=name,
        destination_url=kept,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(link)
    except IntegrityError as error:
        if not violates(error, ONE_LINK_PER_CODE):
            raise
        raise CodeTaken(
            _("This code is in use already. Choose another one."), field="code"
        ) from error
    audit.record(session, "link.created", link.id, actor=actor, at=now, code=link.code)
    return link


def ensure_default_link(
    session: Session, enrollment: Enrollment, *, now: datetime
) -> ReferralLink | None:
    """Return a link of the enrollment, made now if it never had one.

    Returns:
        The oldest link in use; none while a gate is in the way, or when the partner
        has switched all links off.
    """
    enrollment = enrollments.get(session, enrollment.id, lock=True)
    if queries.has_links(session, enrollment.id):
        return queries.first_link(session, enrollment.id)
    try:
        return create_link(session, enrollment, name=_("My first link"), now=now)
    except LinksLocked:
        return None


def disable(
    session: Session, link: ReferralLink, *, actor: User, now: datetime
) -> None:
    """Stop a link from counting. Disabled already: no change."""
    if link.disabled_at is None:
        link.disabled_at = now
        audit.record(session, "link.disabled", link.id, actor=actor, at=now)


def enable(session: Session, link: ReferralLink, *, actor: User, now: datetime) -> None:
    """Let a link count again. Not disabled: no change."""
    if link.disabled_at is not None:
        link.disabled_at = None
        audit.record(session, "link.enabled", link.id, actor=actor, at=now)


def record_click(
    session: Session,
    *,
    link_id: UUID,
    visitor: str,
    visit: Visit,
    referrer_host: str,
    landing_url: str,
    now: datetime,
    click_id: UUID | None = None,
) -> Click:
    """Keep a visit through a link; whether it earns is decided later.

    Args:
        session: The session that holds the open transaction.
        link_id: The link.
        visitor: What the cookie holds; empty for a visitor without one.
        visit: What the request was.
        referrer_host: The site the visitor came from.
        landing_url: Where the visitor was sent.
        now: When.
        click_id: The click's key, if the visitor has been told it already.
    """
    click = Click(
        id=click_id or new_id(),
        link_id=link_id,
        visitor=visitor,
        clicked_at=now,
        is_bot=visit is Visit.BOT,
        counts=visit.counts,
        referrer_host=referrer_host,
        landing_url=landing_url,
    )
    session.add(click)
    return click


def _refuse_locked(session: Session, enrollment: Enrollment, now: datetime) -> None:
    stopped = (EnrollmentStatus.SUSPENDED, EnrollmentStatus.TERMINATED)
    if enrollment.status in stopped:
        raise LinksLocked(_("You cannot make links in this program at present."))
    waiting = in_the_way(enrollments.checklist(session, enrollment, now=now))
    if waiting:
        raise LinksLocked(
            _(
                "Your links open when this is done: %(gates)s.",
                gates=", ".join(status.gate.title for status in waiting),
            )
        )


def _destination(text: str, site: Site | None) -> str:
    if site is None:
        raise ValueError("a destination of one's own needs to know what is allowed")
    kept = rules.destination(text, site)
    if kept is None:
        raise DestinationNotAllowed(
            _(
                "Links may only lead to these sites: %(hosts)s. Give a path such as "
                "/pricing, or a whole address that begins with https://.",
                hosts=", ".join(sorted(site.hosts)),
            ),
            field="destination",
        )
    return kept


def _random_code() -> str:
    return "".join(secrets.choice(_LETTERS) for _letter in range(_CODE_LENGTH))
