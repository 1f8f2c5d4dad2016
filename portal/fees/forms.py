"""What staff type about a fee."""

from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from wtforms import DateField, Form, TextAreaField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from portal.kit.clock import day_start
from portal.programs.definition import storable

_LONGEST = 500


class WaiveForm(Form):
    """Why a fee is waived, and until when."""

    reason = TextAreaField(
        _("Reason"),
        [
            DataRequired(_("Write why: the partner reads it.")),
            Length(max=_LONGEST, message=_("Write at most %(max)d characters.")),
        ],
        description=_("The partner reads it, and it is kept in the log."),
        filters=[lambda text: (text or "").strip()],
        render_kw={"rows": 3},
    )
    last_on = DateField(
        _("Last day"),
        [InputRequired(_("Enter the last day on which nothing is charged."))],
        description=_(
            "A period of the subscription that begins until then is free to its end."
        ),
    )

    def validate_reason(self, field: TextAreaField) -> None:
        """Refuse what cannot be stored."""
        if not storable(field.data or ""):
            raise ValidationError(
                str(_("Type this text again: it contains characters we cannot show."))
            )

    def until_at(self, zone: ZoneInfo) -> datetime:
        """Return the first moment after the last day, in the program's time zone."""
        last_on = cast("date", self.last_on.data)
        return day_start(last_on + timedelta(days=1), zone)
