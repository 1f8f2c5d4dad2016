"""What can happen to exams and certificates. Callers own the transaction."""

from portal.certification.service.attempts import (
    AnsweredElsewhere,
    AttemptIsOpen,
    HoldsCertificate,
    TimeIsOver,
    TooSoon,
    answer,
    earliest_start,
    renewal_start,
    start,
    submit,
)
from portal.certification.service.certificates import (
    AlreadyRevoked,
    follow_person,
    meet_gates,
    new_number,
    revoke,
    show_holder,
)
from portal.certification.service.keys import correct_key, preview_correction
from portal.certification.service.questions import (
    AlreadyRetired,
    BankTooSmall,
    grant_extra_time,
    retire,
)

__all__ = [
    "AlreadyRetired",
    "AlreadyRevoked",
    "AnsweredElsewhere",
    "AttemptIsOpen",
    "BankTooSmall",
    "HoldsCertificate",
    "TimeIsOver",
    "TooSoon",
    "answer",
    "correct_key",
    "earliest_start",
    "follow_person",
    "grant_extra_time",
    "meet_gates",
    "new_number",
    "preview_correction",
    "renewal_start",
    "retire",
    "revoke",
    "show_holder",
    "start",
    "submit",
]
