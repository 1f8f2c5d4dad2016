"""The terms of a program, made from the rules that pay.

Nobody writes these sentences by hand, so they cannot promise what the rules do not
do. They are in the reader's language; outside a request they are in English.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import flask_babel

from portal.programs import sentences
from portal.programs.definition import (
    Evidence,
    Fee,
    Gate,
    GateKind,
    Moment,
    ProgramDefinition,
    Source,
    TierLevel,
    Tiers,
)
from portal.programs.rules import sources_for, weakest_evidence
from portal.programs.sentences import rule_sentence
from portal.web.formats import percent_bps as percent

__all__ = ["GateTerms", "Term", "Terms", "TierTerms", "rule_sentence", "terms_in_words"]

_: Callable[..., str] = flask_babel.gettext  # typed there as anything
ngettext: Callable[..., str] = flask_babel.ngettext


@dataclass(frozen=True, slots=True)
class Term:
    """One term in a few sentences, and where its numbers come from.

    Attributes:
        sentences: One fact each; the first is the gist.
        sources: What is known about the numbers.
        title: What the vendor calls it, for rules and rewards.
    """

    sentences: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    title: str = ""

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """All its sentences in one text."""
        return " ".join(self.sentences)

    @property
    def gist(self) -> str:
        """The first sentence."""
        return self.sentences[0]

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
        needs: What it takes besides, such as "at least 50 points".
        rate: What it earns.
        fee: What it costs to be in.
        benefits: What else comes with it.
    """

    key: str
    name: str
    begins: str
    needs: tuple[str, ...]
    rate: str
    fee: str
    benefits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateTerms:
    """One thing a partner must do, what it opens, and how certain that is."""

    key: str
    kind: GateKind
    title: str
    consequence: str
    deadline: str
    evidence: Evidence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Everything a partner should know before applying, in sentences.

    Attributes:
        rewards: What each rule pays and each reward gives.
        combination: Which of several rules pay; none for one rule or none.
        budget: The most that is paid to one partner; none without a budget.
        friend: What a customer gets for coming; none if it is nothing.
        steps: The way from applying to earning.
        gates: What a partner must have.
        tiering: What decides the tier; none without tiers.
        tiers: The levels.
        fee: What it costs to be in; none if it is nothing.
        attribution: Whose a customer is.
        hold: How long a commission waits; none where there is no commission.
        payout: When money is sent; none where there is no commission.
        refunds: What is taken back; none where there is no commission.
        changes: For whom a change of the terms counts.
        answer: How soon an applicant hears.
        countries: Who can get in.
        exactly: The declared policies, each with its label: what programs do
            differently and seldom say.
    """

    rewards: tuple[Term, ...]
    combination: Term | None
    budget: Term | None
    friend: Term | None
    steps: tuple[str, ...]
    gates: tuple[GateTerms, ...]
    tiering: Term | None
    tiers: tuple[TierTerms, ...]
    fee: Term | None
    attribution: Term
    hold: Term | None
    payout: Term | None
    refunds: Term | None
    changes: Term
    answer: Term
    countries: Term
    exactly: tuple[tuple[str, Term], ...]

    @property
    def reward(self) -> str:
        """All reward sentences in one text."""
        return " ".join(term.text for term in self.rewards)

    def rows(self) -> Iterator[tuple[str, Term]]:
        """Yield each term with its label, for a list of terms."""
        for reward in self.rewards:
            yield reward.title if len(self.rewards) > 1 else _("Reward"), reward
        others = (
            (_("Together"), self.combination),
            (_("The most"), self.budget),
            (_("For your customers"), self.friend),
            (_("Who can apply"), self.countries),
            (_("Tiers"), self.tiering),
            (_("Fee"), self.fee),
            (_("Your customers"), self.attribution),
            (_("Waiting time"), self.hold),
            (_("Payment"), self.payout),
            (_("Refunds"), self.refunds),
            (_("Changes"), self.changes),
        )
        for label, term in others:
            if term is not None:
                yield label, term
        yield from self.exactly

    def main_rows(self) -> Iterator[tuple[str, Term]]:
        """Yield the rows without the declared policies."""
        hidden = {id(term) for _label, term in self.exactly}
        for label, term in self.rows():
            if id(term) not in hidden:
                yield label, term

    def other_rows(self) -> Iterator[tuple[str, Term]]:
        """Yield the rows that no other part of the program's page shows."""
        shown = {id(term) for term in self.rewards}
        shown |= {id(self.combination), id(self.tiering)}
        for label, term in self.main_rows():
            if id(term) not in shown:
                yield label, term

    @property
    def unpublished(self) -> tuple[Term, ...]:
        """The terms that rest on a reported or an assumed number."""
        return tuple(
            term
            for _label, term in self.rows()
            if term.evidence in (Evidence.REPORTED, Evidence.ASSUMED)
        )


