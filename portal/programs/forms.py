from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _
from wtforms import (
    DateField,
    Form,
    IntegerField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, NumberRange, Optional

from portal.kit.clock import day_start
from portal.programs.calculation import MOST_CUSTOMERS, MOST_PRICE_MAJOR
from portal.programs.drafts import Draft, read_draft
from portal.web.formats import date_text

_FURTHEST: Final = timedelta(days=3_653)
"""How far ahead a version may start."""


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


class DraftForm(Form):
    """A program that is being written, and from when on it shall count."""

    text = TextAreaField(
        _("The program, as YAML"),
        [InputRequired(_("Write the program, or begin with one that is there."))],
    )
    starts_on = DateField(_("In force from"), [Optional()])
    based_on = IntegerField(validators=[InputRequired()])

    draft = Draft()
    """What `text` says, once it was validated."""

    def validate_text(self, field: TextAreaField) -> None:
        """Refuse what is no program; `draft` says where and why."""
        # Browsers end lines in their own way; the file's is a line feed.
        self.draft = read_draft((field.data or "").replace("\r\n", "\n"))
        if count := len(self.draft.problems):
            raise ValidationError(
                ngettext(
                    "The program has %(num)d problem. Nothing you wrote is lost.",
                    "The program has %(num)d problems. Nothing you wrote is lost.",
                    count,
                )
            )

    def starts_at(self, zone: ZoneInfo, now: datetime) -> datetime | None:
        """Return the moment at which the version shall start, in the program's zone.

        None if the day has begun or is too far away; the field says so.
        """
        day, today = self.starts_on.data, now.astimezone(zone).date()
        if day is None:
            return now
        first, last = today + timedelta(days=1), today + _FURTHEST
        if first <= day <= last:
            return day_start(day, zone)
        self.starts_on.errors = [
            gettext(
                "Choose a day from %(first)s to %(last)s, or leave it empty to start "
                "at once.",
                first=date_text(first),
                last=date_text(last),
            )
        ]
        return None


class ConfirmForm(Form):
    """The program's key, typed by hand."""

    key = ""

    confirmation = StringField(
        _("Type the program's key to confirm"),
        [InputRequired(_("Type the program's key."))],
    )

    def validate_confirmation(self, field: StringField) -> None:
        """Refuse anything but the key."""
        if (field.data or "").strip() != self.key:
            raise ValidationError(gettext("Type %(key)s, exactly so.", key=self.key))
