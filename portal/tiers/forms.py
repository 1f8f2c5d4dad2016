"""What staff type about a partner's level."""

from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from werkzeug.datastructures import MultiDict
from wtforms import (
    DateField,
    Form,
    HiddenField,
    IntegerField,
    SelectField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from portal.kit.clock import day_start
from portal.programs.definition import Tiers, storable
from portal.tiers.metrics import recorded_by_hand
from portal.tiers.wording import fact_name
from portal.web.forms import choices

_LONGEST = 500


def _storable(form: Form, field: TextAreaField) -> None:
    del form
    if not storable(field.data or ""):
        raise ValidationError(
            str(_("Type this text again: it contains characters we cannot show."))
        )


def _why(label: LazyString, ask: LazyString, hint: LazyString) -> TextAreaField:
    return TextAreaField(
        label,
        [
            DataRequired(ask),
            Length(max=_LONGEST, message=_("Write at most %(max)d characters.")),
            _storable,
        ],
        description=hint,
        filters=[lambda text: (text or "").strip()],
        render_kw={"rows": 3},
    )


class _WholeNumberField(IntegerField):
    """Says what to type where something else was typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError as error:
            raise ValueError(
                str(_("Enter a whole number, as the tiers count it."))
            ) from error


class FactForm(Form):
    """A value that a tier asks for, and from which day on it holds."""

    fact = SelectField(
        _("Value"),
        choices=[],
        validators=[InputRequired(_("Choose what you record."))],
    )
    value = _WholeNumberField(
        _("Number"),
        [InputRequired(_("Enter a whole number, as the tiers count it."))],
        description=_("As the tiers below count it."),
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )
    from_on = DateField(
        _("Holds from"),
        [InputRequired(_("Enter the first day on which it holds, like 2026-11-15."))],
        description=_("Sales since that day are worked out again."),
    )
    reason = _why(
        _("Where it comes from"),
        _("Write where the number comes from, so that others can check it."),
        _("It is kept in the log. The partner does not see it."),
    )

    def __init__(
        self, formdata: MultiDict[str, str] | None, *, tiers: Tiers, today: datetime
    ) -> None:
        super().__init__(formdata, prefix="fact-", from_on=today.date())
        self.fact.choices = choices(
            (key, fact_name(key)) for key in recorded_by_hand(tiers)
        )

    def from_at(self, zone: ZoneInfo) -> datetime:
        """Return the moment from which it holds, once the form is valid."""
        return day_start(cast("date", self.from_on.data), zone)


class OverrideForm(Form):
    """A level that staff set by hand."""

    level = SelectField(
        _("Tier"), choices=[], validators=[InputRequired(_("Choose a tier."))]
    )
    until_on = DateField(
        _("Last day"),
        [Optional()],
        description=_("Leave it empty if it holds until somebody removes it."),
    )
    reason = _why(
        _("Reason"),
        _("Write why, so that others understand it later."),
        _("It is kept in the log. The partner does not see it."),
    )

    def __init__(self, formdata: MultiDict[str, str] | None, *, tiers: Tiers) -> None:
        super().__init__(formdata, prefix="override-")
        self.level.choices = choices((one.key, one.name) for one in tiers.levels)

    def until_at(self, zone: ZoneInfo) -> datetime | None:
        """Return when it ends, after its last day; none if it does not."""
        if self.until_on.data is None:
            return None
        return day_start(self.until_on.data + timedelta(days=1), zone)


class EndOverrideForm(Form):
    """Which override is removed: the one that the page showed."""

    override = HiddenField()
