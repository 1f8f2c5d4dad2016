"""A page as a person without a browser sees it: text, links, forms, labels."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_VOID = frozenset({"input", "link", "meta", "br", "img", "hr", "source", "wbr"})
_UNSEEN = frozenset({"script", "style", "template"})


@dataclass
class Control:
    """One field or button of a form."""

    kind: str
    name: str
    value: str
    id: str = ""
    text: str = ""
    is_on: bool = True


@dataclass
class Form:
    """A form with what it would send."""

    action: str
    method: str
    controls: list[Control] = field(default_factory=list)

    def button(self, label: str) -> Control | None:
        """The button with these words at its beginning."""
        return next(
            (
                c
                for c in self.controls
                if c.kind == "button" and c.text.startswith(label)
            ),
            None,
        )


@dataclass
class Page:
    """An answer, read."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    title: str = ""
    text: str = ""
    heading: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    copied: list[str] = field(default_factory=list)
    """What the Copy buttons of the page put on the clipboard."""

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        return json.loads(self.body)

    def link(self, label: str) -> str:
        """Where the link with these words leads."""
        found = [href for text, href in self.links if text.startswith(label)]
        assert found, f"no link {label!r} on {self.url}: {[t for t, _ in self.links]}"
        return found[0]

    def form(self, button: str) -> Form:
        """The form that this button sends."""
        found = [form for form in self.forms if form.button(button)]
        labels = [c.text for f in self.forms for c in f.controls if c.kind == "button"]
        assert found, f"no button {button!r} on {self.url} ({self.status}): {labels}"
        return found[0]

    def filled(self, button: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """What the form sends when its fields, named by label, hold these values.

        A choice or a tick is named by its own label and has the value "on".
        """
        form = self.form(button)
        pressed = form.button(button)
        by_id = {control.id: control for control in form.controls}
        for label, value in values.items():
            control = self._labelled(form, by_id, label)
            if control.kind == "radio":
                for other in form.controls:
                    if other.name == control.name:
                        other.is_on = False
            control.is_on = True
            if control.kind not in {"radio", "checkbox"}:
                control.value = value
        sent = [
            (control.name, control.value)
            for control in form.controls
            if control.name and control.kind != "button" and control.is_on
        ]
        if pressed is not None and pressed.name:
            sent.append((pressed.name, pressed.value))
        return sent

    def _labelled(self, form: Form, by_id: dict[str, Control], label: str) -> Control:
        for wanted in (label.__eq__, lambda text: text.startswith(label)):
            for control_id, text in self.labels.items():
                if control_id in by_id and wanted(text):
                    return by_id[control_id]
        named = [control for control in form.controls if control.name == label]
        assert named, f"no field {label!r} on {self.url}: {list(self.labels.values())}"
        return named[0]


def read(page: Page) -> Page:
    """Fill in what the HTML of a page says."""
    if "html" in page.headers.get("content-type", ""):
        reader = _Reader(page)
        reader.feed(page.body.decode())
        reader.close()
        page.text = " ".join("".join(reader.words).split())
    return page


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.words: list[str] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self._form: Form | None = None
        self._select: Control | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-copy" in given:
            self.page.copied.append(given["data-copy"])
        if tag == "form":
            method = given.get("method", "get").lower()
            self._form = Form(given.get("action", ""), method)
            self.page.forms.append(self._form)
        elif tag == "input":
            self._input(given)
        elif tag == "select":
            self._select = Control("select", given["name"], "", given.get("id", ""))
            self._add(self._select)
        elif tag == "option" and self._select is not None and "selected" in given:
            self._select.value = given.get("value", "")
        if tag not in _VOID:
            self._open.append((tag, given, []))
        if tag in {"p", "div", "li", "td", "th", "dd", "dt", "br", "h1", "h2", "tr"}:
            self.words.append(" ")

    def _input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        is_on = kind not in {"radio", "checkbox"} or "checked" in given
        value = given.get("value", "on" if kind == "checkbox" else "")
        self._add(
            Control(kind, given.get("name", ""), value, given.get("id", ""), "", is_on)
        )

    def _add(self, control: Control) -> None:
        if self._form is not None:
            self._form.controls.append(control)

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            name, given, words = self._open.pop()
            text = " ".join("".join(words).split())
            self._closed(name, given, text, "".join(words))
            if self._open:
                self._open[-1][2].extend(words)
            if name == tag:
                return

    def _closed(self, tag: str, given: dict[str, str], text: str, raw: str) -> None:
        if tag == "title":
            self.page.title = self.page.title or text
        elif tag == "h1":
            self.page.heading = text
        elif tag == "a":
            self.page.links.append((text, given.get("href", "")))
        elif tag == "label" and "for" in given:
            self.page.labels[given["for"]] = text
        elif tag == "button":
            name, value = given.get("name", ""), given.get("value", "")
            self._add(Control("button", name, value, given.get("id", ""), text))
        elif tag == "textarea":
            self._add(
                Control(
                    "textarea",
                    given.get("name", ""),
                    raw.removeprefix("\n"),
                    given.get("id", ""),
                )
            )
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] in _UNSEEN:
            return
        self.words.append(data)
        if self._open:
            self._open[-1][2].append(data)
