"""What a program's own rules make of an application. Pure.

Rules that reject come first, in their order. Then whatever is flagged waits for a
person, whichever rule would approve it. What no rule is about waits for a person too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from disposable_email_domains import blocklist

from portal.applications.rules import Answer, CheckKey, domain_of
from portal.programs.definition import (
    ApplicantTest,
    DecisionRule,
    Join,
    Verdict,
)

NEVER_APPROVED_BY_RULE: Final = frozenset(
    {
        CheckKey.COUNTRY_OUTSIDE,
        CheckKey.DOMAIN_DIFFERS,
        CheckKey.KNOWN_PARTNER,
        CheckKey.SAME_DOMAIN,
        CheckKey.SAME_EMAIL,
    }
)
"""Checks after which a person looks at an application, whatever its score."""


@dataclass(frozen=True, slots=True)
class Applicant:
    """What the rules look at."""

    email: str
    country: str
    score: int | None


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that is about an application, and by what: test and value."""

    rule: str
    then: Verdict
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules made of an application.

    Attributes:
        verdict: What happens of itself; none if a person decides.
        decided_by: The rule behind the verdict.
        matches: All rules that are about the application, in their order.
        flags: The checks because of which no rule may approve it.
    """

    verdict: Verdict | None = None
    decided_by: DecisionRule | None = None
    matches: tuple[Match, ...] = ()
    flags: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return the form in which an application keeps it."""
        return {
            "decided_by": self.decided_by.key if self.decided_by else None,
            "matches": [
                {"rule": m.rule, "then": m.then.value, "evidence": list(m.evidence)}
                for m in self.matches
            ],
            "flags": list(self.flags),
        }


def is_disposable(email: str) -> bool:
    """Tell whether an address is one of a service that throws addresses away."""
    parts = domain_of(email).split(".")
    return any(".".join(parts[n:]) in blocklist for n in range(len(parts) - 1))


def fits_domain(email: str, pattern: str) -> bool:
    """Tell whether an address is at a domain; `*.` stands for all below it."""
    domain = domain_of(email)
    if pattern.startswith("*."):
        return domain.endswith(pattern[1:])
    return domain == pattern


def score_of(join: Join, answers: Mapping[str, Answer]) -> int | None:
    """Return what the chosen answers weigh together; none where none weighs."""
    if not any(question.has_scores for question in join.questions):
        return None
    total = 0
    for question in join.asked(answers):
        answer = answers.get(question.key, "")
        chosen = answer if isinstance(answer, list) else [answer]
        total += sum(c.score or 0 for c in question.choices if c.key in chosen)
    return total


def judge(
    rules: Iterable[DecisionRule], applicant: Applicant, checks: Iterable[CheckKey]
) -> Judgement:
    """Return what the rules make of an application.

    Args:
        rules: The program's rules in their order.
        applicant: What they look at.
        checks: What was found out about the application.
    """
    found = [(rule, match) for rule in rules if (match := _match(rule, applicant))]
    matches = tuple(match for _rule, match in found)
    flags = tuple(sorted(NEVER_APPROVED_BY_RULE & set(checks)))
    by = {
        verdict: next((rule for rule, _match in found if rule.then is verdict), None)
        for verdict in Verdict
    }
    if by[Verdict.REJECT]:
        return Judgement(Verdict.REJECT, by[Verdict.REJECT], matches, flags)
    if by[Verdict.FLAG] or flags or not by[Verdict.APPROVE]:
        return Judgement(None, None, matches, flags)
    return Judgement(Verdict.APPROVE, by[Verdict.APPROVE], matches)


def _match(rule: DecisionRule, applicant: Applicant) -> Match | None:
    evidence = list(_evidence(rule.when, applicant))
    if any(value is None for _test, value in evidence):
        return None
    told = tuple((test, value) for test, value in evidence if value is not None)
    return Match(rule.key, rule.then, told)


def _evidence(
    test: ApplicantTest, applicant: Applicant
) -> Iterable[tuple[str, str | None]]:
    """Yield each part of a test with what meets it; none where nothing does."""
    domain, score = domain_of(applicant.email), applicant.score
    if test.countries:
        is_there = applicant.country in test.countries
        yield "country", applicant.country if is_there else None
    if test.email_domains:
        fitting = (p for p in test.email_domains if fits_domain(applicant.email, p))
        yield "email_domain", domain if next(fitting, None) else None
    if test.disposable_email is not None:
        is_it = is_disposable(applicant.email) is test.disposable_email
        name = "disposable" if test.disposable_email else "not_disposable"
        yield name, domain if is_it else None
    if test.score_at_least is not None:
        is_it = score is not None and score >= test.score_at_least
        yield "score_at_least", f"{score} >= {test.score_at_least}" if is_it else None
    if test.score_below is not None:
        is_it = score is not None and score < test.score_below
        yield "score_below", f"{score} < {test.score_below}" if is_it else None
