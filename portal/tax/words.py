"""What forms, numbers and their consequences are called."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from portal.tax.calculation import NecOutcome
from portal.tax.numbers import TinKind
from portal.tax.rules import (
    EntityClass,
    FatcaClass,
    FormKind,
    Place,
    ReviewReason,
    UsClass,
    Withholding,
    WithholdingKind,
    WithholdingReason,
)
from portal.web.formats import percent_bps

WHO_SIGNS: Mapping[FormKind, LazyString] = MappingProxyType(
    {
        FormKind.W9: _("for US persons and US companies"),
        FormKind.W8BEN: _("for people who are not US persons"),
        FormKind.W8BEN_E: _("for companies outside the US"),
    }
)
PLACES: Mapping[Place, LazyString] = MappingProxyType(
    {
        Place.OUTSIDE_US: _("Outside the US, all of it"),
        Place.IN_US: _("In the US, all or a part of it"),
        Place.UNKNOWN: _("I do not know"),
    }
)
US_CLASSES: Mapping[UsClass, LazyString] = MappingProxyType(
    {
        UsClass.INDIVIDUAL: _("Individual or sole proprietor"),
        UsClass.C_CORPORATION: _("C corporation"),
        UsClass.S_CORPORATION: _("S corporation"),
        UsClass.PARTNERSHIP: _("Partnership"),
        UsClass.TRUST: _("Trust or estate"),
        UsClass.LLC_C: _("LLC, taxed as a C corporation"),
        UsClass.LLC_S: _("LLC, taxed as an S corporation"),
        UsClass.LLC_P: _("LLC, taxed as a partnership"),
        UsClass.OTHER: _("Other"),
    }
)
ENTITY_CLASSES: Mapping[EntityClass, LazyString] = MappingProxyType(
    {
        EntityClass.CORPORATION: _("Corporation"),
        EntityClass.PARTNERSHIP: _("Partnership"),
        EntityClass.TRUST: _("Trust or estate"),
        EntityClass.TAX_EXEMPT: _("Tax-exempt organization"),
        EntityClass.GOVERNMENT: _("Government"),
        EntityClass.OTHER: _("Other"),
    }
)
FATCA_CLASSES: Mapping[FatcaClass, LazyString] = MappingProxyType(
    {
        FatcaClass.ACTIVE_NFFE: _("Active NFFE: we sell goods or services"),
        FatcaClass.PUBLIC_NFFE: _("Our shares are traded on a stock exchange"),
        FatcaClass.OTHER: _("Other, such as a bank, a fund or a passive company"),
    }
)
TIN_KINDS: Mapping[TinKind, LazyString] = MappingProxyType(
    {
        TinKind.SSN: _("Social security number (SSN)"),
        TinKind.EIN: _("Employer identification number (EIN)"),
        TinKind.ITIN: _("Individual taxpayer identification number (ITIN)"),
        TinKind.FOREIGN: _("National tax number"),
    }
)
REVIEW_REASONS: Mapping[ReviewReason, LazyString] = MappingProxyType(
    {
        ReviewReason.NO_NUMBER: _("No tax number is given."),
        ReviewReason.UNPROVEN_NUMBER: _(
            "We know no rule that proves the format of this tax number."
        ),
        ReviewReason.TREATY: _("A rate of a tax treaty is claimed."),
        ReviewReason.SPECIAL_ENTITY: _(
            "This kind of company needs its own part of the official form."
        ),
    }
)
NEC_OUTCOMES: Mapping[NecOutcome, LazyString] = MappingProxyType(
    {
        NecOutcome.REPORTED: _("Reported"),
        NecOutcome.BELOW_THRESHOLD: _("Below the threshold"),
        NecOutcome.FOREIGN: _("Not a US person"),
        NecOutcome.CORPORATION: _("A corporation"),
        NecOutcome.PAID_BY_PROCESSOR: _("The payment processor reports it"),
    }
)
_R = WithholdingReason
_WHY: Mapping[WithholdingReason, LazyString] = MappingProxyType(
    {
        _R.W9_VALID: _("A US person with a valid W-9."),
        _R.W9_WITHOUT_TIN: _("A US person without a taxpayer number."),
        _R.W9_MISSING: _("There is no W-9 of this US person."),
        _R.IRS_NOTICE: _("The IRS told this payee that backup withholding applies."),
        _R.W8_VALID_OUTSIDE_US: _(
            "A valid W-8, and all the work is done outside the US."
        ),
        _R.W8_IN_US: _("Work that is done in the US is income from the US."),
        _R.W8_PLACE_UNKNOWN: _(
            "Where the work is done is not known, so it counts as income from the US."
        ),
        _R.W8_TREATY: _("A tax treaty sets the rate for income from the US."),
        _R.W8_MISSING: _(
            "There is no W-8, so nothing says that the work is done outside the US."
        ),
        _R.W8_EXPIRED: _(
            "The W-8 has expired, so nothing says that the work is done outside the US."
        ),
    }
)


def withholding_title(decision: Withholding) -> str:
    """Return which tax US rules ask to withhold at which rate, in a few words."""
    rate = percent_bps(decision.rate_bps)
    if decision.kind is WithholdingKind.NONE:
        return str(gettext("US rules ask to withhold nothing"))
    if decision.kind is WithholdingKind.US_BACKUP:
        return str(
            gettext("US rules ask for backup withholding of %(rate)s", rate=rate)
        )
    return str(gettext("US rules ask to withhold %(rate)s", rate=rate))


def withholding_reason(decision: Withholding) -> str:
    """Return why, in a sentence."""
    return str(_WHY[decision.reason])


def label(labels: Mapping[Any, LazyString], value: str) -> str:
    """Return what a stored value is called."""
    return str(labels[value])


def country_name(code: str) -> str:
    """Return the country's name in the reader's language; unknown codes as they are."""
    return str(get_locale().territories.get(code, code))


def country_choices(*, without_us: bool = False) -> list[tuple[str, str]]:
    """Return code and name of the countries, by name."""
    territories = get_locale().territories
    names = [
        (code, str(name))
        for code, name in territories.items()
        if len(code) == len("XX") and code.isalpha() and code not in _NO_COUNTRIES
    ]
    return sorted(
        (pair for pair in names if not (without_us and pair[0] == "US")),
        key=lambda pair: pair[1].casefold(),
    )


_NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
"""Entries of CLDR's list that are no country."""
