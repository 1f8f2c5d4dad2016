"""Which tax the statements of a close withhold."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask_babel import force_locale
from sqlalchemy.orm import Session

from portal.enrollments.models import Enrollment
from portal.enrollments.rules import GateStatus, unmet
from portal.programs.definition import Blocks, GateKind, ProgramDefinition
from portal.programs.rules import payout_date
from portal.statements.models import Period
from portal.statements.policy import NO_TAX, Tax
from portal.tax import queries as tax
from portal.tax.words import withholding_reason


def taxes(
    session: Session,
    members: Sequence[Enrollment],
    period: Period,
    definition: ProgramDefinition,
    *,
    gates: Mapping[UUID, Sequence[GateStatus]],
    withholds_us_tax: bool,
) -> dict[UUID, Tax | None]:
    """Return what is withheld from each enrollment; none while nobody can say.

    Where the program asks for a tax form before it pays, and there is none yet, the
    form decides once it is there. Where it does not ask, the law's rate for payees
    without a form applies.

    Args:
        session: The session to read from.
        members: Whose statements.
        period: Of which month.
        definition: The program, for the day of payment.
        gates: The gates of each enrollment, with where they stand.
        withholds_us_tax: Whether the vendor withholds what US rules ask for.
    """
    if not withholds_us_tax:
        return dict.fromkeys((row.id for row in members), NO_TAX)
    pays_on = payout_date(definition, period.last_day)
    payees = tax.payees(session, {row.partner_id for row in members})

    def tax_of(member: Enrollment) -> Tax | None:
        missing = unmet(gates[member.id], Blocks.PAYOUT)
        if any(status.gate.kind is GateKind.TAX_FORM for status in missing):
            return None
        decision = payees[member.partner_id].withholding(pays_on)
        # Statements are in English, whoever closes the month.
        with force_locale("en"):
            return Tax(decision.rate_bps, withholding_reason(decision))

    return {member.id: tax_of(member) for member in members}
