"""From an outbox row to what the reader sees."""

from dataclasses import dataclass
from typing import Any

import css_inline
from flask import current_app, render_template
from flask_babel import force_locale

_INLINER = css_inline.CSSInliner(
    keep_style_tags=True,  # dark colours cannot stand on an element
    load_remote_stylesheets=False,
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail as text and as HTML, with its styles where mail programs see them."""

    subject: str
    text: str
    html: str


def render(template: str, context: dict[str, Any], locale: str) -> Rendered:
    """Fill the three templates of a mail in the reader's language.

    Links begin with the configured address, whatever host anybody asked for.
    """
    values = {
        **context,
        "base_url": current_app.config["BASE_URL"],
        "org_name": current_app.config["ORG_NAME"],
    }
    folder = f"emails/{template}"
    with force_locale(locale):
        subject = render_template(f"{folder}/subject.txt", **values)
        text = render_template(f"{folder}/body.txt", **values)
        html = render_template(f"{folder}/body.html", **values)
    return Rendered(
        subject=" ".join(subject.split()),
        text=text.strip() + "\n",
        html=_INLINER.inline(html),
    )
