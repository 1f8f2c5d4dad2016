"""What can happen to agreements. Callers own the transaction."""

from portal.agreements.service.asking import ask_again
from portal.agreements.service.signing import (
    NothingToSign,
    Origin,
    TextChanged,
    sign,
)

__all__ = ["NothingToSign", "Origin", "TextChanged", "ask_again", "sign"]
