"""What can happen to a partner in a program. Callers own the transaction."""

from portal.enrollments.service.confirming import (
    AlreadyConfirmed,
    NotConfirmable,
    NotConfirmed,
    confirm_gate,
    withdraw_gate,
)
from portal.enrollments.service.gates import (
    current_interval,
    lose_gate,
    meet_gate,
    reevaluate,
)
from portal.enrollments.service.joining import AlreadyEnrolled, join
from portal.enrollments.service.notifying import keep, notify
from portal.enrollments.service.standing import resume, suspend, terminate

__all__ = [
    "AlreadyConfirmed",
    "AlreadyEnrolled",
    "NotConfirmable",
    "NotConfirmed",
    "confirm_gate",
    "current_interval",
    "join",
    "keep",
    "lose_gate",
    "meet_gate",
    "notify",
    "reevaluate",
    "resume",
    "suspend",
    "terminate",
    "withdraw_gate",
]
