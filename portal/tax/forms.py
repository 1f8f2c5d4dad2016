import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from wtforms import (
    BooleanField,
    DateField,
    Field,
    Form,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, Optional

from portal.tax import words
from portal.tax.drafts import Draft
from portal.tax.numbers import TinKind
from portal.tax.rules import (
    NONRESIDENT_BPS,
    US,
    EntityClass,
    FatcaClass,
    FormKind,
    Place,
    UsClass,
)
from portal.web.forms import choices

_RATE = re.compile(r"(\d{1,2})(?:[.,](\d{1,2}))?\s*%?")
_OLDEST_YEARS = 120
_US_NUMBERS = (TinKind.SSN, TinKind.EIN, TinKind.ITIN)


def _pick(labels: Mapping[Any, LazyString]) -> list[Any]:
    return choices([(key.value, label) for key, label in labels.items()])


def _required(message: LazyString) -> list[Any]:
    return [InputRequired(message)]


def _text(message: LazyString, longest: int = 200) -> list[Any]:
    return [InputRequired(message), Length(max=longest)]


def _offer_countries(field: SelectField, *, without_us: bool = False) -> None:
    field.choices = choices(
        [("", _("Choose")), *words.country_choices(without_us=without_us)]
    )


class ChooseForm(Form):
    """The questions that lead to the right form."""

    us_person = RadioField(
        _("Is the payee a US person?"),
        _required(_("Say whether the payee is a US person.")),
        description=_(
            "A citizen or resident of the US, or a company that was set up there."
        ),
        choices=choices([("yes", _("Yes")), ("no", _("No"))]),
    )
    payee = RadioField(
        _("Who is paid?"),
        _required(_("Say who is paid.")),
        choices=choices(
            [("person", _("A person")), ("company", _("A company or organization"))]
        ),
    )
    place = RadioField(
        _("Where is the work done for which we pay?"),
        _required(_("Say where the work is done.")),
        description=_("Where you are when you recommend us, not where customers are."),
        choices=_pick(words.PLACES),
    )


class TaxFormForm(Form):
    """What all the forms ask: name, address, signature."""

    name = StringField(
        _("Name"),
        _text(_("Enter the name as it stands on your tax return.")),
        description=_("As it stands on your tax return."),
    )
    street = StringField(
        _("Street and number"), _text(_("Enter the street and number."))
    )
    city = StringField(_("Town or city"), _text(_("Enter the town or city."), 100))
    region = StringField(_("State or region"), [Optional(), Length(max=100)])
    postal_code = StringField(_("Postal code"), [Optional(), Length(max=20)])
    signed_name = StringField(
        _("Your full name, as your signature"),
        _text(_("Type your full name to sign.")),
    )
    certify = BooleanField(
        _("I sign this form under penalties of perjury."),
        _required(_("Tick this to sign the form.")),
    )

    def _address(self) -> dict[str, str]:
        fields = (self.street, self.city, self.region, self.postal_code)
        return {field.name: (field.data or "").strip() for field in fields}


class W9Form(TaxFormForm):
    """The W-9 of a US person."""

    business_name = StringField(
        _("Business name"),
        [Optional(), Length(max=200)],
        description=_("Only if it differs from the name above."),
    )
    us_class = SelectField(
        _("How is the payee taxed?"),
        _required(_("Choose how the payee is taxed.")),
        choices=choices([("", _("Choose")), *words.US_CLASSES.items()]),
    )
    exempt_code = StringField(
        _("Exempt payee code"),
        [Optional(), Length(max=2)],
        description=_("Most payees have none."),
    )
    region = StringField(_("State"), _text(_("Enter the state."), 100))
    postal_code = StringField(_("ZIP code"), _text(_("Enter the ZIP code."), 20))
    tin_kind = RadioField(
        _("Which number do you give?"),
        _required(_("Say which number you give.")),
        choices=choices([(kind.value, words.TIN_KINDS[kind]) for kind in _US_NUMBERS]),
    )
    tin = StringField(
        _("Taxpayer number"),
        _text(_("Enter the number, nine digits."), 20),
        description=_("We encrypt it. Afterwards, only the last four digits show."),
    )
    backup_notice = BooleanField(
        _("The IRS has told me that I am subject to backup withholding."),
        description=_("Leave this open if you got no such letter."),
    )

    def draft(self) -> Draft:
        """Return what was filled in."""
        return Draft(
            kind=FormKind.W9,
            name=(self.name.data or "").strip(),
            country=US,
            place=Place.UNKNOWN,
            tin_kind=TinKind(self.tin_kind.data),
            tin=self.tin.data or "",
            details={
                "us_class": UsClass(self.us_class.data).value,
                "business_name": (self.business_name.data or "").strip(),
                "exempt_code": (self.exempt_code.data or "").strip(),
                "backup_notice": bool(self.backup_notice.data),
            },
            secret=self._address(),
        )


class W8Form(TaxFormForm):
    """What both forms for payees outside the US ask."""

    country = SelectField(
        _("Country in which you pay tax"),
        _required(_("Choose the country in which you pay tax.")),
    )
    tin = StringField(
        _("Tax number of that country"),
        [Optional(), Length(max=40)],
        description=_(
            "We encrypt it. Afterwards, only its last four characters show. Without "
            "it, we have to look at the form ourselves."
        ),
    )
    place = RadioField(
        _("Where is the work done for which we pay?"),
        _required(_("Say where the work is done.")),
        choices=_pick(words.PLACES),
    )
    treaty_rate = StringField(
        _("Rate of a tax treaty, in percent"),
        [Optional(), Length(max=8)],
        description=_(
            "Only if you claim a treaty between your country and the US. It matters "
            "for work in the US alone."
        ),
    )
    treaty_article = StringField(
        _("Article of the treaty"), [Optional(), Length(max=60)]
    )

    def offer_countries(self) -> None:
        """Fill the lists of countries, in the language of the reader."""
        _offer_countries(self.country, without_us=True)

    def validate_treaty_rate(self, field: Field) -> None:
        """Refuse what is no rate, or a rate without its article."""
        if self.treaty_bps is None:
            raise ValidationError(
                gettext("Enter a rate from 0 to 30 percent, such as 15 or 12.5.")
            )
        if not (self.treaty_article.data or "").strip():
            raise ValidationError(gettext("Name the article of the treaty as well."))
        del field

    @property
    def treaty_bps(self) -> int | None:
        """The rate that is claimed, in basis points; none without a rate."""
        match = _RATE.fullmatch((self.treaty_rate.data or "").strip())
        if match is None:
            return None
        bps = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))
        return bps if bps <= NONRESIDENT_BPS else None

    def _draft(
        self,
        kind: FormKind,
        details: Mapping[str, str],
        secret: Mapping[str, str] | None = None,
    ) -> Draft:
        tin = (self.tin.data or "").strip()
        return Draft(
            kind=kind,
            name=(self.name.data or "").strip(),
            country=self.country.data,
            place=Place(self.place.data),
            tin_kind=TinKind.FOREIGN if tin else None,
            tin=tin,
            treaty_bps=self.treaty_bps,
            details={
                "treaty_article": (self.treaty_article.data or "").strip(),
                **details,
            },
            secret={**self._address(), **(secret or {})},
        )


