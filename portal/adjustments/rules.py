"""Why balances are adjusted by hand. Pure."""

from enum import StrEnum


class AdjustmentReason(StrEnum):
    """Why the balance changes, as the statement names it."""

    CORRECTION = "correction"
    BONUS = "bonus"
    GOODWILL = "goodwill"
    CLAWBACK = "clawback"
    WRITE_OFF = "write_off"
    """A balance below zero that nobody will earn back."""
