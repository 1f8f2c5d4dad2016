"""What became of one event."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from portal.payments.models import InboxStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of acting on one event.

    Attributes:
        status: Where the event ends up.
        note: Why, for the people who look at the inbox.
        parked_for: The Stripe id that it waits for.
        customers: Whose sales, refunds, first click, country or subscriptions changed.
        known: Stripe ids that are known now; what was parked for one can go on.
    """

    status: InboxStatus
    note: str = ""
    parked_for: str | None = None
    customers: frozenset[UUID] = frozenset()
    known: tuple[str, ...] = ()


def handled(
    note: str = "", *, customers: Iterable[UUID] = (), known: Iterable[str] = ()
) -> Outcome:
    """Return that the event was acted on."""
    return Outcome(
        status=InboxStatus.HANDLED,
        note=note,
        customers=frozenset(customers),
        known=tuple(known),
    )


def ignored(why: str, *, known: Iterable[str] = ()) -> Outcome:
    """Return that the event is nothing of ours."""
    return Outcome(status=InboxStatus.IGNORED, note=why, known=tuple(known))


def parked(reference: str, why: str) -> Outcome:
    """Return that the event waits for another one, about `reference`."""
    return Outcome(status=InboxStatus.PARKED, note=why, parked_for=reference)


def failed(error: Exception) -> Outcome:
    """Return that acting on the event broke."""
    note = f"{type(error).__name__}: {error}"
    return Outcome(status=InboxStatus.FAILED, note=note)
