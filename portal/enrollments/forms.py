from flask_babel import lazy_gettext as _
from wtforms import DateField, Form, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from portal.programs.definition import storable

REASON_LENGTH = 500


class WithdrawForm(Form):
    """Why a confirmation is taken back."""

    reason = TextAreaField(
        _("Reason"),
        [
            DataRequired(_("Write why, so that others understand it later.")),
            Length(max=REASON_LENGTH, message=_("Write at most %(max)d characters.")),
        ],
        description=_("It is kept in the log. The partner does not see it."),
        filters=[lambda text: (text or "").strip()],
        render_kw={"rows": 3},
    )

    def validate_reason(self, field: StringField) -> None:
        """Refuse what cannot be stored."""
        if not storable(field.data or ""):
            raise ValidationError(
                str(_("Type this text again: it contains characters we cannot show."))
            )


class ConfirmForm(WithdrawForm):
    """What staff checked, and for which days it holds."""

    since_on = DateField(
        _("First day"),
        [Optional()],
        description=_("Leave it empty if it holds from now on."),
    )
    last_on = DateField(
        _("Last day"),
        [Optional()],
        description=_("Leave it empty if there is no end in sight."),
    )


class AskForm(Form):
    """For which day staff ask what a partner could do."""

    on = DateField(
        _("Day"),
        [Optional()],
        description=_("Its last moment counts, in the program's time zone."),
    )
