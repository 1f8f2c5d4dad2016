"""NACHA files with one CCD batch: credits to accounts at banks in the United States.

Records of 94 characters, in blocks of ten; what is missing in the last block is filled
with nines. Fields follow the Nacha Operating Rules, appendix three. No maintained
package writes them, so this does.
"""

from collections.abc import Iterator

from portal.payouts.files.order import Instruction, Order
from portal.payouts.rules import AccountType, bank_text

RECORD_LENGTH = 94
BLOCKING_FACTOR = 10

_CREDITS_ONLY = "220"
_BATCH = "0000001"
_CREDIT_TO = {AccountType.CHECKING: "22", AccountType.SAVINGS: "32"}


def render(order: Order) -> bytes:
    """Return the file, its records on lines of their own."""
    records = list(_records(order))
    records += ["9" * RECORD_LENGTH] * (-len(records) % BLOCKING_FACTOR)
    return "".join(f"{record}\r\n" for record in records).encode("ascii")


def entry_hash(order: Order) -> int:
    """Return the sum of the first eight digits of every receiving bank's number.

    Only its last ten digits are kept.
    """
    numbers = (int(one.details.routing_number[:8]) for one in order.instructions)
    return sum(numbers) % 10**10


def _records(order: Order) -> Iterator[str]:
    yield _file_header(order)
    yield _batch_header(order)
    for number, one in enumerate(order.instructions, 1):
        yield _entry(order, one, number)
    yield _batch_control(order)
    yield _file_control(order)


def _file_header(order: Order) -> str:
    payer = order.payer
    return (
        "101"
        f" {payer.routing_number}"
        f"{payer.company_id}"
        f"{order.created_at:%y%m%d%H%M}"
        "A"
        "094"
        "10"
        "1"
        f"{_text(payer.bank_name, 23)}"
        f"{_text(payer.name, 23)}"
        f"{_text(order.name, 8)}"
    )


def _batch_header(order: Order) -> str:
    payer = order.payer
    return (
        f"5{_CREDITS_ONLY}"
        f"{_text(payer.name, 16)}"
        f"{_text(order.name, 20)}"
        f"{payer.company_id}"
        "CCD"
        f"{_text('PAYOUT', 10)}"
        f"{order.pay_on:%y%m%d}"
        f"{order.pay_on:%y%m%d}"
        "   "
        "1"
        f"{payer.routing_number[:8]}"
        f"{_BATCH}"
    )


def _entry(order: Order, one: Instruction, number: int) -> str:
    details = one.details
    return (
        "6"
        f"{_CREDIT_TO[AccountType(details.account_type)]}"
        f"{details.routing_number}"
        f"{details.account_number:<17}"
        f"{one.amount.minor:010d}"
        f"{one.end_to_end_id:<15}"
        f"{_text(one.holder, 22)}"
        "  "
        "0"
        f"{order.payer.routing_number[:8]}{number:07d}"
    )


def _batch_control(order: Order) -> str:
    return (
        f"8{_CREDITS_ONLY}"
        f"{len(order.instructions):06d}"
        f"{entry_hash(order):010d}"
        f"{0:012d}"
        f"{order.total.minor:012d}"
        f"{order.payer.company_id}"
        f"{'':25}"
        f"{order.payer.routing_number[:8]}"
        f"{_BATCH}"
    )


def _file_control(order: Order) -> str:
    records = len(order.instructions) + 4
    blocks = -(-records // BLOCKING_FACTOR)
    return (
        "9"
        "000001"
        f"{blocks:06d}"
        f"{len(order.instructions):08d}"
        f"{entry_hash(order):010d}"
        f"{0:012d}"
        f"{order.total.minor:012d}"
        f"{'':39}"
    )


def _text(text: str, width: int) -> str:
    return f"{bank_text(text, width).upper():<{width}}"
