"""What the page of an agreement says first: what is to be done, and by when."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from portal.agreements.models import AgreementSignature
from portal.agreements.queries import Standing
from portal.agreements.rules import Terms
from portal.enrollments.models import Enrollment
from portal.enrollments.steps import UNLOCKS
from portal.programs.definition import Blocks, GateKind


class Duty(StrEnum):
    """What a partner has to do about the agreement."""

    DONE = "done"
    FIRST = "first"
    """Nothing is signed yet."""
    BY_DATE = "by_date"
    """An earlier text is signed, and this one must be by a date."""
    OVERDUE = "overdue"
    MAY = "may"
    """An earlier text is signed and stays good; signing this one is free."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The text that is shown, and what is to be done.

    Attributes:
        terms: The text.
        duty: What the partner has to do.
        earlier: The newest signature of another text, to compare with; none without
            one, and once the text shown is signed.
        last_day: The last day for signing; none where nobody names one.
        begins_at: From when on the text counts, if that is still to come.
        blocked: What the partner cannot do without it, in words.
    """

    terms: Terms
    duty: Duty
    earlier: AgreementSignature | None
    last_day: date | None
    begins_at: datetime | None
    blocked: tuple[str, ...]


def reading_of(enrollment: Enrollment, standing: Standing, *, now: datetime) -> Reading:
    """Return what the page shows to a partner at a moment."""
    definition = enrollment.version.definition
    terms = standing.to_sign or standing.current
    until = standing.good_until
    blocked = {
        blocks
        for gate in definition.gates
        if gate.kind is GateKind.AGREEMENT
        for blocks in gate.blocks
    }
    is_open = standing.to_sign is not None
    return Reading(
        terms,
        _duty(standing, now),
        standing.signatures[0] if is_open and standing.signatures else None,
        (until - timedelta.resolution).astimezone(definition.zone).date()
        if until and is_open
        else None,
        terms.begins_at if terms.begins_at > now else None,
        tuple(str(UNLOCKS[blocks]) for blocks in Blocks if blocks in blocked),
    )


def _duty(standing: Standing, now: datetime) -> Duty:
    if standing.to_sign is None:
        return Duty.DONE
    if not standing.signatures:
        return Duty.FIRST
    if standing.good_until is None:
        return Duty.MAY
    return Duty.BY_DATE if now < standing.good_until else Duty.OVERDUE
