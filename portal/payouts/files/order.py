"""What a file says, whatever its format."""

from dataclasses import dataclass
from datetime import date, datetime

from portal.kit.money import Money
from portal.payouts.rules import Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Whose money it is; empty what is not set up.

    Attributes:
        name: As the bank knows it.
        iban: The account for SEPA.
        bic: The bank's, where it asks for it.
        routing_number: The bank's in the United States.
        company_id: What that bank assigned for files.
        bank_name: That bank's name.
    """

    name: str
    iban: str = ""
    bic: str = ""
    routing_number: str = ""
    company_id: str = ""
    bank_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One payment.

    Attributes:
        end_to_end_id: What names it for both banks.
        amount: How much.
        partner: Who is paid, as the portal calls them.
        holder: Whose account it is, as their bank knows it.
        details: The account.
        remittance: What it is for.
    """

    end_to_end_id: str
    amount: Money
    partner: str
    holder: str
    details: Details
    remittance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All payments of a batch.

    Attributes:
        name: The batch, such as `P000012`; names the message for the bank.
        created_at: When the file is made.
        pay_on: When the bank is asked to pay.
        payer: Whose money it is.
        instructions: The payments, at least one.
    """

    name: str
    created_at: datetime
    pay_on: date
    payer: Payer
    instructions: tuple[Instruction, ...]

    @property
    def total(self) -> Money:
        """What is paid in all."""
        first, *rest = (one.amount for one in self.instructions)
        return sum(rest, start=first)
