"""A draft of a program against the last three months."""

from datetime import timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict
from wtforms import Form, HiddenField, IntegerField, ValidationError
from wtforms.validators import NumberRange, Optional

from portal.accounts.access import requires
from portal.accounts.permissions import Permission
from portal.commissions import queries
from portal.commissions.queries import Trial
from portal.commissions.worth import Worth, ratio_text, worth
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.currencies import minor_per_major
from portal.kit.money import Money
from portal.programs import queries as programs
from portal.programs.definition import ProgramDefinition
from portal.programs.documents import dump_yaml
from portal.programs.drafts import Draft, read_draft
from portal.programs.models import Program

bp = Blueprint("trial_admin", __name__, url_prefix="/admin/programs")

DAYS = 90
MOST_YEARS = 50
MOST_SPEND_MAJOR = 10**10


class TrialForm(Form):
    """The draft, and what the vendor knows about its customers."""

    text = HiddenField()
    spend = IntegerField(
        _("Sales and marketing in a year, without commissions"),
        [
            Optional(),
            NumberRange(
                0, MOST_SPEND_MAJOR, _("Enter a number from %(min)s to %(max)s.")
            ),
        ],
    )
    years = IntegerField(
        _("How many years a customer stays"),
        [
            Optional(),
            NumberRange(1, MOST_YEARS, _("Enter a number from %(min)s to %(max)s.")),
        ],
    )

    draft = Draft()
    """What `text` says, once it was validated."""

    def validate_text(self, field: HiddenField) -> None:
        """Refuse what is no program; the page says where and why."""
        # Browsers end lines in their own way; the file's is a line feed.
        self.draft = read_draft((field.data or "").replace("\r\n", "\n"))
        if self.draft.problems:
            raise ValidationError(_("The draft has problems: see below."))


@bp.get("/<slug>/trial")
@requires(Permission.PROGRAMS_READ)
def newest(slug: str) -> ResponseReturnValue:
    """Try the newest version, which may not be in force yet."""
    session = db.session()
    program = programs.by_key(session, slug)
    definition = programs.versions_of(session, program.id)[-1].definition
    form = TrialForm(MultiDict({"text": dump_yaml(definition)}))
    form.validate()
    return _page(program, form)


@bp.post("/<slug>/trial")
@requires(Permission.PROGRAMS_PUBLISH)
def submitted(slug: str) -> ResponseReturnValue:
    """Try a draft. Nothing is kept."""
    program = programs.by_key(db.session(), slug)
    form = TrialForm(request.form)
    is_fine = form.validate()
    return _page(program, form), 200 if is_fine else 422


def _page(program: Program, form: TrialForm) -> str:
    until = utc_now()
    session, definition = db.session(), form.draft.definition
    newest = programs.versions_of(session, program.id)[-1]
    current = newest.definition
    tried: Trial | None = None
    if definition is not None and definition.currency == current.currency:
        tried = queries.trial(
            session,
            program.id,
            definition,
            since=until - timedelta(days=DAYS),
            until=until,
        )
    return render_template(
        "commissions/admin/trial.html",
        program=program,
        name=(definition or current).name,
        currency=current.currency,
        form=form,
        newest_number=newest.number,
        is_newest=definition == current,
        trial=tried,
        other_currency=definition is not None and tried is None,
        days=DAYS,
        most_partners=queries.MOST_PARTNERS,
        worths=_worths(tried, form, definition) if tried and definition else None,
        ratio_text=ratio_text,
    )


def _worths(
    tried: Trial, form: TrialForm, definition: ProgramDefinition
) -> tuple[Worth, Worth] | None:
    """Return the unit economics now and by the draft; none until they are asked for."""
    if form.spend.errors or form.years.errors:
        return None
    if form.spend.data is None or form.years.data is None:
        return None
    spend = form.spend.data * minor_per_major(definition.currency)
    now, draft = (
        worth(
            sales=tried.sales,
            commissions=commissions,
            paying=tried.paying,
            new=tried.customers,
            days=DAYS,
            yearly_spend=Money(spend, definition.currency),
            lifetime_years=form.years.data,
        )
        for commissions in (tried.now, tried.draft)
    )
    return now, draft