class W8BenForm(W8Form):
    """The W-8BEN of a person who is no US person."""

    citizenship = SelectField(
        _("Citizenship"), _required(_("Choose the country of your citizenship."))
    )
    born_on = DateField(_("Date of birth"), _required(_("Enter your date of birth.")))

    def offer_countries(self) -> None:
        """Fill the lists of countries, in the language of the reader."""
        super().offer_countries()
        _offer_countries(self.citizenship, without_us=True)

    def validate_born_on(self, field: Field) -> None:
        """Refuse a day on which nobody who signs was born."""
        year = field.data.year if field.data else 0
        if not self._today.year - _OLDEST_YEARS <= year <= self._today.year:
            raise ValidationError(gettext("Enter your date of birth."))

    _today: date = date.max

    def judge_on(self, today: date) -> None:
        """Name the day against which dates are judged."""
        self._today = today

    def draft(self) -> Draft:
        """Return what was filled in."""
        born_on = self.born_on.data
        return self._draft(
            FormKind.W8BEN,
            {"citizenship": self.citizenship.data},
            {"born_on": born_on.isoformat() if born_on else ""},
        )


class W8BenEForm(W8Form):
    """The W-8BEN-E of a company outside the US."""

    incorporation = SelectField(
        _("Country in which the company was set up"),
        _required(_("Choose the country in which the company was set up.")),
    )
    entity_class = SelectField(
        _("What kind of entity is it?"),
        _required(_("Choose what kind of entity it is.")),
        choices=choices([("", _("Choose")), *words.ENTITY_CLASSES.items()]),
    )
    fatca_class = RadioField(
        _("What is it for FATCA?"),
        _required(_("Choose what it is for FATCA.")),
        description=_("Most agencies are active NFFEs."),
        choices=_pick(words.FATCA_CLASSES),
    )
    capacity = BooleanField(
        _("I may sign for this company."),
        _required(_("Only somebody who may sign for the company can sign this.")),
    )

    def offer_countries(self) -> None:
        """Fill the lists of countries, in the language of the reader."""
        super().offer_countries()
        _offer_countries(self.incorporation, without_us=True)

    def draft(self) -> Draft:
        """Return what was filled in."""
        return self._draft(
            FormKind.W8BEN_E,
            {
                "incorporation": self.incorporation.data,
                "entity_class": EntityClass(self.entity_class.data).value,
                "fatca_class": FatcaClass(self.fatca_class.data).value,
            },
        )


