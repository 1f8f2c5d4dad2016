"""What people may do to the sandbox that Stripe's API has no words for."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.store import Obj
from portal.stripe_sandbox.wording import amount_text, moment_text

_MOST_DAYS = 3_660
_VERDICTS = frozenset({"won", "lost"})


def move_clock(sandbox: Sandbox, fields: Mapping[str, str]) -> tuple[str, Obj]:
    """Move the clock by `days`, or `to` an instant written like 2026-04-01T09:00:00Z.

    Returns:
        A sentence for people, and the answer for programs.

    Raises:
        ApiError: Neither is given, or the instant is not ahead.
    """
    to, days = fields.get("to", ""), fields.get("days", "").strip()
    if to:
        instant = _instant(to)
    elif days.isascii() and days.isdigit() and 0 < int(days) <= _MOST_DAYS:
        instant = sandbox.clock + timedelta(days=int(days))
    else:
        raise ApiError(
            f"Give a number of days between 1 and {_MOST_DAYS}.", param="days"
        )
    if instant < sandbox.clock:
        raise ApiError(
            "The clock only goes forward: give a later time than it shows.", param="to"
        )
    sandbox.advance_to(instant)
    now = int(sandbox.clock.timestamp())
    return f"The clock shows {moment_text(now)} now.", {"now": now}


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(
            "Write the time like 2026-04-01T09:00:00Z.", param="to"
        ) from error
    if instant.tzinfo is None:
        raise ApiError("Write the time with its zone, such as a Z.", param="to")
    return instant


def dispute(sandbox: Sandbox, fields: Mapping[str, str]) -> tuple[str, Obj]:
    """Open a dispute of `charge`, or close it as `won` or `lost` by `action`.

    Returns:
        A sentence for people, and the dispute.

    Raises:
        ApiError: The charge cannot be disputed, or has no open dispute.
    """
    charge, action = fields.get("charge", ""), fields.get("action", "")
    if action == "open":
        opened = sandbox.open_dispute(charge)
        return f"The payment {charge} is disputed now.", opened
    if action not in _VERDICTS:
        raise ApiError("The action is open, won or lost.", param="action")
    with sandbox.lock:
        found = [d for d in sandbox.store.every("dispute") if d["charge"] == charge]
        if not found:
            raise ApiError(f"There is no dispute of {charge}.", param="charge")
        closed = sandbox.close_dispute(found[0]["id"], won=action == "won")
    winner = "seller" if action == "won" else "buyer"
    return f"The dispute is closed: the {winner} has won.", closed


def refund(sandbox: Sandbox, fields: Mapping[str, str]) -> tuple[str, Obj]:
    """Give back `amount` minor units of `charge`, or all that is left.

    Returns:
        A sentence for people, and the refund.

    Raises:
        ApiError: The amount is no number, or more than is left.
    """
    charge, amount = fields.get("charge", ""), fields.get("amount", "").strip()
    if amount and not (amount.isascii() and amount.isdigit()):
        raise ApiError(
            "Write the amount in minor units, such as 4900 for 49.00.", param="amount"
        )
    made = sandbox.refund(charge, int(amount) if amount else None)
    text = amount_text(made["amount"], made["currency"])
    return f"{text} of the payment {charge} was given back.", made
