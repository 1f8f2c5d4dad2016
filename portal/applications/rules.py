"""What makes an answer acceptable, and what a reviewer should look at.

Pure: no clock, no database. Problems and checks are named, not worded; the pages find
the words.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale

from portal.programs.definition import (
    BY_HAND,
    Blocks,
    FormStep,
    Gate,
    Join,
    ProgramDefinition,
    Question,
    QuestionKind,
    shown_keys,
    storable,
)

DRAFT_DAYS = 30
LINK_DAYS = 90
CODE_MINUTES = 60
CODE_TRIES = 5
MESSAGE_LENGTH = 5_000

REFERENCE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without letters that look like digits."""
_REFERENCE_LENGTH = 6

Answer = str | list[str]

_EMAIL = re.compile(
    r"[^\s@,;:<>()\[\]\\\"]{1,64}@(?=.{4,190}$)"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_WHOLE_NUMBER = re.compile(r"\d{1,15}")
_NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})

COUNTRIES = frozenset(
    code
    for code in map(str, Locale("en").territories)
    if re.fullmatch("[A-Z]{2}", code) and code not in _NO_COUNTRIES
)
"""The codes of ISO 3166 that have a name."""

_FREE_MAIL = """
126.com 163.com aol.com bol.com.br fastmail.com free.fr gmail.com gmx.at gmx.ch
gmx.com gmx.de gmx.net googlemail.com hanmail.net hey.com hotmail.co.uk hotmail.com
hotmail.de hotmail.fr icloud.com laposte.net libero.it live.com mac.com mail.com
mail.ru me.com msn.com naver.com orange.fr outlook.com outlook.de pm.me proton.me
protonmail.com qq.com rediffmail.com rocketmail.com seznam.cz t-online.de
tutanota.com uol.com.br wanadoo.fr web.de yahoo.co.jp yahoo.co.uk yahoo.com
yahoo.de yahoo.fr yandex.com yandex.ru ymail.com zoho.com
"""
FREE_MAIL = frozenset(_FREE_MAIL.split())
"""Where anyone gets an address, so that it says nothing about a company."""


class Problem(StrEnum):
    """What is wrong with an answer."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"
    NOT_AN_EMAIL = "not_an_email"
    NOT_A_WEBSITE = "not_a_website"
    NOT_A_COUNTRY = "not_a_country"
    COUNTRY_OUTSIDE = "country_outside"
    NOT_A_NUMBER = "not_a_number"
    NOT_A_CHOICE = "not_a_choice"


NEVER_KEPT = frozenset({Problem.TOO_LONG, Problem.UNREADABLE, Problem.NOT_A_CHOICE})
"""Answers with these are not even kept in a draft."""


class RejectionReason(StrEnum):
    """Why an application was turned down; the pages and mails word it."""

    NOT_A_FIT = "not_a_fit"
    NOT_VERIFIED = "not_verified"
    TOO_LITTLE_EXPERIENCE = "too_little_experience"
    INCOMPLETE = "incomplete"
    COUNTRY = "country"
    FULL = "full"


class CheckKey(StrEnum):
    """What is looked at for the reviewer."""

    DOMAIN_MATCHES = "domain_matches"
    DOMAIN_DIFFERS = "domain_differs"
    NO_WEBSITE = "no_website"
    FREE_MAIL = "free_mail"
    NOTHING_EARLIER = "nothing_earlier"
    SAME_EMAIL = "same_email"
    SAME_DOMAIN = "same_domain"
    COUNTRY_OUTSIDE = "country_outside"
    KNOWN_PARTNER = "known_partner"
    SAME_TAX_ID = "same_tax_id"
    SAME_PAYOUT_ACCOUNT = "same_payout_account"
    SAME_DOCUMENT = "same_document"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a reviewer should know; `tone` is ok, warn, bad or info."""

    key: CheckKey
    tone: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """Another application of the same address or company."""

    reference: str
    status: str
    is_same_email: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What the checks are made from."""

    email: str
    website: str
    country: str
    allowed_countries: tuple[str, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    alike: Mapping[CheckKey, Sequence[str]] = field(default_factory=dict)
    """References of other applications, by what they have in common with this one."""
    partner_name: str | None = None
    """The partner whose user has this address already."""


def new_reference() -> str:
    """Return a fresh reference, which nobody can guess from another."""
    letters = (secrets.choice(REFERENCE_ALPHABET) for _ in range(_REFERENCE_LENGTH))
    return f"APP-{''.join(letters)}"


def new_code() -> str:
    """Return six random digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def is_email(text: str) -> bool:
    """Tell whether a mail could be sent there."""
    return _EMAIL.fullmatch(text) is not None and storable(text)


