"""What each tab of a partner's page shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, request
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from sqlalchemy.orm import Session

from portal.accounts.access import can
from portal.accounts.permissions import Permission
from portal.applications.words import country_name
from portal.attribution.rules import sentence_of
from portal.audit.words import action_in_words, details_in_words, subject_text
from portal.certification import queries as certification
from portal.certification.team_words import team_texts
from portal.commissions import queries as commissions
from portal.commissions import wording
from portal.commissions.labels import KIND_LABELS, LOSS_LABELS, STATE_LABELS
from portal.commissions.models import Commission
from portal.dashboard.forms import ReasonForm
from portal.dashboard.queries import home, partners
from portal.dashboard.rules import add_up
from portal.enrollments import queries as enrollments
from portal.enrollments.forms import ConfirmForm, WithdrawForm
from portal.enrollments.models import TRANSITIONS, Enrollment, EnrollmentStatus
from portal.enrollments.rules import GateStatus
from portal.enrollments.steps import UNLOCKS
from portal.fees import queries as fees
from portal.kit.money import Money
from portal.partners import queries as people
from portal.partners.models import Partner
from portal.programs.definition import BY_HAND
from portal.programs.sentences import team_phrase
from portal.statements import queries as statements
from portal.tiers import wording as tier_words
from portal.web.formats import datetime_text
from portal.web.pagination import page_request

_UTC = ZoneInfo("UTC")

Context = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab: its label, who sees it, and what it shows."""

    label: LazyString
    permission: Permission
    load: Callable[[Session, Partner, datetime], Context]


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that staff do to a partner's place in a program.

    Attributes:
        becomes: The status after it, as the table of moves knows it.
        label: The button.
        question: The title of the dialog.
        consequence: What follows, in a sentence.
        is_grave: Whether the button warns.
    """

    becomes: EnrollmentStatus
    label: LazyString
    question: LazyString
    consequence: LazyString
    is_grave: bool


_S = EnrollmentStatus

VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "suspend": Verb(
            _S.SUSPENDED,
            _("Suspend"),
            _("Suspend this partner in the program?"),
            _(
                "The partner can make no new links and reads that the place is "
                "paused. Links that exist go on leading to your site, but sales made "
                "from now on earn nothing. You can resume at any time."
            ),
            is_grave=True,
        ),
        "resume": Verb(
            _S.PENDING,
            _("Resume"),
            _("Let this partner go on?"),
            _(
                "The partner is active again at once if every requirement is met, "
                "and pending otherwise."
            ),
            is_grave=False,
        ),
        "terminate": Verb(
            _S.TERMINATED,
            _("End"),
            _("End this partner's place in the program?"),
            _(
                "This cannot be undone. Sales made from now on earn nothing. "
                "Statements and what is owed stay as they are."
            ),
            is_grave=True,
        ),
    }
)


def verbs_for(enrollment: Enrollment) -> dict[str, Verb]:
    """Return what can be done to an enrollment as it stands."""
    allowed = TRANSITIONS[enrollment.status]
    is_suspended = enrollment.status is EnrollmentStatus.SUSPENDED
    return {
        name: verb
        for name, verb in VERBS.items()
        if verb.becomes in allowed and (name != "resume" or is_suspended)
    }


GATE_FORMS: Mapping[str, type[ConfirmForm | WithdrawForm]] = MappingProxyType(
    {"confirm": ConfirmForm, "withdraw": WithdrawForm}
)
"""What staff do about a requirement that they check themselves."""


def gate_verb(enrollment: Enrollment, status: GateStatus) -> str | None:
    """Return what can be done about a requirement, if staff check it."""
    has_ended = enrollment.status is EnrollmentStatus.TERMINATED
    if status.gate.kind not in BY_HAND or has_ended:
        return None
    return "withdraw" if status.is_met else "confirm"


def gate_dialog(enrollment: Enrollment, gate_key: str, verb: str) -> str:
    """Return what keeps the dialogs about requirements apart, and their fields."""
    return f"{verb}-{gate_key}-{enrollment.public_id}"


def place_dialog(enrollment: Enrollment, verb: str) -> str:
    """Return what keeps the dialogs about a place apart, and their fields."""
    return f"{verb}-{enrollment.public_id}"


def _overview(session: Session, partner: Partner, now: datetime) -> Context:
    places = partners.places(session, [partner.id], now=now)[partner.id]
    standings = {
        one.enrollment.id: one for one in home.standings(session, partner.id, now)
    }
    sees_money = can(Permission.COMMISSIONS_READ)
    owed: list[Money] = []
    waiting: list[Money] = []
    if sees_money:
        sums: dict[str, list[Money]] = {}
        for place in places:
            currency = place.definition.currency
            sums.setdefault(currency, [Money(0, currency)])
        found = home.owed_by_program(session, partner.id)
        for (_program, currency), minor in found.items():
            add_up(sums, currency, Money(minor, currency))
        owed = [amount for amounts in sums.values() for amount in amounts]
        whose = Commission.partner_id == partner.id
        waiting = [
            Money(row.on_hold + row.held, currency)
            for currency, row in home.open_money(session, whose, now).items()
        ]
    row = partners.PartnerRow(partner, places)
    return {
        "row": row,
        "owed": owed,
        "on_hold": waiting or [Money(0, amount.currency) for amount in owed],
        "sees_money": sees_money,
        "standings": standings,
        "unlocks": UNLOCKS,
        "tier_words": tier_words,
        "verbs_for": verbs_for,
        "dialog_form": lambda dialog: ReasonForm(prefix=f"{dialog}-"),
        "gate_form": lambda dialog, verb: GATE_FORMS[verb](prefix=f"{dialog}-"),
        "team_texts": {key: team_texts(one.teams) for key, one in standings.items()},
        "team_phrase": team_phrase,
        "gate_verb": gate_verb,
        "gate_dialog": gate_dialog,
    }


def _customers(session: Session, partner: Partner, now: datetime) -> Context:
    del now
    page = partners.credited(session, partner.id, page_request(request.args))
    decisions = {row.id: row.reasons for row in page.items}
    return {
        "page": page,
        "decisions": decisions,
        "sentences": {
            key: sentence_of(
                decision, moment=datetime_text, gettext=wording.FORMATS.gettext
            )
            for key, decision in decisions.items()
        },
        "links": partners.links_behind(session, page.items),
        "share_text": wording.share_text,
        "reasons": LOSS_LABELS,
        "country_name": country_name,
    }


def _commissions(session: Session, partner: Partner, now: datetime) -> Context:
    filters = commissions.Filters(partner_id=partner.id)
    return {
        "page": commissions.page_of(
            session, filters, page_request(request.args), now=now
        ),
        "states": STATE_LABELS,
        "kinds": KIND_LABELS,
        "words": wording,
    }


def _statements(session: Session, partner: Partner, now: datetime) -> Context:
    del now
    return {"views": statements.of_partner(session, partner.id)}


def _people(session: Session, partner: Partner, now: datetime) -> Context:
    del now
    return {
        "members": people.members(session, partner.id),
        "certificates": certification.certificates_of_partner(session, partner.id),
    }


def _fees(session: Session, partner: Partner, now: datetime) -> Context:
    del now
    own = enrollments.of_partner(session, partner.id)
    return {
        "subscriptions": fees.of_partner(session, partner.id),
        "invoices": fees.invoices_of_partner(session, partner.id),
        "with_fee": [one for one in own if one.version.definition.fee],
        "program_names": {row.id: row.version.definition.name for row in own},
    }


def _log(session: Session, partner: Partner, now: datetime) -> Context:
    del now
    return {
        "page": partners.log(session, partner.id, page_request(request.args)),
        "action_in_words": action_in_words,
        "details_in_words": details_in_words,
        "subject_text": subject_text,
    }


_P = Permission

TABS: Mapping[str, Tab] = MappingProxyType(
    {
        "overview": Tab(_("Overview"), _P.PARTNERS_READ, _overview),
        "customers": Tab(_("Customers"), _P.PARTNERS_READ, _customers),
        "commissions": Tab(_("Commissions"), _P.COMMISSIONS_READ, _commissions),
        "statements": Tab(_("Statements"), _P.PERIODS_READ, _statements),
        "people": Tab(_("People & certificates"), _P.PARTNERS_READ, _people),
        "fees": Tab(_("Fees"), _P.FEES_READ, _fees),
        "log": Tab(_("Log"), _P.AUDIT_READ, _log),
    }
)
"""The tabs in order. One that the role may not open is not offered."""


def chosen_tab(name: str) -> str:
    """Return the tab that an address asks for; the first one for an unknown name."""
    if name not in TABS:
        return next(iter(TABS))
    if not can(TABS[name].permission):
        abort(403)
    return name
