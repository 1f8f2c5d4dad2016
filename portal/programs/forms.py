from flask_babel import lazy_gettext as _
from wtforms import Form, IntegerField
from wtforms.validators import InputRequired, NumberRange

from portal.programs.calculation import MOST_CUSTOMERS, MOST_PRICE_MAJOR


class EstimateForm(Form):
    """What a visitor guesses, to see what it would earn."""

    is_submitted = False

    customers = IntegerField(
        _("New customers each month"),
        [
            InputRequired(_("Enter how many new customers you would bring.")),
            NumberRange(
                1, MOST_CUSTOMERS, _("Enter a number from %(min)s to %(max)s.")
            ),
        ],
        default=2,
    )
    price = IntegerField(
        _("What each pays each month"),
        [
            InputRequired(_("Enter what a customer pays.")),
            NumberRange(
                1, MOST_PRICE_MAJOR, _("Enter an amount from %(min)s to %(max)s.")
            ),
        ],
        default=100,
        description=_("Without tax, in whole units of the program's currency."),
    )
