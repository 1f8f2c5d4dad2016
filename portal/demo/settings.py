"""Where the demo's programs answer, and what it keeps between two starts."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_WORDS = (
    "amber basil birch bison cedar cobalt comet copper coral daisy delta ember falcon "
    "fern fjord flint garnet hazel heron indigo iris jasper juniper kayak kelp lagoon "
    "lark lemon lilac linden lotus lynx magnet maple marble meadow mint mossy nutmeg "
    "olive onyx opal orbit otter panda pearl pepper pine plum poppy quartz quill raven "
    "reef river robin saffron sage salmon sienna sparrow spruce sunny tango tiger "
    "topaz tulip velvet violet walnut willow wren zephyr"
)
_LETTERS = "abcdefghjkmnpqrstuvwxyz"


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Port:
    """One port that the demo needs."""

    variable: str
    usual: int
    what: str


PORTS = (
    Port("PORTAL_PORT", 8000, "the portal"),
    Port("PORTAL_DEMO_SMTP_PORT", 8024, "the mail catcher's mail server"),
    Port("PORTAL_DEMO_MAIL_PORT", 8025, "the mail catcher's pages"),
    Port("PORTAL_DEMO_STRIPE_PORT", 8026, "the Stripe sandbox"),
    Port("PORTAL_DEMO_SHOP_PORT", 8027, "Acme's shop"),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where each program answers, by port on this machine."""

    web: int = 8000
    smtp: int = 8024
    mail: int = 8025
    stripe: int = 8026
    shop: int = 8027

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Addresses":
        """Read the ports.

        Raises:
            DemoError: One is no port, or two are the same.
        """
        env = os.environ if env is None else env
        ports = [_port(one, env.get(one.variable) or str(one.usual)) for one in PORTS]
        if len(set(ports)) != len(ports):
            raise DemoError("Two of the demo's ports are the same; give each its own.")
        return cls(*ports)

    def url(self, port: int) -> str:
        """Return the address of a port for a browser on this machine."""
        return f"http://localhost:{port}"

    def in_order(self) -> list[tuple[Port, int]]:
        """Return each port with the number it has now."""
        numbers = (self.web, self.smtp, self.mail, self.stripe, self.shop)
        return list(zip(PORTS, numbers, strict=True))


def mails_url() -> str:
    """Return where the mail catcher shows its mails."""
    addresses = Addresses.from_env()
    return addresses.url(addresses.mail)


def _port(port: Port, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):  # noqa: PLR2004 - the highest port
        raise DemoError(
            f"{port.variable} is {text!r}: give a port, such as {port.usual}."
        )
    return int(text)


@dataclass(frozen=True, slots=True)
class Notes:
    """What the demo remembers, in `instance/demo.json`.

    Attributes:
        password: With which everybody in the story signs in.
        webhook_secret: What signs the sandbox's events.
        shop_secret: What signs the shop's cookies.
        story: Empty, `begun` or `told`.
        addresses: The ports of the last start.
    """

    password: str
    webhook_secret: str
    shop_secret: str
    story: str = ""
    addresses: Addresses = Addresses()

    @classmethod
    def fresh(cls) -> "Notes":
        """Make up new secrets."""
        return cls(
            password=readable_password(),
            webhook_secret=f"whsec_{secrets.token_urlsafe(24)}",
            shop_secret=secrets.token_urlsafe(32),
        )

    def told(self, story: str) -> "Notes":
        """Return the notes with how far the story is."""
        return replace(self, story=story)

    def at(self, addresses: Addresses) -> "Notes":
        """Return the notes with the ports of this start."""
        return replace(self, addresses=addresses)


def readable_password() -> str:
    """Return a random password that is easy to read and type: `k7-plum-otter-42`."""
    words = _WORDS.split()
    letter, digit = secrets.choice(_LETTERS), secrets.randbelow(8) + 2
    first, second = secrets.choice(words), secrets.choice(words)
    return f"{letter}{digit}-{first}-{second}-{secrets.randbelow(90) + 10}"


def read_notes(instance: Path) -> Notes:
    """Return what the demo remembers; made up and kept when there is nothing yet.

    Raises:
        DemoError: The file is broken.
    """
    path = instance / "demo.json"
    if not path.exists():
        notes = Notes.fresh()
        write_notes(instance, notes)
        return notes
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Notes(**{**data, "addresses": Addresses(**data["addresses"])})
    except (ValueError, TypeError, KeyError) as error:
        raise DemoError(
            f"{path} cannot be read. Delete the demo with `make reset-demo`."
        ) from error


def write_notes(instance: Path, notes: Notes) -> None:
    """Keep the notes where only their owner can read them."""
    instance.mkdir(parents=True, exist_ok=True)
    draft = instance / ".demo.json.tmp"
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(notes), file, indent=2)
    draft.replace(instance / "demo.json")
