"""References as parts of addresses: `<reference:reference>`."""

from flask import Blueprint
from flask.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from portal.applications.rules import REFERENCE_ALPHABET


class ReferenceConverter(BaseConverter):
    """An address such as APP-7F3K9Q, which no program's key looks like."""

    regex = f"APP-[{REFERENCE_ALPHABET}]{{6}}"
    weight = 50  # before a text that could be anything


def understand_references(bp: Blueprint) -> None:
    """Let the routes of `bp` contain references; call it before adding routes."""

    def add_converter(state: BlueprintSetupState) -> None:
        state.app.url_map.converters["reference"] = ReferenceConverter

    bp.record(add_converter)