@dataclass(frozen=True, slots=True)
class _Writer:
    """Makes terms of one program's sentences."""

    definition: ProgramDefinition

    def term(self, said: Iterable[str], *paths: str, title: str = "") -> Term:
        found = [s for path in paths for s in _sources_of(self.definition, path)]
        return Term(tuple(said), tuple(found), title)

    def rewards(self) -> Iterator[Term]:
        definition = self.definition
        for rule in definition.rules:
            yield self.term(
                sentences.rule_sentences(rule, definition),
                f"rules.{rule.key}",
                title=rule.title,
            )
        for reward in definition.rewards:
            yield self.term(
                sentences.reward_sentences(reward, definition),
                f"rewards.{reward.key}",
                title=reward.title,
            )

    def exactly(self) -> Iterator[tuple[str, Term]]:
        for label, sentence, paths in sentences.exactly(self.definition):
            yield label, self.term([sentence], *paths)


def _sources_of(definition: ProgramDefinition, path: str) -> list[Source]:
    """Return what is known about a part, about its parts, and about the whole."""
    above = [s for s in definition.sources if path.startswith(f"{s.path}.")]
    return above + sources_for(definition, path)


def terms_in_words(definition: ProgramDefinition) -> Terms:
    """Return the terms of a program as sentences."""
    write, currency = _Writer(definition), definition.currency
    tiers, fee, pays = definition.tiers, definition.fee, bool(definition.rules)
    budget, friend = definition.budget, definition.friend_discount
    return Terms(
        rewards=tuple(write.rewards()),
        combination=write.term([sentences.combination_sentence(definition)], "combine")
        if len(definition.rules) > 1
        else None,
        budget=write.term(sentences.budget_sentences(budget, currency), "budget")
        if budget
        else None,
        friend=write.term([sentences.friend_sentence(friend)], "friend_discount")
        if friend
        else None,
        steps=tuple(_steps(definition)),
        gates=tuple(_gate_terms(gate, definition) for gate in definition.gates),
        tiering=write.term(sentences.tier_sentences(tiers, currency), "tiers")
        if tiers
        else None,
        tiers=tuple(_tier_rows(definition, tiers)) if tiers else (),
        fee=write.term(sentences.fee_sentences(fee), "fee") if fee else None,
        attribution=write.term(
            sentences.attribution_sentences(definition), "attribution"
        ),
        hold=write.term(sentences.hold_sentences(definition.hold), "hold")
        if pays
        else None,
        payout=write.term(sentences.payout_sentences(definition), "payout")
        if pays
        else None,
        refunds=write.term(sentences.refund_sentences(definition.clawback), "clawback")
        if pays
        else None,
        changes=write.term([sentences.terms_sentence(definition)], "terms_from"),
        answer=write.term(
            [sentences.answer_sentence(definition)], "join.answer_within_days"
        ),
        countries=write.term(
            sentences.who_sentences(definition),
            "join.countries",
            "join.mode",
            "audience",
        ),
        exactly=tuple(write.exactly()),
    )


