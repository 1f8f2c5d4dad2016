"""What is said about an answer that is wrong, and how answers are shown."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flask_babel import format_decimal, get_locale, gettext, ngettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from portal.applications import rules
from portal.applications.independence import ConflictKind
from portal.applications.rules import Answer, Problem, RejectionReason
from portal.kit.uploads import Refusal, shown_name
from portal.programs.definition import Join, Question, QuestionKind

_MISSING: Mapping[QuestionKind, LazyString] = MappingProxyType(
    {
        QuestionKind.SHORT_TEXT: _("Answer the question: %(question)s"),
        QuestionKind.LONG_TEXT: _("Answer the question: %(question)s"),
        QuestionKind.EMAIL: _("Enter an e-mail address, such as name@example.com."),
        QuestionKind.URL: _("Enter your website address, like https://example.com."),
        QuestionKind.LINKS: _("Enter one address or more, like https://example.com."),
        QuestionKind.FILE: _("Add a file: %(question)s"),
        QuestionKind.COUNTRY: _("Choose a country."),
        QuestionKind.NUMBER: _("Enter a whole number, such as 12."),
        QuestionKind.CHOICE: _("Choose one answer: %(question)s"),
        QuestionKind.MULTIPLE_CHOICE: _("Choose at least one answer: %(question)s"),
    }
)
_WORDS: Mapping[Problem, LazyString] = MappingProxyType(
    {
        Problem.UNREADABLE: _(
            "Type this text again: it contains characters that cannot be shown."
        ),
        Problem.NOT_AN_EMAIL: _("Enter an e-mail address, such as name@example.com."),
        Problem.NOT_A_WEBSITE: _("Enter a whole address, like https://example.com."),
        Problem.NOT_A_COUNTRY: _("Choose a country from the list."),
        Problem.COUNTRY_OUTSIDE: _(
            "This program does not take partners from this country."
        ),
        Problem.NOT_A_NUMBER: _("Enter a whole number, such as 12."),
        Problem.NOT_A_CHOICE: _("Choose one of the answers shown."),
    }
)

REASONS: Mapping[RejectionReason, LazyString] = MappingProxyType(
    {
        RejectionReason.NOT_A_FIT: _("Not a fit for the program"),
        RejectionReason.NOT_VERIFIED: _("Could not verify the company"),
        RejectionReason.TOO_LITTLE_EXPERIENCE: _("Too little experience with clients"),
        RejectionReason.INCOMPLETE: _("Answers are too thin to decide"),
        RejectionReason.COUNTRY: _("Country is not served"),
        RejectionReason.FULL: _("No room for more partners now"),
    }
)
"""The short names from which reviewers choose; the applicant reads a sentence."""


CONFLICTS: Mapping[ConflictKind, LazyString] = MappingProxyType(
    {
        ConflictKind.SAME_PERSON: _("the e-mail address is your own."),
        ConflictKind.SAME_DOMAIN: _("you share a company."),
        ConflictKind.MEMBER: _("you are a member of the applicant's company."),
        ConflictKind.REFERRED_BY: _("the applicant names you as who sent them."),
        ConflictKind.DECLARED: _("you said so."),
    }
)
"""How a reviewer and an applicant belong together."""


OBSTACLES: Mapping[str, LazyString] = MappingProxyType(
    {
        "conflict": _("You and the applicant belong together"),
        "warnings": _("Its checks found something to look at"),
        "to_confirm": _("The program wants something confirmed first"),
        "two_reviewers": _("It takes two reviewers"),
        "not_waiting": _("It does not need review any more"),
        "refused": _("It could not be approved"),
    }
)
"""Why an application is not approved together with others."""


_FILES: Mapping[Refusal, LazyString] = MappingProxyType(
    {
        Refusal.EMPTY: _("The file is empty. Choose another one."),
        Refusal.TOO_LARGE: _("The file is larger than 10 MB. Make it smaller."),
        Refusal.OTHER_KIND: _("Send a PDF, or a picture as PNG, JPEG or WebP."),
        Refusal.WRONG_ENDING: _(
            "The name says another kind of file than it is. Save it anew as PDF, PNG, "
            "JPEG or WebP."
        ),
        Refusal.DAMAGED: _("The file cannot be read. Save it anew and try again."),
        Refusal.TOO_MANY_PIXELS: _("The picture is too large. Make it smaller."),
        Refusal.TOO_MANY_PAGES: _("The PDF has too many pages. Send at most 300."),
        Refusal.TOO_COMPLEX: _(
            "The file is too complex to look into. Print it to a new PDF, or send a "
            "picture."
        ),
        Refusal.LOCKED: _("The PDF has a password. Send one without."),
        Refusal.ACTING: _(
            "The PDF contains a script, another file or a form that sends something. "
            "Print it to a new PDF and send that."
        ),
    }
)


def problem_text(problem: Problem, question: Question) -> str:
    """Return what to do about a wrong answer."""
    if problem is Problem.MISSING:
        # Several questions may be unanswered: the summary must tell them apart.
        return str(_MISSING[question.kind]).replace("%(question)s", question.label)
    if problem is Problem.TOO_LONG:
        limit = question.max_length
        return str(gettext("Write at most %(number)s characters.", number=limit))
    return str(_WORDS[problem])


def refusal_text(why: Refusal, name: str) -> str:
    """Return what to do about a file that is not taken."""
    ending = name.rpartition(".")[2] if "." in name else ""
    shown = shown_name(name, ending).rstrip(".")
    return str(gettext("%(name)s: %(remedy)s", name=shown, remedy=_FILES[why]))


def in_reader_language(join: Join) -> Join:
    """Return a form in the reader's language, as far as it is translated."""
    return join.worded(str(get_locale()))


def country_name(code: str) -> str:
    """Return the country's name in the reader's language; unknown codes as they are."""
    return str(get_locale().territories.get(code, code))


def country_choices(allowed: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return code and name of the countries to choose from, by name."""
    codes = allowed or tuple(rules.COUNTRIES)
    names = [(code, country_name(code)) for code in codes]
    return sorted(names, key=lambda pair: pair[1].casefold())


def shown_answer(question: Question, answer: Answer) -> str:
    """Return an answer as people read it; empty while there is none."""
    if question.kind is QuestionKind.COUNTRY and isinstance(answer, str):
        return country_name(answer) if answer else ""
    if question.kind is QuestionKind.FILE:
        count = len(answer)
        return ngettext("%(num)d file", "%(num)d files", count) if count else ""
    return ", ".join(rules.labels_of(question, answer))


def shown_choices(question: Question, keys: Sequence[str]) -> str:
    """Return some answers of a question as people read them."""
    if question.kind is QuestionKind.COUNTRY:
        return ", ".join(country_name(key) for key in keys)
    return ", ".join(rules.labels_of(question, list(keys)))


def size_text(size: int) -> str:
    """Return the size of a file, in kilobytes, rounded up."""
    kilobytes = -(-size // 1_000)
    return str(gettext("%(number)s kB", number=format_decimal(kilobytes)))
