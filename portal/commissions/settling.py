"""What a recompute has to write: rated lines against the lines that are kept.

Pure: it looks at rows and says which are new, which change and which go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from portal.commissions.calculation import RatedLine
from portal.commissions.models import CommissionKind, LineRow
from portal.kit.ids import new_id


@dataclass(slots=True)
class Recomputed:
    """What a recompute changed; all zero when everything was right already."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    adjusted: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether nothing had to change."""
        return self == Recomputed()


@dataclass(slots=True)
class Changes:
    """What the lines of some enrollments need.

    Attributes:
        added: New lines.
        changed: Lines that differ, as they are from now on.
        removed: The ids of lines that are no more.
        same: Lines on no statement that were right already.
        corrections: Those among the new lines that correct one on a statement.
    """

    added: list[LineRow] = field(default_factory=list)
    changed: list[LineRow] = field(default_factory=list)
    removed: list[UUID] = field(default_factory=list)
    same: list[LineRow] = field(default_factory=list)
    corrections: list[LineRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose lines they are.

    Attributes:
        enrollment_id: The enrollment.
        partner_id: Its partner.
        program_id: Its program.
        versions: The versions of the program, by number.
    """

    enrollment_id: UUID
    partner_id: UUID
    program_id: UUID
    versions: Mapping[int, UUID]


@dataclass(slots=True)
class Settlement:
    """Puts the rated lines of one enrollment into rows, one event and rule at a time.

    Attributes:
        owner: Whose lines.
        credited: The sales that some rated line is about.
        now: The date of corrections.
        changes: Where it puts what has to be written.
        result: How much that is.
    """

    owner: Owner
    credited: set[UUID]
    now: datetime
    changes: Changes
    result: Recomputed = field(default_factory=Recomputed)

    def settle(self, line: RatedLine | None, rows: Sequence[LineRow]) -> None:
        """Bring the rows of one event and rule in line; no line: it earns no more."""
        frozen = [row for row in rows if row.frozen_at is not None]
        waiting = [row for row in rows if row.frozen_at is None]
        if len(waiting) > 1:
            # A month was reopened: what adjusted its line is part of the line again.
            waiting.sort(key=lambda row: (len(row.key), row.key))
            for row in waiting[1:]:
                self._remove(row)
        unfrozen = waiting[0] if waiting else None
        if frozen:
            self._adjust(line, frozen, unfrozen)
        elif line is None:
            self._remove(unfrozen)
        elif unfrozen is None:
            self._add(self._row_of(line, new_id()))
        else:
            after = self._row_of(line, unfrozen.id)
            self._replace(unfrozen, after._replace(thawed_at=unfrozen.thawed_at))

    def _adjust(
        self,
        line: RatedLine | None,
        frozen: Sequence[LineRow],
        unfrozen: LineRow | None,
    ) -> None:
        settled = sum(row.amount_minor for row in frozen)
        rated = line.amount_minor if line else 0
        if rated == settled:
            self._remove(unfrozen)
            return
        first = frozen[0]
        base = line.base_minor if line else 0
        row = first._replace(
            id=unfrozen.id if unfrozen else new_id(),
            key=f"{first.settles}/adj{len(frozen)}",
            kind=CommissionKind.ADJUSTMENT,
            base_minor=base - sum(row.base_minor for row in frozen),
            amount_minor=rated - settled,
            # An adjustment keeps the day on which it was first found.
            occurred_at=unfrozen.occurred_at if unfrozen else self.now,
            clears_at=unfrozen.clears_at if unfrozen else self.now,
            trace=self._correction(line, first, settled=settled, rated=rated),
            frozen_at=None,
            period_label=None,
            thawed_at=unfrozen.thawed_at if unfrozen else None,
        )
        if unfrozen is not None:
            self._replace(unfrozen, row)
            return
        self._add(row)
        self.changes.corrections.append(row)
        self.result.adjusted += 1

    def _correction(
        self, line: RatedLine | None, before: LineRow, *, settled: int, rated: int
    ) -> dict[str, Any]:
        """Return the trace of a line that brings `settled` to `rated`."""
        return (line.trace if line else before.trace) | {
            "amount_minor": rated - settled,
            "adjustment": {
                "settled_minor": settled,
                "rated_minor": rated,
                "is_gone": line is None and before.sale_id not in self.credited,
                "is_other_rule": line is None and before.sale_id in self.credited,
            },
        }

    def _row_of(self, line: RatedLine, key: UUID) -> LineRow:
        owner = self.owner
        return LineRow(
            id=key,
            key=line.key,
            enrollment_id=owner.enrollment_id,
            partner_id=owner.partner_id,
            program_id=owner.program_id,
            version_id=owner.versions[line.version_number],
            customer_id=line.customer_id,
            sale_id=line.sale_id,
            refund_id=line.refund_id,
            kind=CommissionKind(line.kind),
            rule_key=line.rule_key,
            base_minor=line.base_minor,
            amount_minor=line.amount_minor,
            currency=line.currency,
            occurred_at=line.occurred_at,
            clears_at=line.clears_at,
            trace=line.trace,
        )

    def _add(self, row: LineRow) -> None:
        self.changes.added.append(row)
        self.result.added += 1

    def _replace(self, before: LineRow, after: LineRow) -> None:
        if before == after:
            self.changes.same.append(before)
            return
        self.changes.changed.append(after)
        self.result.changed += 1

    def _remove(self, row: LineRow | None) -> None:
        if row is None:
            return
        if row.thawed_at is None:
            self.changes.removed.append(row.id)
            self.result.removed += 1
        elif row.amount_minor or row.base_minor:
            # It earns no more, but a statement that was reversed goes on showing it.
            stated = row.amount_minor
            trace = self._correction(None, row, settled=stated, rated=0)
            trace |= {"amount_minor": 0}
            self._replace(row, row._replace(trace=trace, base_minor=0, amount_minor=0))
        else:
            self.changes.same.append(row)