def domain_of(email: str) -> str:
    """Return what is behind the @, in lower case."""
    return email.rpartition("@")[2].lower()


def website_domain(address: str) -> str:
    """Return the host of a web address without `www.`; empty if it has none."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return host.lower().removeprefix("www.")


def draft_ends_at(touched_at: datetime) -> datetime:
    """Return when a draft that was last touched then is deleted."""
    return touched_at + timedelta(days=DRAFT_DAYS)


def reapply_on(decided_at: datetime, days: int, zone: ZoneInfo) -> date:
    """Return the first day on which somebody rejected then may apply again."""
    return decided_at.astimezone(zone).date() + timedelta(days=days)


def tidy(question: Question, values: Sequence[str]) -> Answer:
    """Return what was typed as it is kept: without space around, one kind of line end.

    Args:
        question: What was asked.
        values: What the form sent for it, in order.
    """
    cleaned = [one_line_end(value) for value in values]
    if question.kind is QuestionKind.LINKS:
        lines = "\n".join(cleaned).split("\n")
        return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if question.kind is QuestionKind.FILE:
        return [value for value in cleaned if value]
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        order = [choice.key for choice in question.choices]
        known = [key for key in order if key in cleaned]
        return known + [v for v in dict.fromkeys(cleaned) if v and v not in order]
    return cleaned[0] if cleaned else ""


def one_line_end(text: str) -> str:
    """Return a text with one kind of line end and without space around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def problem_with(question: Question, answer: Answer, join: Join) -> Problem | None:
    """Return what is wrong with an answer; none if it can be sent.

    Args:
        question: What was asked.
        answer: The answer, tidy.
        join: How one joins the program, for the countries it allows.
    """
    texts = answer if isinstance(answer, list) else [answer]
    if not any(texts):
        return Problem.MISSING if question.required else None
    if _is_too_long(question, texts):
        return Problem.TOO_LONG
    if not all(storable(t) for t in texts):
        return Problem.UNREADABLE
    return next((p for t in texts if (p := _misfit(question, t, join))), None)


def _is_too_long(question: Question, texts: Sequence[str]) -> bool:
    if question.choices:
        longest = max(len(choice.key) for choice in question.choices)
        return any(len(text) > longest for text in texts)
    return len("\n".join(texts)) > question.max_length


def _misfit(question: Question, text: str, join: Join) -> Problem | None:
    """Return why a text is no answer to this kind of question."""
    match question.kind:
        case QuestionKind.EMAIL:
            return None if is_email(text) else Problem.NOT_AN_EMAIL
        case QuestionKind.URL | QuestionKind.LINKS:
            return None if _is_website(text) else Problem.NOT_A_WEBSITE
        case QuestionKind.NUMBER:
            return None if _WHOLE_NUMBER.fullmatch(text) else Problem.NOT_A_NUMBER
        case QuestionKind.COUNTRY:
            return _misfit_of_country(text, join)
        case QuestionKind.CHOICE | QuestionKind.MULTIPLE_CHOICE:
            known = {choice.key for choice in question.choices}
            return None if text in known else Problem.NOT_A_CHOICE
    return None


def _misfit_of_country(code: str, join: Join) -> Problem | None:
    if code not in COUNTRIES:
        return Problem.NOT_A_COUNTRY
    if join.countries and code not in join.countries:
        return Problem.COUNTRY_OUTSIDE
    return None


def _is_website(text: str) -> bool:
    return re.fullmatch(
        r"https?://[^\s\\@]+", text
    ) is not None and "." in website_domain(text).strip(".")


def keepable(step: FormStep, answers: Mapping[str, Answer], join: Join) -> set[str]:
    """Return the keys of the step's answers that a draft may keep, finished or not.

    Files are no part of it: they are kept when they are sent.
    """
    return {
        q.key
        for q in typed_questions(step)
        if q.key in answers and problem_with(q, answers[q.key], join) not in NEVER_KEPT
    }


