"""States, kinds and reasons in words."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from portal.attribution.rules import LossReason
from portal.commissions.models import CommissionKind, CommissionState
from portal.commissions.queries import CustomerState

LOSS_LABELS: Mapping[LossReason, LazyString] = MappingProxyType(
    {
        LossReason.OLDER_CLICK: _("A later click won"),
        LossReason.NEWER_CLICK: _("An earlier click won"),
        LossReason.OTHER_PROGRAM: _("A later click led to another program"),
        LossReason.OUTSIDE_WINDOW: _("Too long before the customer came"),
        LossReason.AFTER_CONVERSION: _("The customer was there before"),
        LossReason.LINK_DISABLED: _("The link was switched off"),
        LossReason.BOT: _("A robot, not a person"),
        LossReason.NOT_COUNTED: _("The click does not count"),
        LossReason.LINK_GATE: _("The partner could not refer at that time"),
    }
)
STATE_LABELS: Mapping[CommissionState, LazyString] = MappingProxyType(
    {
        CommissionState.HELD: _("Waiting for a requirement"),
        CommissionState.ON_HOLD: _("On hold"),
        CommissionState.CLEARED: _("Cleared"),
        CommissionState.ON_STATEMENT: _("On statement"),
    }
)
KIND_LABELS: Mapping[CommissionKind, LazyString] = MappingProxyType(
    {
        CommissionKind.EARNED: _("Earned"),
        CommissionKind.REVERSAL: _("Taken back"),
        CommissionKind.ADJUSTMENT: _("Correction"),
    }
)
CUSTOMER_LABELS: Mapping[CustomerState, LazyString] = MappingProxyType(
    {
        CustomerState.SIGNED_UP: _("Signed up"),
        CustomerState.EARNING: _("Earning"),
        CustomerState.ENDED: _("Ended"),
    }
)
