"""What `/dev/components` shows: each component with values in all its states."""

from datetime import datetime, timedelta
from typing import Any

from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    Form,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    validators,
    widgets,
)

from portal.kit.errors import Invalid
from portal.kit.ids import new_id
from portal.kit.money import Money
from portal.web.charts import Column, Step, bridge, stacked_columns
from portal.web.formats import money_axis, money_text
from portal.web.forms import blame, choices
from portal.web.pagination import Cursor, Page
from portal.web.states import STATES

_MONTHS = [
    "Dec",
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
]
_RECURRING = (36, 39, 41, 40, 42, 42, 51, 48, 69, 72, 91, 88)
_NEW = (12, 0, 14, 18, 9, 18, 22, 26, 30, 28, 34, 21)
_REFUNDED = (0, 0, -4, 0, 0, -9, 0, -3, 0, -13, 0, -6)


class ExampleForm(Form):
    """One field of every kind."""

    company = StringField("Company name", [validators.DataRequired()])
    website = StringField(
        "Website",
        [validators.DataRequired()],
        description="The site your clients know you by.",
    )
    email = EmailField("E-mail", [validators.DataRequired()])
    password = PasswordField("Password", [validators.DataRequired()])
    country = SelectField(
        "Country",
        [validators.DataRequired()],
        choices=choices([("", "Select"), ("DE", "Germany"), ("KR", "Korea")]),
    )
    people = RadioField(
        "How many people work with clients?",
        [validators.InputRequired()],
        choices=choices([("1", "Just me"), ("10", "2 to 10"), ("11", "More")]),
    )
    services = SelectMultipleField(
        "What do you offer?",
        choices=choices([("crm", "CRM roll-outs"), ("seo", "Search")]),
        widget=widgets.ListWidget(prefix_label=False),
        option_widget=widgets.CheckboxInput(),
    )
    pitch = TextAreaField("How do you sell?", [validators.DataRequired()])
    fee = StringField("Monthly budget")
    starts_on = DateField("Start date", [validators.Optional()])
    program = HiddenField()
    agrees = BooleanField("I have read the agreement", [validators.DataRequired()])


def _forms() -> dict[str, Form]:
    filled = ExampleForm(data={"company": "Noor Consulting", "people": "10"})
    failed = ExampleForm(data={"company": "Hanbit Digital", "website": "hanbit"})
    for field, words in (
        ("website", "Enter your website address, like https://example.com"),
        ("people", "Select how many people work with clients"),
        ("agrees", "Read the agreement and tick the box"),
        ("", "Somebody applied with this company before. Sign in to go on there."),
    ):
        blame(failed, Invalid(words, field=field))
    return {"filled": filled, "failed": failed}


def _usd(minor: int) -> Money:
    return Money(minor, "USD")


def _rows(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": f"com_8KQ{9 - index}",
            "partner": partner,
            "state": state,
            "at": now - timedelta(days=index, hours=5),
            "base": _usd(base),
            "bps": bps,
            "amount": _usd(amount),
        }
        for index, (partner, state, base, bps, amount) in enumerate(
            [
                ("Hanbit Digital", "on_hold", 24_000, 2000, 4_800),
                ("Noor Consulting", "approved", 60_000, 2000, 12_000),
                ("Blue Fern", "reversed", -9_000, 1500, -1_350),
                ("شركة النور", "paid", 9_000, 1250, 1_125),
            ]
        )
    ]


def component_examples(now: datetime) -> dict[str, Any]:
    """Return what the page of components is rendered with."""
    chart = stacked_columns(
        [
            Column(month, (_RECURRING[i] * 1000, _NEW[i] * 1000, _REFUNDED[i] * 1000))
            for i, month in enumerate(_MONTHS)
        ],
        series=("Recurring", "New customers", "Refunds"),
        first_column="Month",
        show=lambda minor: money_text(_usd(minor)),
        show_axis=lambda minor: money_axis(_usd(minor)),
    )
    steps = [
        Step("Opening", 12_040, is_total=True),
        Step("Earned", 48_221),
        Step("Refunds", -1_204),
        Step("Fees", -900),
        Step("Paid", -11_020),
        Step("Closing", 47_137, is_total=True),
    ]
    cursor = Cursor(now, new_id()).encode()
    rows = _rows(now)
    return {
        "now": now,
        "later": now + timedelta(seconds=30),
        "deadline": now + timedelta(minutes=12),
        "earlier": now - timedelta(hours=2),
        "forms_shown": _forms(),
        "rows": rows,
        "page": Page(items=rows, newer=None, older=cursor, total=1_204),
        "capped": Page(items=rows, newer=cursor, total=10_000, total_is_capped=True),
        "chart": chart,
        "bridge": bridge(
            steps,
            header=("Step", "Amount"),
            show=lambda whole: money_axis(_usd(whole * 100)),
        ),
        "states": sorted(STATES),
        "amounts": [
            _usd(133_040),
            _usd(-1_350),
            Money(5_000, "JPY"),
            Money(1_500, "KWD"),
        ],
    }
