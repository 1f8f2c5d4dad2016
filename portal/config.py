"""Settings, read once from the environment.

A wrong or missing one stops the start with a sentence that names the variable and
what would be right. `docs/reference/configuration.md` is made from `VARIABLES`.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError

from portal.kit.bank_numbers import bank_code, routing_number, sepa_iban

MIN_SECRET_LENGTH = 32


class SettingsError(Exception):
    """A variable is missing or wrong; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, default, reader and meaning."""

    name: str
    default: str | None
    read: Callable[[str, str], object]
    meaning: str
    secret: bool = False


def _text(name: str, value: str) -> str:
    del name
    return value


def _whole(minimum: int, maximum: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        if not value.isdigit() or not minimum <= int(value) <= maximum:
            raise SettingsError(
                f"{name} is {value!r}: give a whole number from {minimum} to {maximum}."
            )
        return int(value)

    return read


def _one_of(*choices: str) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}: give {' or '.join(choices)}.")
        return value

    return read


def _flag(name: str, value: str) -> bool:
    return _one_of("yes", "no")(name, value) == "yes"


def _web_address(name: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(
            f"{name} is {value!r}: give a whole address, like https://partners.example."
        )
    return value.rstrip("/")


def _smtp_address(name: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise SettingsError(
            f"{name} is set but no mail server: give smtp://user:password@host:port, "
            "or smtps:// for TLS."
        )
    return value


def _database(name: str, value: str) -> str:
    if not value:
        return ""
    scheme, _, rest = value.partition("://")
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"} or not rest:
        raise SettingsError(f"{name} must be a postgresql:// address.")
    return f"postgresql+psycopg://{rest}"


def _locales(name: str, value: str) -> tuple[str, ...]:
    codes = _names(name, value)
    for code in codes:
        try:
            Locale.parse(code)
        except (ValueError, UnknownLocaleError) as error:
            raise SettingsError(
                f"{name} names {code!r}, which is no language."
            ) from error
    return codes


def _names(name: str, value: str) -> tuple[str, ...]:
    del name
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _signing_keys(name: str, value: str) -> tuple[str, ...]:
    keys = _names(name, value)
    if any(not re.fullmatch(r"[0-9a-f]{64}", key) for key in keys):
        raise SettingsError(
            f"{name} needs 64 hexadecimal digits for each key; make one with: "
            "openssl rand -hex 32"
        )
    return keys


def _bank_number(check: Callable[[str], str]) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        try:
            return check(value) if value else ""
        except ValueError as error:
            raise SettingsError(f"{name} is {value!r}: {error}.") from error

    return read


def _company_id(name: str, value: str) -> str:
    if value and not re.fullmatch(r"[0-9A-Z]{10}", value):
        raise SettingsError(
            f"{name} is {value!r}: give the 10 letters and digits that your bank "
            "assigned for ACH files."
        )
    return value


def _keys(name: str, value: str) -> tuple[str, ...]:
    keys = _names(name, value)
    if any(len(key) < MIN_SECRET_LENGTH for key in keys):
        raise SettingsError(
            f"{name} has a key that is too short: each needs at least "
            f"{MIN_SECRET_LENGTH} characters; make one with: openssl rand -hex 32"
        )
    return keys


VARIABLES: Mapping[str, Variable] = {
    "env": Variable(
        "PORTAL_ENV",
        "development",
        _one_of("development", "production"),
        "`production` refuses unsafe settings: http, no webhook secret, the demo.",
    ),
    "secret_key": Variable(
        "PORTAL_SECRET_KEY",
        "",
        _text,
        "Signs cookies; at least 32 characters. Without one, development keeps its own "
        "in the instance folder.",
        secret=True,
    ),
    "encryption_keys": Variable(
        "PORTAL_ENCRYPTION_KEYS",
        "",
        _keys,
        "Encrypt account and tax numbers in the database; each at least 32 characters, "
        "comma-separated while rotating, the newest first. Lose them and the numbers "
        "are lost. Empty in development: PORTAL_SECRET_KEY.",
        secret=True,
    ),
    "badge_keys": Variable(
        "PORTAL_BADGE_KEYS",
        "",
        _signing_keys,
        "Sign certificates as Open Badges (Ed25519); 64 hexadecimal digits each, the "
        "newest first. Older ones stay published, so that badges signed with them can "
        "be checked. Empty in development: a key in the instance folder. Empty in "
        "production: no badges.",
        secret=True,
    ),
    "base_url": Variable(
        "PORTAL_BASE_URL",
        "http://localhost:8000",
        _web_address,
        "Where people reach the portal; links in mails begin with it.",
    ),
    "port": Variable(
        "PORTAL_PORT", "8000", _whole(1, 65_535), "Port of `portal serve`."
    ),
    "org_name": Variable(
        "PORTAL_ORG_NAME", "Acme", _text, "The vendor's name, shown on every page."
    ),
    "vendor_url": Variable(
        "PORTAL_VENDOR_URL",
        "http://localhost:8027",
        _web_address,
        "The vendor's own site: where referral links lead; `{vendor}` in programs.",
    ),
    "instance_dir": Variable(
        "PORTAL_INSTANCE_DIR",
        "instance",
        _text,
        "Folder of the embedded database and other state.",
    ),
    "database_url": Variable(
        "DATABASE_URL",
        "",
        _database,
        "PostgreSQL 16 or newer, as the role portal_app. Empty: the embedded server.",
        secret=True,
    ),
    "database_owner_url": Variable(
        "DATABASE_OWNER_URL",
        "",
        _database,
        "The same database as the role that owns the tables; only migrations use it.",
        secret=True,
    ),
    "smtp_url": Variable(
        "PORTAL_SMTP_URL",
        "smtp://localhost:8024",
        _smtp_address,
        "Mail server, as smtp://user:password@host:port (STARTTLS when the port is "
        "587) or smtps://.",
        secret=True,
    ),
    "mail_from": Variable(
        "PORTAL_MAIL_FROM",
        "partners@acme.example",
        _text,
        "Sender of every mail.",
    ),
    "mail_hold_seconds": Variable(
        "PORTAL_MAIL_HOLD_SECONDS",
        "30",
        _whole(0, 3_600),
        "How long a decision's mail waits, so that the decision can be undone.",
    ),
    "stripe_secret_key": Variable(
        "STRIPE_SECRET_KEY",
        "",
        _text,
        "Stripe's secret key. Empty: the Stripe sandbox at PORTAL_STRIPE_SANDBOX_URL.",
        secret=True,
    ),
    "stripe_webhook_secrets": Variable(
        "STRIPE_WEBHOOK_SECRET",
        "",
        _names,
        "Signing secrets of the webhook endpoint, comma-separated while rotating.",
        secret=True,
    ),
    "stripe_sandbox_url": Variable(
        "PORTAL_STRIPE_SANDBOX_URL",
        "http://localhost:8026",
        _web_address,
        "Where the Stripe sandbox answers when there is no Stripe key.",
    ),
    "four_eyes": Variable(
        "PORTAL_FOUR_EYES",
        "yes",
        _flag,
        "`yes`: who makes a payout batch cannot approve it; a second person does.",
    ),
    "four_eyes_close": Variable(
        "PORTAL_FOUR_EYES_CLOSE",
        "no",
        _flag,
        "`yes`: one person proposes the close of a month, a second one confirms it.",
    ),
    "withholds_us_tax": Variable(
        "PORTAL_WITHHOLDS_US_TAX",
        "no",
        _flag,
        "`yes`: you pay from the US, so statements withhold what US rules ask for: "
        "24 % without a taxpayer number, 30 % or the treaty's rate on work done in "
        "the US.",
    ),
    "payer_iban": Variable(
        "PORTAL_PAYER_IBAN",
        "",
        _bank_number(sepa_iban),
        "Your account for SEPA payment files. Empty: none are made.",
    ),
    "payer_bic": Variable(
        "PORTAL_PAYER_BIC",
        "",
        _bank_number(bank_code),
        "Your bank's BIC, if it asks for it in SEPA files.",
    ),
    "payer_routing_number": Variable(
        "PORTAL_PAYER_ROUTING_NUMBER",
        "",
        _bank_number(routing_number),
        "Your bank's routing number for NACHA payment files. Empty: none are made.",
    ),
    "payer_company_id": Variable(
        "PORTAL_PAYER_COMPANY_ID",
        "",
        _company_id,
        "The company id of 10 characters that your bank assigned for NACHA files.",
    ),
    "payer_bank_name": Variable(
        "PORTAL_PAYER_BANK_NAME",
        "",
        _text,
        "Your bank's name, as it stands in the head of NACHA files.",
    ),
    "session_hours": Variable(
        "PORTAL_SESSION_HOURS", "12", _whole(1, 720), "Longest time signed in."
    ),
    "idle_minutes": Variable(
        "PORTAL_IDLE_MINUTES",
        "120",
        _whole(5, 10_080),
        "Signed out after this long without a request.",
    ),
    "allowed_hosts": Variable(
        "PORTAL_ALLOWED_HOSTS",
        "",
        _names,
        "Host names that are answered, comma-separated. Empty: that of the base URL.",
    ),
    "trusted_proxies": Variable(
        "PORTAL_TRUSTED_PROXIES",
        "0",
        _whole(0, 5),
        "How many reverse proxies in front set X-Forwarded-*.",
    ),
    "allowed_destinations": Variable(
        "PORTAL_ALLOWED_DESTINATIONS",
        "",
        _names,
        "Hosts that referral links may lead to. Empty: the host of PORTAL_VENDOR_URL.",
    ),
    "locales": Variable(
        "PORTAL_LOCALES", "en", _locales, "Languages offered, the default one first."
    ),
    "demo": Variable(
        "PORTAL_DEMO",
        "no",
        _flag,
        "`yes` shows the demo stripe and `/dev/components`; no real mail or money.",
    ),
    "log_level": Variable(
        "PORTAL_LOG_LEVEL",
        "INFO",
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "How much is logged.",
    ),
}
"""Every variable the portal reads, by the name of its field in `Settings`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between machines. See `VARIABLES` for the meanings."""

    env: str = "development"
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    badge_keys: tuple[str, ...] = field(default=(), repr=False)
    base_url: str = "http://localhost:8000"
    port: int = 8000
    org_name: str = "Acme"
    vendor_url: str = "http://localhost:8027"
    instance_dir: str = "instance"
    database_url: str = field(default="", repr=False)
    database_owner_url: str = field(default="", repr=False)
    smtp_url: str = field(default="smtp://localhost:8024", repr=False)
    mail_from: str = "partners@acme.example"
    mail_hold_seconds: int = 30
    stripe_secret_key: str = field(default="", repr=False)
    stripe_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    stripe_sandbox_url: str = "http://localhost:8026"
    four_eyes: bool = True
    four_eyes_close: bool = False
    withholds_us_tax: bool = False
    payer_iban: str = ""
    payer_bic: str = ""
    payer_routing_number: str = ""
    payer_company_id: str = ""
    payer_bank_name: str = ""
    session_hours: int = 12
    idle_minutes: int = 120
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: int = 0
    allowed_destinations: tuple[str, ...] = ()
    locales: tuple[str, ...] = ("en",)
    demo: bool = False
    log_level: str = "INFO"
    testing: bool = False

    @property
    def is_secure(self) -> bool:
        """Whether people reach the portal over https."""
        return self.base_url.startswith("https://")

    @property
    def data_keys(self) -> tuple[str, ...]:
        """What `portal.kit.secrets` makes its keys from, the newest first."""
        return self.encryption_keys or (self.secret_key,)

    @property
    def uses_sandbox(self) -> bool:
        """Whether the Stripe sandbox stands in for Stripe."""
        return not self.stripe_secret_key

    @property
    def instance(self) -> Path:
        """The folder of everything the portal keeps outside the database."""
        return Path(self.instance_dir).resolve()

    @property
    def link_hosts(self) -> frozenset[str]:
        """Hosts that a referral link may lead to."""
        vendor = urlsplit(self.vendor_url).hostname or ""
        return frozenset(self.allowed_destinations or (vendor,))

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; `<NAME>_FILE` names a file that holds a secret.

        Raises:
            SettingsError: A variable is wrong, or production lacks one.
        """
        env = os.environ if env is None else env
        values = {
            key: variable.read(variable.name, _raw(variable, env))
            for key, variable in VARIABLES.items()
        }
        if not values["secret_key"] and values["env"] == "development":
            values["secret_key"] = _own_secret(Path(str(values["instance_dir"])))
        if not values["badge_keys"] and values["env"] == "development":
            instance = Path(str(values["instance_dir"]))
            values["badge_keys"] = (_own_secret(instance, "badge-key"),)
        settings = cls(**values)  # type: ignore[arg-type]  # read() gave the types
        _refuse_unsafe(settings)
        return settings


