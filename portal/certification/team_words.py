"""Who of a team has what a gate asks for, in words."""

from collections.abc import Iterable

from flask_babel import gettext, ngettext

from portal.certification.team import Member
from portal.certification.team_queries import TeamStanding
from portal.programs.definition import Counted
from portal.web.formats import date_text


def team_text(found: TeamStanding) -> str:
    """Return how many have it and who still has to."""
    stood = found.standing
    counted = (
        gettext(
            "%(found)s of %(needed)s certificates.",
            found=stood.found,
            needed=stood.needed,
        )
        if stood.counts is Counted.CERTIFICATES
        else ngettext(
            "%(found)s of %(num)d person has it.",
            "%(found)s of %(num)d people have it.",
            stood.needed,
            found=stood.found,
        )
    )
    if stood.is_met or not found.waiting:
        return str(counted)
    names = ", ".join(found.waiting)
    return f"{counted} {gettext('Without it: %(names)s.', names=names)}"


def team_texts(found: Iterable[TeamStanding]) -> dict[str, str]:
    """Return the same of each gate, by its key."""
    return {one.gate.key: team_text(one) for one in found}


def member_text(member: Member) -> str:
    """Return how one person stands."""
    if member.held_until is not None:
        return str(gettext("Valid until %(day)s", day=date_text(member.held_until)))
    if member.newcomer_until is not None:
        day = date_text(member.newcomer_until)
        return str(gettext("New; has until %(day)s", day=day))
    return str(gettext("Still to do"))
