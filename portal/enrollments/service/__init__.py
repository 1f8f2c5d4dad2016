"""What can happen to a partner in a program. Callers own the transaction."""

from portal.enrollments.service.agreeing import NothingToAccept, accept_agreement
from portal.enrollments.service.confirming import (
    AlreadyConfirmed,
    NotConfirmable,
    NotConfirmed,
    confirm_gate,
    withdraw_gate,
)
from portal.enrollments.service.gates import lose_gate, meet_gate, reevaluate
from portal.enrollments.service.joining import AlreadyEnrolled, join
from portal.enrollments.service.standing import resume, suspend, terminate

__all__ = [
    "AlreadyConfirmed",
    "AlreadyEnrolled",
    "NotConfirmable",
    "NotConfirmed",
    "NothingToAccept",
    "accept_agreement",
    "confirm_gate",
    "join",
    "lose_gate",
    "meet_gate",
    "reevaluate",
    "resume",
    "suspend",
    "terminate",
    "withdraw_gate",
]
