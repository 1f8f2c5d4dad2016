"""A mail server that keeps every mail and sends none, with pages to read them."""

import argparse
import re
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from markupsafe import Markup, escape
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from portal.demo.site import page, serve, style, web_program
from portal.kit.clock import utc_now
from portal.kit.ids import new_id

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

KEPT = 500
_LONGEST_MAIL = 5_000_000
_ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
_NAME = re.compile(r"(\d{8}T\d{12})-([0-9a-f]{32})\.eml")
_MAP = Map(
    [
        Rule("/", endpoint="inbox", methods=["GET"]),
        Rule("/mails/<key>", endpoint="mail", methods=["GET"]),
        Rule("/mails/<key>/html", endpoint="html", methods=["GET"]),
        Rule("/mails.css", endpoint="style", methods=["GET"]),
    ]
)
# Links in a mail open in a new tab; scripts, forms and pictures from elsewhere do not.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that arrived."""

    key: str
    received_at: datetime
    sender: str
    recipients: str
    subject: str
    text: str
    html: str

    @property
    def linked_text(self) -> Markup:
        """The text with its addresses as links."""
        parts, end = [], 0
        for found in _ADDRESS.finditer(self.text):
            address = escape(found[0])
            parts.append(escape(self.text[end : found.start()]))
            parts.append(
                Markup('<a href="{0}" target="_blank" rel="noopener">{0}</a>').format(
                    address
                )
            )
            end = found.end()
        return Markup("").join([*parts, escape(self.text[end:])])


class Mailbox:
    """The last mails, in memory and as files."""

    def __init__(self, folder: Path, *, kept: int = KEPT) -> None:
        """Open the folder and read what lies there.

        Args:
            folder: Where each mail is kept as `.eml`.
            kept: How many; older ones are deleted.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._kept = kept
        self._mails: deque[Mail] = deque()
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.eml")):
            name = _NAME.fullmatch(path.name)
            if name:
                at = datetime.strptime(f"{name[1]}+0000", "%Y%m%dT%H%M%S%f%z")
                self._mails.append(read_mail(name[2], at, path.read_bytes()))
        self._forget()

    def put(self, content: bytes, *, now: datetime) -> Mail:
        """Keep a mail."""
        mail = read_mail(new_id().hex, now, content)
        with self._lock:
            path = self._path(mail)
            path.write_bytes(content)
            path.chmod(0o600)
            self._mails.append(mail)
            self._forget()
        return mail

    def find(self, to: str) -> list[Mail]:
        """Return the mails to recipients with this in their address, newest first."""
        with self._lock:
            mails = reversed(self._mails)
            return [m for m in mails if to.strip().lower() in m.recipients.lower()]

    def get(self, key: str) -> Mail | None:
        """Return one mail, if it is still there."""
        with self._lock:
            return next((mail for mail in self._mails if mail.key == key), None)

    def _forget(self) -> None:
        while len(self._mails) > self._kept:
            self._path(self._mails.popleft()).unlink(missing_ok=True)

    def _path(self, mail: Mail) -> Path:
        return self._folder / f"{mail.received_at:%Y%m%dT%H%M%S%f}-{mail.key}.eml"


def read_mail(key: str, received_at: datetime, content: bytes) -> Mail:
    """Return a mail as the pages show it."""
    message = message_from_bytes(content, policy=policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError("the policy gives another class of message")
    return Mail(
        key=key,
        received_at=received_at,
        sender=str(message["From"] or ""),
        recipients=str(message["To"] or ""),
        subject=str(message["Subject"] or "(no subject)"),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):  # a charset that nobody knows
        return str(part.get_payload())


class Catcher:
    """What aiosmtpd asks: takes every mail, relays none."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        del server, session
        content = envelope.content or b""
        data = content.encode() if isinstance(content, str) else content
        self._mailbox.put(data, now=utc_now())
        return "250 Kept; it goes nowhere"


def create_catcher_app(mailbox: Mailbox, *, portal: str) -> "WSGIApplication":
    """Return the pages of a mailbox.

    Args:
        mailbox: The mails.
        portal: The portal's address, to go back to.
    """

    def answer(request: Request) -> Response:
        endpoint, values = _MAP.bind_to_environ(request.environ).match()
        if endpoint == "style":
            return style("mails.css")
        if endpoint == "inbox":
            to = request.args.get("to", "")[:200]
            mails = mailbox.find(to)
            return page(
                "mails/inbox.html", {"mails": mails, "to": to, "portal": portal}
            )
        mail = mailbox.get(values["key"])
        if mail is None or (endpoint == "html" and not mail.html):
            raise NotFound("There is no such mail; only the last ones are kept.")
        if endpoint == "html":
            return _html_of(mail)
        return page(
            "mails/mail.html",
            {"mail": mail, "portal": portal},
            policy="frame-src 'self'; form-action 'self'",
        )

    return web_program(answer)


def _html_of(mail: Mail) -> Response:
    html = re.sub(r"(?i)(<head[^>]*>)", r'\1<base target="_blank">', mail.html, count=1)
    return Response(
        html,
        headers={
            "Content-Security-Policy": _MAIL_POLICY,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
        content_type="text/html; charset=utf-8",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Catch mails until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m portal.demo.mail_catcher")
    parser.add_argument("--smtp-port", type=int, default=8024)
    parser.add_argument("--port", type=int, default=8025)
    parser.add_argument("--portal", default="http://localhost:8000")
    parser.add_argument("--folder", type=Path, default=Path("instance/mails"))
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    mailbox = Mailbox(options.folder)
    controller = Controller(
        Catcher(mailbox),
        hostname="127.0.0.1",
        port=options.smtp_port,
        data_size_limit=_LONGEST_MAIL,
    )
    controller.start()
    try:
        app = create_catcher_app(mailbox, portal=options.portal)
        serve(app, options.port, f"Mails are shown at http://localhost:{options.port}")
    finally:
        controller.stop()


if __name__ == "__main__":
    main()
