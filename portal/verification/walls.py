"""The walls of the database itself: triggers that stand, rights that nobody has."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.verification.findings import Found, Scope

TRIGGERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "audit_events": ("append_only",),
        "commissions": ("frozen", "frozen_all"),
        "ledger_journal_entries": ("append_only", "balanced"),
        "ledger_postings": ("append_only", "balanced"),
        "ledger_seals": ("append_only",),
        "payouts": ("append_only",),
        "periods": ("stays", "stays_closed"),
        "program_versions": ("append_only",),
        "refunds": ("append_only",),
        "sale_lines": ("append_only", "like_sale"),
        "sales": ("append_only",),
        "statement_lines": ("append_only", "complete"),
        "statements": ("append_only", "like_lines", "while_closing"),
        "thread_messages": ("append_only",),
    }
)
"""What stands in front of each table, also for its owner."""

_STANDING = text(
    "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
    " WHERE tgenabled = 'A' AND NOT tgisinternal"
)
_RIGHTS = text(
    "SELECT has_table_privilege('portal_app', :name, 'UPDATE, DELETE, TRUNCATE')"
)


def walls_stand(session: Session, _scope: Scope) -> Found:
    """I9, from outside: nobody switched a trigger off or gave the portal more rights.

    What was changed while a wall was down, other checks find. This one finds that it
    is down before anything is changed.
    """
    standing = {(table, name) for table, name in session.execute(_STANDING)}
    for table, names in TRIGGERS.items():
        for name in names:
            if (table, name) not in standing:
                yield table, f"lacks the trigger {name}, or it is switched off"
        if "append_only" in names and session.scalar(_RIGHTS, {"name": table}):
            yield table, "may be changed by the portal, which may only add to it"
