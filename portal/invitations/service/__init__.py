"""What can happen to invitations. Callers own the transaction."""

from portal.invitations.service.answering import (
    InvitationEnded,
    is_its_address,
    look_at,
    use,
)
from portal.invitations.service.sending import (
    AlreadyInProgram,
    AlreadyInvited,
    InvitationIsOver,
    NotInvitable,
    invite,
    resend,
    revoke,
)

__all__ = [
    "AlreadyInProgram",
    "AlreadyInvited",
    "InvitationEnded",
    "InvitationIsOver",
    "NotInvitable",
    "invite",
    "is_its_address",
    "look_at",
    "resend",
    "revoke",
    "use",
]
