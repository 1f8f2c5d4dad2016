"""Months come into being by themselves."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.kit.ids import new_id
from portal.programs import queries as programs
from portal.programs.models import Program
from portal.statements import queries
from portal.statements.models import Period, PeriodStatus
from portal.statements.rules import months_until


def ensure_periods(session: Session, program: Program, now: datetime) -> list[Period]:
    """Add the months that a program lacks, from its first one to the running one.

    Doing this twice, or by two at once, changes nothing.

    Returns:
        All periods of the program, oldest first.
    """
    versions = programs.versions(session, program.id)
    if versions:
        first = versions[-1]
        zone = first.definition.zone
        kept = queries.periods_of(session, program.id)
        known = {period.label for period in kept}
        missing = [
            month
            for month in months_until(first.effective_from, now, zone)
            if month.label not in known
        ]
        if not missing:
            return list(kept)
        for month in missing:
            session.execute(
                insert(Period)
                .values(
                    id=new_id(),
                    program_id=program.id,
                    label=month.label,
                    starts_at=month.starts_at,
                    ends_at=month.ends_at,
                    time_zone=zone.key,
                    status=PeriodStatus.OPEN,
                    issuer_name="",
                    acknowledged={},
                )
                .on_conflict_do_nothing(index_elements=["program_id", "label"])
            )
    return list(queries.periods_of(session, program.id))


def ensure_all_periods(session: Session, now: datetime) -> None:
    """Add the months that any program in force lacks."""
    for version in programs.all_current(session, now):
        ensure_periods(session, version.program, now)
