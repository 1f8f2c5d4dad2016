"""The headers that every response carries, and compression."""

import gzip

from flask import Flask, Response, current_app, request

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action {form_action}; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
DOWNLOAD_POLICY = "sandbox; default-src 'none'"
_DENIED_FEATURES = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
PERMISSIONS_POLICY = ", ".join(f"{name}=()" for name in _DENIED_FEATURES)
HSTS = "max-age=31536000; includeSubDomains"

_COMPRESSIBLE = {
    "application/javascript",
    "application/json",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/plain",
}
_WORTH_COMPRESSING = 1_024
_COMPRESSION_LEVEL = 6


def content_security_policy(form_action: list[str]) -> str:
    """Return the policy of a page; `form_action` adds origins forms may lead to.

    A form that answers with a redirect to the payment page needs its origin here.
    """
    return _POLICY.format(form_action=" ".join(["'self'", *form_action]))


def _add_headers(response: Response) -> None:
    headers = response.headers
    is_download = headers.get("Content-Disposition", "").startswith("attachment")
    headers["Content-Security-Policy"] = (
        DOWNLOAD_POLICY
        if is_download
        else content_security_policy(current_app.config.get("CSP_FORM_ACTION", []))
    )
    headers["X-Content-Type-Options"] = "nosniff"
    # A page whose address holds a token says no-referrer itself.
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    headers["Permissions-Policy"] = PERMISSIONS_POLICY
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if current_app.config["PREFERRED_URL_SCHEME"] == "https":
        headers["Strict-Transport-Security"] = HSTS
    is_cacheable = request.endpoint == "static" and response.status_code in {200, 304}
    if not is_cacheable:
        headers["Cache-Control"] = "no-store"


def _compress(response: Response) -> None:
    if response.mimetype not in _COMPRESSIBLE or response.status_code != 200:  # noqa: PLR2004 - OK
        return
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or "Content-Encoding" in response.headers:
        return
    if response.is_streamed and not response.direct_passthrough:
        return  # it is streamed because it is large
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) <= _WORTH_COMPRESSING:
        return
    response.set_data(gzip.compress(body, _COMPRESSION_LEVEL, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    etag, _ = response.get_etag()
    if etag:
        response.set_etag(etag, weak=True)  # other bytes, same meaning


def harden(response: Response) -> Response:
    """Add the headers, then compress."""
    _add_headers(response)
    if request.method != "HEAD":
        _compress(response)
    return response


def register(app: Flask) -> None:
    """Pass every response through `harden`. `TRUSTED_HOSTS` is Flask's own."""
    app.after_request(harden)
