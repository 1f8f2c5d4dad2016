from collections.abc import Sequence
from typing import cast

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Form, StringField, ValidationError
from wtforms.validators import DataRequired, Length

from portal.statements.rules import Check, Severity

TICK, NOTE = "known_", "note_"


class ConfirmForm(Form):
    """The month's label, typed by hand."""

    label = ""

    confirmation = StringField(validators=[DataRequired()])

    def validate_confirmation(self, field: StringField) -> None:
        """Refuse anything but the label."""
        if (field.data or "").strip() != self.label:
            raise ValidationError(_("Type %(label)s, exactly so.", label=self.label))


class ReasonForm(Form):
    """Why a proposed close is sent back."""

    reason = StringField(
        _l("Reason"),
        validators=[DataRequired(_l("Say why, in a sentence.")), Length(max=300)],
    )


def close_form(
    label: str, checks: Sequence[Check], formdata: MultiDict[str, str] | None = None
) -> ConfirmForm:
    """Return the form that closes a month: a tick and a note for each warning.

    Whether a note is needed, the service decides.
    """
    fields: dict[str, object] = {"label": label}
    for check in checks:
        if check.severity is Severity.WARNING:
            fields[f"{TICK}{check.key}"] = BooleanField(
                _("I know"), validators=[_ticked]
            )
            fields[f"{NOTE}{check.key}"] = StringField(
                _("Note"), validators=[Length(max=300)]
            )
    kind = cast("type[ConfirmForm]", type("CloseForm", (ConfirmForm,), fields))
    form = kind(formdata)
    form.confirmation.label.text = _("Type %(label)s to confirm", label=label)
    return form


def _ticked(_form: Form, field: BooleanField) -> None:
    if not field.data:
        raise ValidationError(_("Tick this if you have looked at it."))


def notes_of(form: ConfirmForm) -> dict[str, str]:
    """Return the notes by the key of their check."""
    return {
        name.removeprefix(NOTE): field.data or ""
        for name, field in form._fields.items()
        if name.startswith(NOTE)
    }
