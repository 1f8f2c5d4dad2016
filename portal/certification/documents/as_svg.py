"""The badge of a certificate as a picture that people put on their pages."""

import json
import textwrap
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from xml.etree import ElementTree as ET

from babel.dates import format_date

from portal.certification.models import Certificate

_SVG = "http://www.w3.org/2000/svg"
_BADGES = "https://purl.imsglobal.org/ob/v3p0"
_SIZE = 400
_LETTERS_IN_LINE, _MOST_LINES = 22, 3

ET.register_namespace("", _SVG)
ET.register_namespace("openbadges", _BADGES)


def badge_svg(
    certificate: Certificate, issuer: str, credential: Mapping[str, Any] | None
) -> bytes:
    """Return the picture, with the signed badge baked in as Open Badges 3.0 says.

    Args:
        certificate: The certificate with its certification.
        issuer: The vendor's name.
        credential: The Open Badge; none when the portal has no key to sign with.
    """
    title = certificate.certification.title
    picture = ET.Element(
        f"{{{_SVG}}}svg", {"viewBox": f"0 0 {_SIZE} {_SIZE}", "role": "img"}
    )
    ET.SubElement(picture, f"{{{_SVG}}}title").text = f"{title}, {issuer}"
    if credential is not None:
        baked = ET.SubElement(picture, f"{{{_BADGES}}}credential")
        baked.text = json.dumps(credential, ensure_ascii=False)
    _shape(picture, "circle", cx=200, cy=200, r=192, fill="#1257b8")
    _shape(picture, "circle", cx=200, cy=200, r=176, fill="none", stroke="#fff")
    _text(picture, 96, 18, issuer[:_LETTERS_IN_LINE])
    lines = textwrap.wrap(
        title, _LETTERS_IN_LINE, max_lines=_MOST_LINES, placeholder=" …"
    )
    top = 200 - 17 * (len(lines) - 1)
    for number, line in enumerate(lines):
        _text(picture, top + 34 * number, 26, line, weight="600")
    expires = certificate.expires_at.astimezone(UTC)
    until = format_date(expires, "d MMM y", locale="en")
    _text(picture, 304, 18, f"Valid until {until}")
    _text(picture, 334, 10, certificate.number)
    content: bytes = ET.tostring(picture, encoding="utf-8", xml_declaration=True)
    return content


def _shape(parent: ET.Element, name: str, **attributes: str | int) -> ET.Element:
    return ET.SubElement(
        parent, f"{{{_SVG}}}{name}", {k: str(v) for k, v in attributes.items()}
    )


def _text(
    parent: ET.Element, y: int, size: int, words: str, *, weight: str = "400"
) -> None:
    line = _shape(parent, "text", x=200, y=y, fill="#fff")
    line.set("text-anchor", "middle")
    line.set("font-family", "system-ui, sans-serif")
    line.set("font-size", str(size))
    line.set("font-weight", weight)
    line.text = words
