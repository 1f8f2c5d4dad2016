"""Who is stuck at which gate, since when: across partners, for staff.

The database works it out, so that the page costs the same however many partners there
are. It must say what `rules.checklist` and `rules.waiting_since` say; a test compares
the two.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session, joinedload

from portal.enrollments.models import Enrollment
from portal.programs.definition import Gate

SHOWN = 100
"""How many rows the page has; the file has all."""

_WAITING = """
WITH kept AS (
  SELECT enrollment_id, gate_key,
    min(met_from) AS first_from,
    min(met_from) FILTER (
      WHERE met_from <= :now AND (met_until IS NULL OR met_until > :now)
    ) AS since,
    max(met_until) FILTER (WHERE met_until <= :now) AS lost_at
  FROM gate_intervals
  WHERE met_until IS NULL OR met_until > met_from
  GROUP BY enrollment_id, gate_key
), gates AS (
  SELECT e.id, e.program_id, e.joined_at, g.gate ->> 'key' AS gate_key, g.place,
    CASE WHEN g.gate ->> 'deadline_days' IS NOT NULL THEN
      (((e.joined_at AT TIME ZONE v.zone)::date
        + (g.gate ->> 'deadline_days')::int + 1)::timestamp AT TIME ZONE v.zone)
    END AS over_at,
    (g.gate ->> 'shuts_at_deadline')::boolean AS shuts
  FROM enrollments e
  JOIN (
    SELECT id, definition_json,
      coalesce(definition_json ->> 'time_zone', 'UTC') AS zone
    FROM program_versions
  ) v ON v.id = e.version_id
  CROSS JOIN LATERAL jsonb_array_elements(v.definition_json -> 'gates')
    WITH ORDINALITY AS g (gate, place)
  WHERE e.status IN ('pending', 'active')
    AND (CAST(:program_id AS uuid) IS NULL OR e.program_id = :program_id)
), standing AS (
  SELECT g.*, k.lost_at,
    CASE WHEN g.shuts AND k.first_from >= g.over_at THEN NULL ELSE k.since END AS since,
    CASE WHEN g.shuts AND k.first_from >= g.over_at THEN NULL ELSE k.lost_at END
      AS ended_at
  FROM gates g
  LEFT JOIN kept k ON k.enrollment_id = g.id AND k.gate_key = g.gate_key
), waiting AS (
  SELECT id, gate_key, place, since,
    coalesce(ended_at, greatest(joined_at, max(since) OVER (
      PARTITION BY id ORDER BY place
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ))) AS waits_from
  FROM standing
), unmet AS (
  SELECT id, gate_key, waits_from,
    row_number() OVER (PARTITION BY id ORDER BY place) AS nth,
    count(*) OVER (PARTITION BY id) AS unmet
  FROM waiting WHERE since IS NULL
)
"""

_ROWS = """
SELECT id, gate_key, waits_from, unmet FROM unmet
WHERE CASE WHEN CAST(:gate_key AS text) IS NULL THEN nth = 1
  ELSE gate_key = :gate_key END
ORDER BY waits_from, id
LIMIT :most
"""

_COUNTS = """
SELECT gate_key, count(*) AS number FROM unmet GROUP BY gate_key
ORDER BY number DESC, gate_key
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """A partner that waits at a gate.

    Attributes:
        enrollment: The partner in the program.
        gate: The gate: the one asked for, or the first in the program's order.
        since: Since when.
        others: How many more gates are not met.
    """

    enrollment: Enrollment
    gate: Gate
    since: datetime
    others: int


def stuck(
    session: Session,
    *,
    now: datetime,
    program_id: UUID | None = None,
    gate_key: str | None = None,
    most: int | None = SHOWN,
) -> list[Stuck]:
    """Return who waits at a gate, who waits longest first.

    Partners whom staff have stopped wait for staff, and are not among them.

    Args:
        session: The session to read from.
        now: The moment.
        program_id: Only in this program.
        gate_key: Only at this gate; none: at the first of each enrollment.
        most: At most so many; none: all.
    """
    rows = session.execute(
        text(_WAITING + _ROWS),
        {"now": now, "program_id": program_id, "gate_key": gate_key, "most": most},
    ).all()
    return list(_with_enrollments(session, rows))


def counts(
    session: Session, *, now: datetime, program_id: UUID | None = None
) -> Mapping[str, int]:
    """Return how many wait at each gate, most first; one may wait at several."""
    rows = session.execute(
        text(_WAITING + _COUNTS), {"now": now, "program_id": program_id}
    )
    return {row.gate_key: row.number for row in rows}


def _with_enrollments(session: Session, rows: Sequence[Row[Any]]) -> Iterator[Stuck]:
    found = session.scalars(
        select(Enrollment)
        .where(Enrollment.id.in_([row.id for row in rows]))
        .options(joinedload(Enrollment.partner), joinedload(Enrollment.version))
    )
    enrollments = {one.id: one for one in found}
    for row in rows:
        enrollment = enrollments[row.id]
        gates = {one.key: one for one in enrollment.version.definition.gates}
        yield Stuck(
            enrollment=enrollment,
            gate=gates[row.gate_key],
            since=row.waits_from,
            others=row.unmet - 1,
        )
