from pathlib import Path

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue

from portal.extensions import csrf
from portal.kit.errors import Conflict, Forbidden, Gone, Invalid, NotFound, TooMany
from portal.web import registration
from portal.web.downloads import csv_download, download

ROOT = Path(__file__).resolve().parents[2]

trial = Blueprint("trial", __name__, url_prefix="/trial")


@trial.get("/refuse/<kind>")
def refuse(kind: str) -> ResponseReturnValue:
    raise {
        "invalid": Invalid("Enter a name.", field="name"),
        "conflict": Conflict("Dana approved this already."),
        "gone": Gone("This link has been used."),
        "too-many": TooMany("Wait a minute.", retry_after=60),
        "forbidden": Forbidden("Only the owner may do this."),
        "not-found": NotFound("There is no such statement."),
        "crash": ZeroDivisionError("secret detail"),
    }[kind]


@trial.post("/form")
def form() -> ResponseReturnValue:
    return "sent"


@trial.get("/long")
def long() -> ResponseReturnValue:
    return "<p>" + "many words " * 500


@trial.get("/file")
def file() -> ResponseReturnValue:
    return download(b"%PDF", filename="../a\r\nb.pdf", mimetype="application/pdf")


@trial.get("/csv")
def csv() -> ResponseReturnValue:
    return csv_download(iter(["a,b\r\n", "1,2\r\n"]), filename="lines.csv")


def make_app(**config: object) -> Flask:
    app = Flask(
        "portal", template_folder=ROOT / "templates", static_folder=ROOT / "static"
    )
    app.config.update(
        SECRET_KEY="x" * 32,
        LOCALES=("en", "ar", "de"),
        ORG_NAME="Acme",
        DEV_PAGES=True,
        WTF_CSRF_ENABLED=False,
    )
    app.config.update(config)
    csrf.init_app(app)
    registration.register(app)
    app.register_blueprint(trial)
    return app


@pytest.fixture
def web_app() -> Flask:
    return make_app()


@pytest.fixture
def web_client(web_app: Flask) -> FlaskClient:
    return web_app.test_client()
