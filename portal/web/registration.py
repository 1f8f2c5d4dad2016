"""Everything that `web` adds to the app, in the order that matters."""

from flask import Flask

from portal.extensions import babel
from portal.web import (
    errors,
    formats,
    forms,
    navigation,
    preferences,
    redirects,
    security,
    states,
    static_files,
    tables,
    views,
)


def register(app: Flask) -> None:
    """Give `app` its error pages, headers, formats, lists, navigation and pages."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    babel.init_app(
        app,
        locale_selector=preferences.select_locale,
        timezone_selector=preferences.select_timezone,
    )
    for part in (
        static_files,
        security,
        errors,
        formats,
        preferences,
        redirects,
        forms,
        states,
        tables,
        navigation,
    ):
        part.register(app)
    app.register_blueprint(views.bp)