def _raw(variable: Variable, env: Mapping[str, str]) -> str:
    file_name = env.get(f"{variable.name}_FILE")
    if variable.secret and file_name:
        try:
            return Path(file_name).read_text().strip()
        except OSError as error:
            raise SettingsError(
                f"{variable.name}_FILE names {file_name}, which cannot be read."
            ) from error
    return env.get(variable.name) or variable.default or ""


def _own_secret(instance: Path, name: str = "secret-key") -> str:
    """Return a secret of this checkout, made on first use."""
    path = instance / name
    try:
        if not path.exists():
            instance.mkdir(parents=True, exist_ok=True)
            path.write_text(os.urandom(32).hex())
            path.chmod(0o600)
        return path.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"PORTAL_INSTANCE_DIR is {instance}, where the portal cannot keep its "
            f"{name}: {error.strerror}. Name a folder that it may write to."
        ) from error


def _refuse_unsafe(settings: Settings) -> None:
    if len(settings.secret_key) < MIN_SECRET_LENGTH:
        raise SettingsError(
            f"PORTAL_SECRET_KEY needs at least {MIN_SECRET_LENGTH} characters; "
            "make one with: openssl rand -hex 32"
        )
    if settings.env != "production":
        return
    problems = {
        "PORTAL_BASE_URL must begin with https://": not settings.is_secure,
        "PORTAL_DEMO must be no": settings.demo,
        "DATABASE_URL and DATABASE_OWNER_URL go together: the portal runs as portal_app"
        " and migrates as the owner": bool(settings.database_url)
        != bool(settings.database_owner_url),
        "STRIPE_WEBHOOK_SECRET must be set, or forged events would be refused and real "
        "ones too": not settings.stripe_webhook_secrets,
        "STRIPE_SECRET_KEY must be set": settings.uses_sandbox,
        "PORTAL_ENCRYPTION_KEYS must be set; make one with: openssl rand -hex 32": (
            not settings.encryption_keys
        ),
    }
    for sentence, is_wrong in problems.items():
        if is_wrong:
            raise SettingsError(f"In production {sentence}.")
