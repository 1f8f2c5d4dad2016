"""Who may do what, as one table."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a person does here; `GRANTS` says what that allows."""

    ADMIN = "admin"
    REVIEWER = "reviewer"
    FINANCE = "finance"
    AUDITOR = "auditor"
    PARTNER_OWNER = "partner_owner"
    PARTNER_FINANCE = "partner_finance"
    PARTNER_MARKETER = "partner_marketer"
    PARTNER_VIEWER = "partner_viewer"

    @property
    def is_staff(self) -> bool:
        """Whether the role belongs to the vendor rather than to a partner."""
        return not self.value.startswith("partner_")


STAFF_ROLES = tuple(role for role in Role if role.is_staff)
PARTNER_ROLES = tuple(role for role in Role if not role.is_staff)


class Permission(StrEnum):
    """`<face>:<thing>:<action>`, in the order of the pages that need them."""

    WORKSPACE = "workspace:home:read"
    LINKS_READ = "workspace:links:read"
    LINKS_WRITE = "workspace:links:write"
    CUSTOMERS_READ = "workspace:customers:read"
    CERTIFICATION_TAKE = "workspace:certification:take"
    EARNINGS_READ = "workspace:earnings:read"
    STATEMENTS_READ = "workspace:statements:read"
    THREADS_WRITE = "workspace:threads:write"
    BILLING_READ = "workspace:billing:read"
    BILLING_PAY = "workspace:billing:pay"
    TAX_READ = "workspace:tax:read"
    TAX_SIGN = "workspace:tax:sign"
    PAYOUT_ACCOUNT_CHANGE = "workspace:payout_account:change"
    AGREEMENT_ACCEPT = "workspace:agreement:accept"
    TEAM_READ = "workspace:team:read"
    TEAM_MANAGE = "workspace:team:manage"

    STAFF = "staff:inbox:read"
    APPLICATIONS_READ = "staff:applications:read"
    APPLICATIONS_REVIEW = "staff:applications:review"
    PARTNERS_READ = "staff:partners:read"
    PARTNERS_MANAGE = "staff:partners:manage"
    GATES_CONFIRM = "staff:gates:confirm"
    COMMISSIONS_READ = "staff:commissions:read"
    PERIODS_READ = "staff:periods:read"
    PERIODS_CLOSE = "staff:periods:close"
    ADJUSTMENTS_READ = "staff:adjustments:read"
    ADJUSTMENTS_PROPOSE = "staff:adjustments:propose"
    THREADS_READ = "staff:threads:read"
    THREADS_ANSWER = "staff:threads:answer"
    PAYOUTS_READ = "staff:payouts:read"
    PAYOUTS_RECORD = "staff:payouts:record"
    PAYOUTS_APPROVE = "staff:payouts:approve"
    FEES_READ = "staff:fees:read"
    FEES_WAIVE = "staff:fees:waive"
    TAX_FORMS_READ = "staff:tax:read"
    TAX_FORMS_REVIEW = "staff:tax:review"
    PROGRAMS_READ = "staff:programs:read"
    PROGRAMS_PUBLISH = "staff:programs:publish"
    CERTIFICATION_READ = "staff:certification:read"
    CERTIFICATION_MANAGE = "staff:certification:manage"
    EVENTS_READ = "staff:events:read"
    EVENTS_RETRY = "staff:events:retry"
    MAIL_READ = "staff:mail:read"
    MAIL_RESEND = "staff:mail:resend"
    USERS_READ = "staff:users:read"
    USERS_MANAGE = "staff:users:manage"
    AUDIT_READ = "staff:audit:read"


_P = Permission

_EVERY_PARTNER_ROLE = frozenset(
    {
        _P.WORKSPACE,
        _P.LINKS_READ,
        _P.CUSTOMERS_READ,
        _P.CERTIFICATION_TAKE,
        _P.TEAM_READ,
    }
)
_EVERY_STAFF_ROLE = frozenset(
    {
        _P.STAFF,
        _P.APPLICATIONS_READ,
        _P.PARTNERS_READ,
        _P.PROGRAMS_READ,
        _P.CERTIFICATION_READ,
    }
)
_MONEY_READ = frozenset({_P.EARNINGS_READ, _P.STATEMENTS_READ, _P.BILLING_READ})
_BOOKS_READ = frozenset(
    {
        _P.COMMISSIONS_READ,
        _P.PERIODS_READ,
        _P.FEES_READ,
        _P.PAYOUTS_READ,
        _P.TAX_FORMS_READ,
        _P.ADJUSTMENTS_READ,
        _P.THREADS_READ,
    }
)
_SYSTEM_READ = frozenset({_P.EVENTS_READ, _P.MAIL_READ, _P.USERS_READ, _P.AUDIT_READ})

GRANTS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.ADMIN: frozenset(p for p in Permission if p.startswith("staff:")),
        Role.REVIEWER: _EVERY_STAFF_ROLE | {_P.APPLICATIONS_REVIEW, _P.GATES_CONFIRM},
        Role.FINANCE: _EVERY_STAFF_ROLE
        | _BOOKS_READ
        | {_P.PERIODS_CLOSE, _P.PAYOUTS_RECORD, _P.PAYOUTS_APPROVE}
        | {_P.EVENTS_READ, _P.EVENTS_RETRY}
        | {_P.GATES_CONFIRM, _P.TAX_FORMS_REVIEW, _P.FEES_WAIVE}
        | {_P.ADJUSTMENTS_PROPOSE, _P.THREADS_ANSWER},
        Role.AUDITOR: _EVERY_STAFF_ROLE | _BOOKS_READ | _SYSTEM_READ,
        Role.PARTNER_OWNER: frozenset(
            p for p in Permission if p.startswith("workspace:")
        ),
        Role.PARTNER_FINANCE: _EVERY_PARTNER_ROLE
        | _MONEY_READ
        | {
            _P.THREADS_WRITE,
            _P.BILLING_PAY,
            _P.TAX_READ,
            _P.TAX_SIGN,
            _P.PAYOUT_ACCOUNT_CHANGE,
        },
        Role.PARTNER_MARKETER: _EVERY_PARTNER_ROLE | {_P.LINKS_WRITE},
        Role.PARTNER_VIEWER: _EVERY_PARTNER_ROLE | _MONEY_READ,
    }
)
"""Everything that is not granted here is refused."""
