"""The one place that talks to the mail server."""

import smtplib
from email import charset
from email.utils import formataddr
from urllib.parse import urlsplit

from flask import current_app
from flask_mail import Connection, Message
from jinja2 import TemplateError

from portal.kit.db import refuse_inside_transaction
from portal.mail.rendering import Rendered

TIMEOUT_SECONDS = 20
_PERMANENT = range(500, 600)

# Flask-Mail would leave lines as long as they are; mail servers refuse or cut those
# of more than 998 signs (RFC 5321), and the HTML of a mail has some.
charset.add_charset("utf-8", charset.SHORTEST, charset.QP, "utf-8")


class _PatientConnection(Connection):
    """Flask-Mail's connection, which would wait for a silent server for ever."""

    def configure_host(self) -> smtplib.SMTP:
        """Connect, and sign in where a name is configured."""
        settings = self.mail
        if settings.use_ssl:
            host: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.server, settings.port, timeout=TIMEOUT_SECONDS
            )
        else:
            host = smtplib.SMTP(settings.server, settings.port, timeout=TIMEOUT_SECONDS)
        if settings.use_tls:
            host.starttls()
        if settings.username and settings.password:
            host.login(settings.username, settings.password)
        return host


def send(rendered: Rendered, *, to: str, email_id: str) -> None:
    """Hand one mail to the mail server.

    The Message-ID is made of the row's id: a mail that had to be sent twice is
    recognised as one.

    Raises:
        OSError: The server does not answer, or refuses; see `is_final`.
        BadHeaderError: A header has a line end.
    """
    refuse_inside_transaction()
    name, address = current_app.config["MAIL_DEFAULT_SENDER"]
    message = Message(
        subject=rendered.subject,
        sender=formataddr((name, address)),
        recipients=[to],
        body=rendered.text,
        html=rendered.html,
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
    domain = urlsplit(current_app.config["BASE_URL"]).hostname
    message.msgId = f"<{email_id}@{domain}>"
    with _PatientConnection(current_app.extensions["mail"]) as connection:
        connection.send(message)


def is_final(error: Exception) -> bool:
    """Tell whether another try would fail alike."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return all(code in _PERMANENT for code in codes)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return False  # somebody will put the password right
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code in _PERMANENT
    # A template that is missing counts as an OSError too.
    return isinstance(error, TemplateError) or not isinstance(error, OSError)
