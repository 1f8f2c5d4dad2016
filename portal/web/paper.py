"""Documents on paper, set by typst.

Two properties of typst to know: after a process has compiled once it must not fork,
and identical input gives identical bytes, as long as the only date in the file is
given.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, cast

import typst

_FONTS = Path(__file__).with_name("fonts")
"""Arabic and Korean, beside the Latin, Greek and Cyrillic inside typst."""

_one_at_a_time = Lock()


def set_paper(template: Path, data: Mapping[str, Any], *, dated: datetime) -> bytes:
    """Return a PDF: tagged, and the same bytes each time.

    Args:
        template: The typst file; it reads `data` as JSON from `sys.inputs.data`.
        data: The texts of the page. Nothing in them is code to typst.
        dated: The only date in the file.
    """
    content = json.dumps(data, ensure_ascii=False)
    timestamp = int(dated.timestamp())
    with _one_at_a_time:
        try:
            pdf = _compiler(template, with_system_fonts=False).compile(
                format="pdf",
                sys_inputs={"data": content},
                pdf_standards=["a-2a", "ua-1"],
                timestamp=timestamp,
            )
        except typst.TypstError:
            # The standards refuse a script for which we bring no font. A file with
            # the fonts of this machine, and without the standards, is better than none.
            pdf = _compiler(template, with_system_fonts=True).compile(
                format="pdf", sys_inputs={"data": content}, timestamp=timestamp
            )
    return cast("bytes", pdf)  # a list only for formats with one file per page


@cache
def _compiler(template: Path, *, with_system_fonts: bool) -> typst.Compiler:
    """Return a compiler, its fonts read once."""
    fonts = typst.Fonts(include_system_fonts=with_system_fonts, font_paths=[_FONTS])
    return typst.Compiler(input=template, font_paths=fonts)
