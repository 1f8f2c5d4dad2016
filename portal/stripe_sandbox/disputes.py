"""Disputes: a buyer's bank takes a payment back, and perhaps returns it."""

from portal.stripe_sandbox.errors import ApiError
from portal.stripe_sandbox.store import Obj, Store

_FEE = 1500
_DAYS_TO_ANSWER = 7 * 86_400
OPEN = "needs_response"


def open_dispute(store: Store, charge: Obj, reason: str) -> Obj:
    """Take a paid charge back, all of it.

    Raises:
        ApiError: The charge was not paid, or is disputed already.
    """
    if not charge["paid"]:
        raise ApiError(f"Charge {charge['id']} was not paid.", param="charge")
    if charge["disputed"]:
        raise ApiError(
            f"Charge {charge['id']} is already disputed.",
            code="charge_disputed",
            param="charge",
        )
    dispute: Obj = {
        "id": store.new_id("dispute"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [_movement(store, charge, -1)],
        "charge": charge["id"],
        "created": store.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": store.now + _DAYS_TO_ANSWER,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": OPEN,
    }
    store.add(dispute)
    charge["disputed"] = True
    store.emit("charge.dispute.created", dispute)
    store.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(store: Store, dispute: Obj, *, won: bool) -> Obj:
    """Decide a dispute, for the seller (`won`) or for the buyer.

    Raises:
        ApiError: It is decided already.
    """
    if dispute["status"] != OPEN:
        raise ApiError("This dispute is already closed.")
    previous = {"status": dispute["status"]}
    dispute["status"] = "won" if won else "lost"
    store.emit("charge.dispute.updated", dispute, previous)
    store.emit("charge.dispute.closed", dispute)
    if won:
        charge = store.get("charge", dispute["charge"])
        dispute["balance_transactions"].append(_movement(store, charge, 1))
        store.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def _movement(store: Store, charge: Obj, sign: int) -> Obj:
    amount, fee = sign * charge["amount"], _FEE if sign < 0 else 0
    return {
        "id": store.new_id("balance_transaction"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": store.now,
        "created": store.now,
        "currency": charge["currency"],
        "description": "Chargeback withdrawal" if sign < 0 else "Chargeback reversal",
        "fee": fee,
        "fee_details": [],
        "net": amount - fee,
        "reporting_category": "dispute" if sign < 0 else "dispute_reversal",
        "source": None,
        "status": "available",
        "type": "adjustment",
    }
