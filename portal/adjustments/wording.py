"""The words for reasons."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from portal.adjustments.rules import AdjustmentReason

REASONS: Mapping[AdjustmentReason, LazyString] = MappingProxyType(
    {
        AdjustmentReason.CORRECTION: _("Correction"),
        AdjustmentReason.BONUS: _("Bonus"),
        AdjustmentReason.GOODWILL: _("Goodwill"),
        AdjustmentReason.CLAWBACK: _("Taken back"),
        AdjustmentReason.WRITE_OFF: _("Write-off"),
    }
)