def _steps(definition: ProgramDefinition) -> Iterator[str]:
    yield _first_step(definition)
    for gate in definition.gates:
        if gate.kind is GateKind.FEE and definition.fee:
            price = _first_price(definition.fee, definition.tiers)
            yield _("%(todo)s: %(price)s.", todo=gate.title, price=price)
        elif gate.kind is not GateKind.REVIEW:
            yield f"{gate.title}."
    if definition.rules:
        yield _("Share your link and earn.")
    elif {reward.follows for reward in definition.rewards} == {Moment.REVIEW}:
        yield _("Write a review and get your reward.")
    else:
        yield _("Share your link and get your reward.")


def _first_step(definition: ProgramDefinition) -> str:
    if definition.join.mode == "invite":
        return _("Answer the questions in your invitation.")
    if definition.join.mode == "open":
        return _("Answer a few questions; you are in at once.")
    return ngettext(
        "Send an application; most get an answer in %(num)d day.",
        "Send an application; most get an answer in %(num)d days.",
        definition.join.answer_within_days,
    )


def _gate_terms(gate: Gate, definition: ProgramDefinition) -> GateTerms:
    sources = _sources_of(definition, f"gates.{gate.key}")
    return GateTerms(
        gate.key,
        gate.kind,
        gate.title,
        " ".join(sentences.consequence_sentences(gate)),
        sentences.deadline_sentence(gate),
        weakest_evidence(sources),
    )


def _tier_rows(definition: ProgramDefinition, tiers: Tiers) -> Iterator[TierTerms]:
    fee = definition.fee
    for level in tiers.levels:
        yield TierTerms(
            key=level.key,
            name=level.name,
            begins=sentences.threshold(tiers, level, definition.currency),
            needs=tuple(
                sentences.requirement_phrase(need, definition.currency)
                for need in level.requires
            ),
            rate=_rate_of(level, definition),
            fee=sentences.price_each(fee, fee.minor_for(level.key))
            if fee and len(fee.minor_by_tier) > 1
            else "",
            benefits=level.benefits,
        )


def _rate_of(level: TierLevel, definition: ProgramDefinition) -> str:
    by_tier = [rule for rule in definition.rules if rule.rate_bps_by_tier]
    if len(by_tier) == 1:
        return percent(by_tier[0].rate_bps_by_tier[level.key])
    return ", ".join(
        _(
            "%(title)s: %(rate)s",
            title=rule.title,
            rate=percent(rule.rate_bps_by_tier[level.key]),
        )
        for rule in by_tier
    )


def _first_price(fee: Fee, tiers: Tiers | None) -> str:
    lowest = tiers.levels[0].key if tiers else None
    return sentences.price_each(fee, fee.minor_for(lowest))


def questions_and_answers(
    definition: ProgramDefinition, terms: Terms
) -> list[tuple[str, str]]:
    """Return what applicants ask most, answered from the terms."""
    reapply = sentences.reapply_sentence(definition)
    asked = [
        (_("How soon do I get an answer?"), f"{terms.answer} {reapply}".strip()),
        (_("Which customers count as mine?"), terms.attribution.text),
    ]
    if terms.hold and terms.payout and terms.refunds:
        asked += [
            (_("When am I paid?"), f"{terms.hold} {terms.payout}"),
            (
                _("What happens when a customer gets money back?"),
                terms.refunds.text,
            ),
        ]
    if terms.fee:
        asked.append((_("What does it cost to take part?"), terms.fee.text))
    if terms.tiering:
        asked.append((_("How do I reach the next tier?"), terms.tiering.text))
    if definition.rules:
        asked.append(
            (_("How are amounts rounded?"), sentences.rounding_sentence(definition))
        )
    asked.append((_("What if the terms change?"), terms.changes.text))
    return asked
