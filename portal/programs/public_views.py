from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.accounts.access import public
from portal.config import Settings
from portal.extensions import db
from portal.kit.clock import utc_now
from portal.kit.currencies import minor_per_major
from portal.programs import queries
from portal.programs.agreements import agreement_html
from portal.programs.calculation import Estimate, can_estimate, estimate
from portal.programs.definition import ProgramDefinition
from portal.programs.forms import EstimateForm
from portal.programs.words import questions_and_answers, terms_in_words

bp = Blueprint("programs", __name__)

NOT_FOR_ROBOTS = (
    "/account",
    "/admin",
    "/app",
    "/apply",
    "/invitations",
    "/join",
    "/r/",
)
"""Where addresses begin that are one person's, or that only redirect."""


@bp.get("/")
@public
def home() -> ResponseReturnValue:
    """Show the open programs, each in a few words."""
    form = _read_guess()
    is_valid = not form.is_submitted or form.validate()
    cards = [
        (
            version.definition,
            terms_in_words(version.definition),
            _estimate(version.definition, form) if is_valid else None,
        )
        for version in queries.listed(db.session(), utc_now())
    ]
    page = render_template("programs/public/home.html", cards=cards, form=form)
    return page, 200 if is_valid else 422


@bp.get("/programs/<slug>")
@public
def detail(slug: str) -> ResponseReturnValue:
    """Show the exact terms of one program."""
    session, now = db.session(), utc_now()
    try:
        version = queries.open_to_visitors(session, slug, now)
    except queries.NoSuchProgram:
        others = [row.definition for row in queries.listed(session, now)]
        page = render_template("programs/public/missing.html", programs=others)
        return page, 404
    form = _read_guess()
    is_valid = not form.is_submitted or form.validate()
    definition = version.definition
    terms = terms_in_words(definition)
    page = render_template(
        "programs/public/detail.html",
        version=version,
        definition=definition,
        terms=terms,
        questions=questions_and_answers(definition, terms),
        agreement_text=agreement_html(definition.agreement)
        if definition.agreement
        else None,
        estimate=_estimate(definition, form) if is_valid else None,
        form=form,
    )
    return page, 200 if is_valid else 422


@bp.get("/sitemap.xml")
@public
def sitemap() -> ResponseReturnValue:
    """List the pages that search engines may show: those of public programs."""
    pages = [url_for(".home")] + [
        url_for(".detail", slug=version.program.key)
        for version in queries.listed(db.session(), utc_now())
    ]
    body = render_template(
        "programs/public/sitemap.xml", addresses=[_base_url() + page for page in pages]
    )
    return Response(body, content_type="application/xml; charset=utf-8")


@bp.get("/robots.txt")
@public
def robots() -> ResponseReturnValue:
    """Ask search engines to stay with the pages of programs."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_FOR_ROBOTS)]
    lines.append(f"Sitemap: {_base_url()}{url_for('.sitemap')}")
    return Response("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")


def _base_url() -> str:
    settings: Settings = current_app.extensions["portal.settings"]
    return settings.base_url.rstrip("/")


def _read_guess() -> EstimateForm:
    asked = request.args.keys() & {"customers", "price"}
    form = EstimateForm(request.args if asked else None)
    form.is_submitted = bool(asked)
    return form


def _estimate(definition: ProgramDefinition, form: EstimateForm) -> Estimate | None:
    if not can_estimate(definition):
        return None
    return estimate(
        definition,
        customers_per_month=form.customers.data or 0,
        price_minor=(form.price.data or 0) * minor_per_major(definition.currency),
    )
