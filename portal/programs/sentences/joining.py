"""Sentences about getting in, and about what a partner must have."""

from portal.programs.definition import (
    BY_HAND,
    Audience,
    Blocks,
    Counted,
    Gate,
    ProgramDefinition,
    WhileUnmet,
)
from portal.programs.sentences.phrases import (
    any_of,
    country_names,
    months,
    ngettext,
)
from portal.programs.sentences.phrases import gettext as _


def answer_sentence(definition: ProgramDefinition) -> str:
    """Return how soon an applicant hears."""
    if definition.join.mode == "open":
        return _("You are in as soon as you have sent your answers.")
    return ngettext(
        "Most applicants get an answer in %(num)d day.",
        "Most applicants get an answer in %(num)d days.",
        definition.join.answer_within_days,
    )


def reapply_sentence(definition: ProgramDefinition) -> str:
    """Return when one can try again; nothing where nobody is refused."""
    if definition.join.mode == "open":
        return ""
    days = definition.join.reapply_after_days
    if days == 0:
        return _("If the answer is no, you can apply again at any time.")
    return ngettext(
        "If the answer is no, you can apply again after %(num)d day.",
        "If the answer is no, you can apply again after %(num)d days.",
        days,
    )


def who_sentences(definition: ProgramDefinition) -> list[str]:
    """Return who can get in, and how."""
    said = []
    if definition.audience is Audience.PEOPLE:
        said.append(_("The program is for people; you need no company."))
    elif definition.audience is Audience.CUSTOMERS:
        said.append(_("The program is for our customers."))
    if definition.join.mode == "invite":
        said.append(_("You need an invitation."))
    elif definition.join.mode == "open":
        said.append(_("Everybody who asks is in, without a review."))
    if definition.join.countries:
        said.append(
            _(
                "You can apply from %(countries)s.",
                countries=any_of(country_names(definition.join.countries)),
            )
        )
    else:
        said.append(_("You can apply from every country."))
    return said


def consequence_sentences(gate: Gate) -> list[str]:
    """Return what to do, what an unmet gate closes, and what becomes of sales."""
    words = {
        Blocks.JOIN: _("join the program"),
        Blocks.LINK: _("get a link"),
        Blocks.EARN: _("earn"),
        Blocks.PAYOUT: _("be paid"),
    }
    said = [gate.how] if gate.how else []
    said += team_sentences(gate)
    if gate.kind in BY_HAND:
        said.append(_("We confirm it."))
    said.append(
        _(
            "Until then, you cannot %(things)s.",
            things=any_of(words[block] for block in gate.blocks),
        )
    )
    if Blocks.EARN in gate.blocks:
        said.append(
            _("A sale that is paid before then earns nothing.")
            if gate.sales_while_unmet is WhileUnmet.FORFEITED
            else _("A sale that is paid before then counts from that day on.")
        )
    if gate.forfeits_after_months:
        said.append(
            _(
                "If it is not done within %(months)s of a customer's first payment, "
                "that customer's sales earn nothing.",
                months=months(gate.forfeits_after_months),
            )
        )
    return said


def team_phrase(gate: Gate) -> str:
    """Return whose certificates it takes, as "everybody on the team"; mostly nothing.

    One person's are enough where the gate does not say otherwise.
    """
    team = gate.team
    if team is None:
        return ""
    if team.number is None:
        return _("everybody on the team")
    if team.counts is Counted.CERTIFICATES:
        return ngettext(
            "%(num)d certificate on the team",
            "%(num)d certificates on the team, of one person or several",
            team.number,
        )
    return ngettext(
        "%(num)d person on the team", "%(num)d people on the team", team.number
    )


def team_sentences(gate: Gate) -> list[str]:
    """Return whose certificates it takes; nothing where one person's are enough."""
    if gate.team is None:
        return []
    said = [_("It takes %(whose)s.", whose=team_phrase(gate))]
    if gate.team.newcomer_days is not None:
        said.append(
            ngettext(
                "New colleagues have %(num)d day for it.",
                "New colleagues have %(num)d days for it.",
                gate.team.newcomer_days,
            )
        )
    return said


def sign_again_sentence(definition: ProgramDefinition) -> str:
    """Return by when an earlier signature is no longer enough; nothing if it stays."""
    agreement = definition.agreement
    if agreement is None or agreement.sign_again is None:
        return ""
    return ngettext(
        "Partners who accepted an earlier version must accept this one within %(num)d "
        "day of its first day. After that, what the agreement opens is shut until they "
        "do.",
        "Partners who accepted an earlier version must accept this one within %(num)d "
        "days of its first day. After that, what the agreement opens is shut until "
        "they do.",
        agreement.sign_again.within_days,
    )


def deadline_sentence(gate: Gate) -> str:
    """Return by when a gate must be met; nothing without a deadline."""
    if gate.deadline_days is None:
        return ""
    said = ngettext(
        "Do it within %(num)d day of joining.",
        "Do it within %(num)d days of joining.",
        gate.deadline_days,
    )
    if gate.shuts_at_deadline:
        return said + " " + _("After that it can no longer be done.")
    return said
