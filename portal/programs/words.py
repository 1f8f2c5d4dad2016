"""The terms of a program, made from the rules that pay.

Nobody writes these sentences by hand, so they cannot promise what the rules do not
do. They are in the reader's language; outside a request they are in English.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import flask_babel
from babel.lists import format_list

from portal.programs.amounts import locale
from portal.programs.definition import (
    Blocks,
    Evidence,
    Fee,
    Gate,
    GateKind,
    ProgramDefinition,
    Source,
    Tiers,
    WhileUnmet,
)
from portal.programs.rules import sources_for, weakest_evidence
from portal.programs.sentences import (
    answer_sentence,
    attribution_sentence,
    countries_sentence,
    fee_sentence,
    hold_sentence,
    payout_sentence,
    price_each,
    refund_sentence,
    rounding_sentence,
    rule_sentence,
    threshold,
    tiering_sentence,
)
from portal.web.formats import percent_bps as percent

__all__ = ["GateTerms", "Term", "Terms", "TierTerms", "rule_sentence", "terms_in_words"]

_: Callable[..., str] = flask_babel.gettext  # typed there as anything
ngettext: Callable[..., str] = flask_babel.ngettext


@dataclass(frozen=True, slots=True)
class Term:
    """One sentence, and where its numbers come from."""

    text: str
    sources: tuple[Source, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def evidence(self) -> Evidence | None:
        """The least certain of its sources; none for the vendor's own terms."""
        return weakest_evidence(list(self.sources))


