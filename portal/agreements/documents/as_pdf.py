"""A signed agreement on paper, set by typst: the text, its hash, and who signed.

The only date in the file is that of the signature.
"""

from datetime import UTC
from pathlib import Path
from typing import Any

from babel.dates import format_datetime

from portal.accounts.permissions import Role
from portal.agreements.models import AgreementSignature
from portal.programs.agreements import text_parts
from portal.web.paper import set_paper

_TEMPLATE = Path(__file__).with_name("agreement.typ")
_FIRST_LEVEL = 3
"""Headings of the text stand under the document's own."""
_LOWEST_LEVEL = 6
_INSIDE = {"emphasis", "strong", "link", "image"}


def render(signature: AgreementSignature, issuer_name: str) -> bytes:
    """Return the PDF: tagged, and the same bytes each time.

    Args:
        signature: The signature with its text and enrollment.
        issuer_name: The vendor's name, for signatures that did not keep it.
    """
    return set_paper(
        _TEMPLATE, page_data(signature, issuer_name), dated=signature.signed_at
    )


def page_data(signature: AgreementSignature, issuer_name: str) -> dict[str, Any]:
    """Return the texts of the page. Nothing in them is code to typst."""
    return {
        "title": signature.title,
        "version": signature.version,
        "program": signature.program_name,
        "issuer": signature.issuer_name or issuer_name,
        "partner": signature.partner_name,
        "id": signature.public_id,
        "sha256": signature.text_sha256,
        "signed_at": format_datetime(
            signature.signed_at.astimezone(UTC), "d MMMM y, HH:mm:ss 'UTC'", locale="en"
        ),
        "signer": signature.signer_name,
        "email": signature.signer_email,
        "role": _role(signature.signer_role),
        "address": signature.remote_address or "not recorded",
        "browser": signature.user_agent or "not recorded",
        "text": blocks(signature.text.text),
    }


def _role(text: str) -> str:
    return text.removeprefix("partner_").capitalize() if text in set(Role) else ""


def blocks(text: str) -> list[dict[str, Any]]:
    """Return Markdown as parts that the template sets.

    Headings never skip a level, so that the file is accessible.
    """
    return _Blocks().of(text_parts(text))


class _Blocks:
    """Turns the tree of the parser into the few kinds that the template knows."""

    def __init__(self) -> None:
        self._level = _FIRST_LEVEL - 1

    def of(self, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the blocks of these parts; blank lines are none."""
        found = (self._block(part) for part in parts)
        return [block for block in found if block is not None]

    def _block(self, part: dict[str, Any]) -> dict[str, Any] | None:
        kind = part["type"]
        if kind == "heading":
            wanted = part["attrs"]["level"] + _FIRST_LEVEL - 1
            self._level = min(wanted, self._level + 1, _LOWEST_LEVEL)
            return {
                "kind": "heading",
                "level": self._level,
                "inline": inline(part["children"]),
            }
        if kind in {"paragraph", "block_text"}:
            return {"kind": "paragraph", "inline": inline(part["children"])}
        if kind == "list":
            return {
                "kind": "list",
                "ordered": part["attrs"]["ordered"],
                "start": part["attrs"].get("start", 1),
                "items": [self.of(item["children"]) for item in part["children"]],
            }
        if kind == "block_quote":
            return {"kind": "quote", "blocks": self.of(part["children"])}
        if kind == "thematic_break":
            return {"kind": "rule"}
        # Code and tags are shown letter by letter.
        raw = part.get("raw", "")
        return {"kind": "code", "text": raw.rstrip("\n")} if raw else None


def inline(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what stands in a line; a link is followed by its address."""
    found: list[dict[str, Any]] = []
    for part in parts:
        kind = part["type"]
        if kind in _INSIDE:
            children = inline(part["children"])
            if kind in {"link", "image"}:
                address = part["attrs"]["url"]
                found += [*children, {"kind": "text", "text": f" ({address})"}]
            else:
                found.append({"kind": kind, "inline": children})
        elif kind in {"linebreak", "softbreak"}:
            found.append({"kind": kind})
        elif kind == "codespan":
            found.append({"kind": "code", "text": part["raw"]})
        else:
            found.append({"kind": "text", "text": part["raw"]})
    return found