class VatForm(Form):
    """Whether a partner is registered for VAT, where, and since when."""

    registered = RadioField(
        _("Are you registered for VAT?"),
        _required(_("Say whether you are registered for VAT.")),
        choices=choices([("yes", _("Yes")), ("no", _("No"))]),
    )
    country = SelectField(_("Country"), _required(_("Choose the country.")))
    number = StringField(
        _("VAT number"),
        [Length(max=40)],
        description=_("Only if you are registered. It stands on your invoices."),
    )
    from_on = DateField(
        _("From which day on?"),
        _required(_("Enter the first day on which this holds.")),
    )

    def offer_countries(self) -> None:
        """Fill the list of countries, in the language of the reader."""
        _offer_countries(self.country)

    def validate_number(self, field: Field) -> None:
        """Ask for the number of those who are registered."""
        if self.registered.data == "yes" and not (field.data or "").strip():
            raise ValidationError(gettext("Enter your VAT number."))

    @property
    def stated_number(self) -> str:
        """The number; empty for somebody who is not registered."""
        return (self.number.data or "") if self.registered.data == "yes" else ""


class ReturnForm(Form):
    """What is wrong with a form."""

    reason = TextAreaField(
        _("What is wrong?"),
        [InputRequired(_("Say what is wrong with the form.")), Length(max=500)],
        description=_("The partner reads this and fills in the form again."),
    )


FORMS: Mapping[FormKind, type[W9Form | W8BenForm | W8BenEForm]] = {
    FormKind.W9: W9Form,
    FormKind.W8BEN: W8BenForm,
    FormKind.W8BEN_E: W8BenEForm,
}


def form_of(
    kind: FormKind,
    sent: Any = None,  # noqa: ANN401 - werkzeug's MultiDict, or nothing
    known: Mapping[str, Any] | None = None,
    *,
    today: date,
) -> W9Form | W8BenForm | W8BenEForm:
    """Return the form of that kind, with what was sent or what is known already."""
    form = FORMS[kind](sent, data=dict(known or {}))
    if isinstance(form, W8Form):
        form.offer_countries()
    if isinstance(form, W8BenForm):
        form.judge_on(today)
    return form
