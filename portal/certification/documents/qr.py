"""Codes that telephones read."""

from io import BytesIO

import segno


def qr_svg(address: str) -> bytes:
    """Return the code of an address as a picture: dark on white, with its margin."""
    picture = BytesIO()
    code = segno.make(address, micro=False, error="m")
    code.save(picture, kind="svg", scale=4, light="#fff", xmldecl=False, nl=False)
    return picture.getvalue()