def typed_questions(step: FormStep) -> tuple[Question, ...]:
    """Return the questions of a step that are answered in its form, without files."""
    return tuple(
        q for q in step.questions if q.kind is not QuestionKind.FILE and not q.retired
    )


def file_questions(step: FormStep) -> tuple[Question, ...]:
    """Return the questions of a step that are answered with files."""
    return tuple(
        q for q in step.questions if q.kind is QuestionKind.FILE and not q.retired
    )


def unfinished(
    questions: Iterable[Question], answers: Mapping[str, Answer], join: Join
) -> dict[str, Problem]:
    """Return what is wrong, by question key; what is not asked cannot be wrong."""
    asked = shown_keys(join.questions, answers)
    found = {
        q.key: problem_with(q, answers.get(q.key, ""), join)
        for q in questions
        if q.key in asked
    }
    return {key: problem for key, problem in found.items() if problem}


def labels_of(question: Question, answer: Answer) -> list[str]:
    """Return the labels of the chosen answers; other answers as they are."""
    labels = {choice.key: choice.label for choice in question.choices}
    texts = answer if isinstance(answer, list) else [answer]
    return [labels.get(text, text) for text in texts if text]


def confirmed_by_reviewer(definition: ProgramDefinition) -> tuple[Gate, ...]:
    """Return the gates that a reviewer confirms before anybody can join."""
    return tuple(
        gate
        for gate in definition.gates
        if gate.kind in BY_HAND and Blocks.JOIN in gate.blocks
    )


def shares_company(email: str, other: str) -> bool:
    """Tell whether two addresses belong to one person or one company."""
    if email.lower() == other.lower():
        return True
    domain = domain_of(email)
    return domain == domain_of(other) and domain not in FREE_MAIL


def checks(facts: Facts) -> list[Check]:
    """Return what a reviewer should know, each with its evidence."""
    return [
        _check_domain(facts),
        *_check_country(facts),
        *_check_partner(facts),
        *_check_earlier(facts),
    ]


def _check_domain(facts: Facts) -> Check:
    mail, site = domain_of(facts.email), website_domain(facts.website)
    if mail in FREE_MAIL:
        return Check(CheckKey.FREE_MAIL, "warn", mail)
    if not site:
        return Check(CheckKey.NO_WEBSITE, "warn", mail)
    if mail == site or mail.endswith(f".{site}") or site.endswith(f".{mail}"):
        return Check(CheckKey.DOMAIN_MATCHES, "ok", mail)
    return Check(CheckKey.DOMAIN_DIFFERS, "warn", f"{mail}, {site}")


def _check_country(facts: Facts) -> list[Check]:
    if not facts.allowed_countries or facts.country in facts.allowed_countries:
        return []
    return [Check(CheckKey.COUNTRY_OUTSIDE, "bad", facts.country)]


def _check_partner(facts: Facts) -> list[Check]:
    if facts.partner_name is None:
        return []
    return [Check(CheckKey.KNOWN_PARTNER, "info", facts.partner_name)]


def _check_earlier(facts: Facts) -> list[Check]:
    same_email = [e.reference for e in facts.earlier if e.is_same_email]
    same_domain = [e.reference for e in facts.earlier if not e.is_same_email]
    found = dict(facts.alike) | {
        CheckKey.SAME_EMAIL: [*same_email, *facts.alike.get(CheckKey.SAME_EMAIL, ())],
        CheckKey.SAME_DOMAIN: same_domain,
    }
    warnings = [
        Check(key, "warn", ", ".join(dict.fromkeys(found[key])))
        for key in _SIGNALS
        if found.get(key)
    ]
    return warnings or [Check(CheckKey.NOTHING_EARLIER, "ok", "")]


_SIGNALS = (
    CheckKey.SAME_EMAIL,
    CheckKey.SAME_DOMAIN,
    CheckKey.SAME_TAX_ID,
    CheckKey.SAME_PAYOUT_ACCOUNT,
    CheckKey.SAME_DOCUMENT,
)
"""How two applications can be alike, in the order in which a reviewer reads it."""


def warnings(checks: Iterable[Check]) -> int:
    """Return how many checks a reviewer should look at before approving."""
    return sum(check.tone in ("warn", "bad") for check in checks)


def takes_two_reviewers(join: Join, checks: Iterable[Check]) -> bool:
    """Tell whether one reviewer alone may not approve what was found."""
    least = join.two_reviewers_from
    return least is not None and warnings(checks) >= least
