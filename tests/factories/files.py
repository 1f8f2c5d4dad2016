"""Files as people send them, good and bad; made in memory, small."""

import struct
import zlib
from io import BytesIO

import pypdf
from PIL import Image
from pypdf.actions import JavaScript

PLACE = b"taken at 37.5665 N, 126.9780 E"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    """Return a picture of one colour."""
    out = BytesIO()
    Image.new("RGB", size, (10, 120, 90)).save(out, format=kind)
    return out.getvalue()


def picture_with_a_place(kind: str = "JPEG") -> bytes:
    """Return a picture that says where it was taken, and who made it."""
    image = Image.new("RGB", (40, 30), (10, 120, 90))
    exif = Image.Exif()
    exif[0x010E] = PLACE.decode()  # ImageDescription
    exif[0x0112] = 6  # turned: the camera was held upright
    out = BytesIO()
    image.save(out, format=kind, exif=exif)
    return out.getvalue()


def pdf(pages: int = 1) -> bytes:
    """Return a PDF of blank pages."""
    writer = pypdf.PdfWriter()
    for _page in range(pages):
        writer.add_blank_page(200, 200)
    return _written(writer)


def pdf_with_script() -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_open_action(JavaScript("app.alert(1)"))
    return _written(writer)


def pdf_with_attachment() -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_attachment("run.exe", b"MZ")
    return _written(writer)


def locked_pdf() -> bytes:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret", algorithm="RC4-128")
    return _written(writer)


def pdf_bomb(megabytes: int) -> bytes:
    """Return a PDF whose objects lie in a stream that unpacks to so many MB."""
    # Packed piece by piece, so that the test itself stays small.
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes))
    packed += packer.flush()
    head = (
        b"1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n"
    )
    bomb = b"%PDF-1.5\n" + head % len(packed) + packed + b"\nendstream\nendobj\n"
    rows = b"\x00\x00\x00\xff" + b"\x01\x00\x09\x00" + b"\x02\x00\x01\x00"
    rows += b"\x01" + struct.pack(">H", 9) + b"\x00"
    start = len(bomb)
    table = zlib.compress(rows)
    bomb += (
        b"3 0 obj\n<</Type/XRef/Size 4/W[1 2 1]/Root 2 0 R/Filter/FlateDecode"
        b"/Length %d>>\nstream\n" % len(table)
    )
    bomb += table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start
    return bomb


def pixel_bomb(side: int = 30_000) -> bytes:
    """Return a PNG of a few kB that says it has `side` x `side` pixels."""
    out = picture("PNG", (1, 1))
    header = struct.pack(">II", side, side) + out[24:29]
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return out[:16] + header + check + out[33:]


def text_bomb(megabytes: int) -> bytes:
    """Return a PNG with a comment that unpacks to so many MB."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes))
    body = b"Comment\x00\x00" + packed + packer.flush()
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    plain = picture("PNG")
    return plain[:33] + chunk + plain[33:]


def _written(writer: pypdf.PdfWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()
