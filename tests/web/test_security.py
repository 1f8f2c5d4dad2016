import gzip
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.web.downloads import safe_filename
from portal.web.redirects import safe_path
from portal.web.static_files import static_url
from tests.web.conftest import make_app

PATHS = [
    "/healthz",
    "/dev/components",
    "/nowhere",
    "/trial/refuse/conflict",
    "/trial/file",
    "/static/app.css",
    "/static/nowhere.css",
    "/favicon.ico",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_headers(web_client: FlaskClient, path: str) -> None:
    with web_client.get(path) as response:
        headers = response.headers

    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert re.fullmatch(r"req_[0-9a-f]{32}", headers["X-Request-Id"])
    is_static = path == "/static/app.css"
    assert (headers["Cache-Control"] == "no-store") is not is_static
    assert "Strict-Transport-Security" not in headers


def test_policy_of_pages_is_exactly_this() -> None:
    client = make_app(CSP_FORM_ACTION=["https://pay.example"]).test_client()

    assert client.get("/healthz").headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; "
        "form-action 'self' https://pay.example; base-uri 'none'; object-src 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    )


def test_https_is_demanded_for_a_year_where_there_is_https() -> None:
    headers = (
        make_app(PREFERRED_URL_SCHEME="https").test_client().get("/healthz").headers
    )

    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_downloads_are_boxed_in(web_client: FlaskClient) -> None:
    headers = web_client.get("/trial/file").headers

    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Content-Disposition"] == "attachment; filename=ab.pdf"
    assert headers["Cache-Control"] == "no-store"


def test_csv_is_streamed_as_a_file(web_client: FlaskClient) -> None:
    response = web_client.get("/trial/csv", headers={"Accept-Encoding": "gzip"})

    assert response.data == b"a,b\r\n1,2\r\n"
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == "attachment; filename=lines.csv"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ('x"\r\nSet-Cookie: a', "xSet-Cookie a"),
        ("gpj\u202e.exe", "gpj.exe"),
        (".htaccess", "htaccess"),
        ("كشف.pdf", "كشف.pdf"),
        ("", "download"),
        ("/", "download"),
    ],
)
def test_file_names_hold_no_tricks(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


def test_unknown_host_is_refused_with_a_page() -> None:
    client = make_app(TRUSTED_HOSTS=["portal.example"]).test_client()

    assert client.get("/healthz", base_url="http://portal.example").status_code == 200
    refused = client.get("/healthz", base_url="http://evil.example")
    assert refused.status_code == 400
    assert "We could not read that request" in refused.text


def test_long_text_is_compressed_when_the_client_can(web_client: FlaskClient) -> None:
    plain = web_client.get("/trial/long")
    packed = web_client.get("/trial/long", headers={"Accept-Encoding": "gzip"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)


@pytest.mark.parametrize("path", ["/healthz", "/trial/file", "/nowhere"])
def test_short_and_packed_answers_are_left_alone(
    web_client: FlaskClient, path: str
) -> None:
    response = web_client.get(path, headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in response.headers


def test_head_has_the_headers_and_no_body(web_client: FlaskClient) -> None:
    response = web_client.head("/trial/long", headers={"Accept-Encoding": "gzip"})

    assert response.data == b""
    assert "Content-Security-Policy" in response.headers


def test_static_files_may_be_kept_for_ever_by_their_hash(web_app: Flask) -> None:
    client = web_app.test_client()
    with web_app.test_request_context("/"):
        url = static_url("app.css")

    kept = client.get(url, headers={"Accept-Encoding": "gzip"})
    plain = client.get("/static/app.css")

    assert re.fullmatch(r"/static/app\.[0-9a-f]{12}\.css", url)
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert kept.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(kept.data) == plain.data
    assert plain.headers["Cache-Control"] == "public, max-age=300"
    etag = plain.headers["ETag"]
    again = client.get("/static/app.css", headers={"If-None-Match": etag})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "name", ["app.0123456789ab.css", "none.0123456789ab.css", "../pyproject.toml"]
)
def test_no_other_file_is_served(web_client: FlaskClient, name: str) -> None:
    assert web_client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nLocation: x",
        "/a\\b",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "/a b",
        "/\x00",
        "?x",
    ],
)
def test_only_paths_of_this_site_are_followed(target: str | None) -> None:
    assert safe_path(target) == "/"


@pytest.mark.parametrize("target", ["/", "/app/statements?q=a%20b&x=//y", "/a@b/c#d"])
def test_paths_of_this_site_are_followed(target: str) -> None:
    assert safe_path(target) == target