@dataclass(frozen=True, slots=True)
class TierTerms:
    """One row of the tier table. `rate` and `fee` are empty where they are not by tier.

    Attributes:
        key: The level's key.
        name: The level's name.
        begins: From what on, such as "from 6 new customers".
        rate: What it earns.
        fee: What it costs to be in.
        benefits: What else comes with it.
    """

    key: str
    name: str
    begins: str
    rate: str
    fee: str
    benefits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateTerms:
    """One thing a partner must do, and what it opens."""

    key: str
    kind: GateKind
    title: str
    consequence: str
    deadline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Everything a partner should know before applying, in sentences."""

    rewards: tuple[Term, ...]
    steps: tuple[str, ...]
    gates: tuple[GateTerms, ...]
    tiering: Term | None
    tiers: tuple[TierTerms, ...]
    fee: Term | None
    attribution: Term
    hold: Term
    payout: Term
    refunds: Term
    rounding: Term
    answer: Term
    countries: Term

    @property
    def reward(self) -> str:
        """All reward sentences in one text."""
        return " ".join(term.text for term in self.rewards)

    def rows(self) -> Iterator[tuple[str, Term]]:
        """Yield each term with its label, for a list of terms."""
        for reward in self.rewards:
            yield _("Reward"), reward
        yield _("Who can apply"), self.countries
        if self.tiering:
            yield _("Tiers"), self.tiering
        if self.fee:
            yield _("Fee"), self.fee
        yield _("Your customers"), self.attribution
        yield _("Waiting time"), self.hold
        yield _("Payment"), self.payout
        yield _("Refunds"), self.refunds
        yield _("Rounding"), self.rounding

    @property
    def unpublished(self) -> tuple[Term, ...]:
        """The terms that rest on a reported or an assumed number."""
        return tuple(
            term
            for _label, term in self.rows()
            if term.evidence in (Evidence.REPORTED, Evidence.ASSUMED)
        )


def terms_in_words(definition: ProgramDefinition) -> Terms:
    """Return the terms of a program as sentences."""

    def term(text: str, *paths: str) -> Term:
        found = [s for path in paths for s in sources_for(definition, path)]
        return Term(text, tuple(found))

    return Terms(
        rewards=tuple(
            term(rule_sentence(rule, definition), f"rules.{rule.key}")
            for rule in definition.rules
        ),
        steps=tuple(_steps(definition)),
        gates=tuple(_gate_terms(gate) for gate in definition.gates),
        tiering=term(tiering_sentence(definition.tiers, definition.currency), "tiers")
        if definition.tiers
        else None,
        tiers=tuple(_tier_rows(definition, definition.tiers))
        if definition.tiers
        else (),
        fee=term(fee_sentence(definition.fee), "fee") if definition.fee else None,
        attribution=term(attribution_sentence(definition), "attribution"),
        hold=term(hold_sentence(definition), "hold_days"),
        payout=term(payout_sentence(definition), "payout"),
        refunds=term(refund_sentence()),
        rounding=term(rounding_sentence(definition)),
        answer=term(answer_sentence(definition), "join.answer_within_days"),
        countries=term(countries_sentence(definition), "join.countries"),
    )


def _steps(definition: ProgramDefinition) -> Iterator[str]:
    days = definition.join.answer_within_days
    if definition.join.mode == "invite":
        yield _("Answer the questions in your invitation.")
    else:
        yield ngettext(
            "Send an application; most get an answer in %(num)d day.",
            "Send an application; most get an answer in %(num)d days.",
            days,
        )
    for gate in definition.gates:
        if gate.kind is GateKind.FEE and definition.fee:
            price = _first_price(definition.fee, definition.tiers)
            yield _("%(todo)s: %(price)s.", todo=gate.title, price=price)
        elif gate.kind is not GateKind.REVIEW:
            yield f"{gate.title}."
    yield _("Share your link and earn.")


def _gate_terms(gate: Gate) -> GateTerms:
    words = {
        Blocks.JOIN: _("join the program"),
        Blocks.LINK: _("get a link"),
        Blocks.EARN: _("earn"),
        Blocks.PAYOUT: _("be paid"),
    }
    consequence = _(
        "Until then, you cannot %(things)s.",
        things=format_list(
            [words[block] for block in gate.blocks], style="or", locale=locale()
        ),
    )
    if Blocks.EARN in gate.blocks:
        consequence += " " + (
            _("A sale that is paid before then earns nothing.")
            if gate.sales_while_unmet is WhileUnmet.FORFEITED
            else _("A sale that is paid before then counts from that day on.")
        )
    deadline = (
        ngettext(
            "Do it within %(num)d day of joining.",
            "Do it within %(num)d days of joining.",
            gate.deadline_days,
        )
        if gate.deadline_days
        else ""
    )
    return GateTerms(gate.key, gate.kind, gate.title, consequence, deadline)


def _tier_rows(definition: ProgramDefinition, tiers: Tiers) -> Iterator[TierTerms]:
    rates = next(
        (r.rate_bps_by_tier for r in definition.rules if r.rate_bps_by_tier), {}
    )
    fee = definition.fee
    for level in tiers.levels:
        yield TierTerms(
            key=level.key,
            name=level.name,
            begins=threshold(tiers, level.from_value, definition.currency),
            rate=percent(rates[level.key]) if rates else "",
            fee=price_each(fee, fee.minor_for(level.key))
            if fee and len(fee.minor_by_tier) > 1
            else "",
            benefits=level.benefits,
        )


def _first_price(fee: Fee, tiers: Tiers | None) -> str:
    lowest = tiers.levels[0].key if tiers else None
    return price_each(fee, fee.minor_for(lowest))


def questions_and_answers(
    definition: ProgramDefinition, terms: Terms
) -> list[tuple[str, str]]:
    """Return what applicants ask most, answered from the terms."""
    asked = [
        (_("How soon do I get an answer?"), f"{terms.answer} {_reapply(definition)}"),
        (_("Which customers count as mine?"), terms.attribution.text),
        (_("When am I paid?"), f"{terms.hold} {terms.payout}"),
        (_("What happens when a customer gets money back?"), terms.refunds.text),
    ]
    if terms.fee:
        asked.append((_("What does it cost to take part?"), terms.fee.text))
    if terms.tiering:
        asked.append((_("How do I reach the next tier?"), terms.tiering.text))
    asked.append((_("How are amounts rounded?"), terms.rounding.text))
    return asked


def _reapply(definition: ProgramDefinition) -> str:
    days = definition.join.reapply_after_days
    if days == 0:
        return _("If the answer is no, you can apply again at any time.")
    return ngettext(
        "If the answer is no, you can apply again after %(num)d day.",
        "If the answer is no, you can apply again after %(num)d days.",
        days,
    )
