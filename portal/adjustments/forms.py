from typing import cast

from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import Form, RadioField, SelectField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from portal.adjustments.rules import AdjustmentReason
from portal.adjustments.wording import REASONS
from portal.kit.money import Money
from portal.web.amounts import AmountField
from portal.web.forms import choices

CREDIT, DEBIT = "credit", "debit"


class AdjustmentForm(Form):
    """What should change a partner's balance."""

    direction = RadioField(
        _("What should happen?"),
        choices=choices(
            [
                (CREDIT, _("The partner gets money")),
                (DEBIT, _("The partner gives money back")),
            ]
        ),
        validators=[InputRequired(_("Choose who gets the money."))],
    )
    amount = AmountField(
        _("Amount"),
        validators=[DataRequired(_("Enter the amount, like 25.00."))],
    )
    reason = SelectField(
        _("Reason"),
        choices=choices([("", _("Choose a reason")), *REASONS.items()]),
        validators=[DataRequired(_("Choose a reason."))],
    )
    note = TextAreaField(
        _("What the partner reads"),
        description=_("It stands on the statement, next to the amount."),
        filters=[lambda text: " ".join((text or "").split())],
        validators=[
            DataRequired(_("Write a sentence: the partner must understand it.")),
            Length(max=300),
        ],
    )

    def __init__(self, formdata: MultiDict[str, str] | None, currency: str) -> None:
        super().__init__(formdata)
        self.currency = currency

    @property
    def money(self) -> Money:
        """The signed amount, once the form is valid."""
        amount = cast("Money", self.amount.money)
        return amount if self.direction.data == CREDIT else -amount

    @property
    def kind(self) -> AdjustmentReason:
        """The reason, once the form is valid."""
        return AdjustmentReason(self.reason.data)


class DecisionForm(Form):
    """What the second person says."""

    note = TextAreaField(
        _("Note"),
        description=_("For colleagues; the partner does not read it."),
        filters=[lambda text: " ".join((text or "").split())],
        validators=[Length(max=300)],
    )
