from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast
from uuid import UUID

from pypdf import PdfReader

from portal.agreements import documents
from portal.agreements.documents.as_pdf import blocks
from portal.agreements.models import AgreementSignature, AgreementText

EVIL = '#read("/etc/passwd") $y$ <b>bold</b> \\ @x'
TEXT = f"""# Terms

###### Deep down

Words with *stress*, **force** and `code`, see [rules](https://a.test/x).
And ![a **plan**](plan.png)  
on a new line. {EVIL}

3. three
   - inside
4. four

> Quoted.

---

```
a  b
c
```

<div>raw</div>

# Last
"""  # noqa: W291 - two spaces at the end of a line break it


def signature(**values: Any) -> AgreementSignature:  # noqa: ANN401 - any column
    return AgreementSignature(
        **{
            "id": UUID(int=7),
            "title": "Partner terms",
            "version": "2026-01",
            "text_sha256": "ab" * 32,
            "program_name": "Partners",
            "issuer_name": "Acme",
            "partner_name": "Blue Fern",
            "signer_name": "Mina Park",
            "signer_email": "mina@fern.example",
            "signer_role": "partner_owner",
            "signed_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
            "remote_address": "192.0.2.1",
            "user_agent": "Firefox",
            "language": "en",
            "text": AgreementText(sha256="ab" * 32, text=TEXT),
            **values,
        }
    )


def text_of(content: bytes) -> str:
    pages = PdfReader(BytesIO(content)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_everything_of_the_text_is_printed_and_nothing_is_obeyed() -> None:
    text = text_of(documents.render(signature(), "Other"))

    for said in (
        "Deep down",
        "see rules (https://a.test/x).",
        "And a plan (plan.png) on a new line.",
        "3. three",
        "4. four",
        "Quoted.",
        "<div>raw</div>",
        "Between Acme",
        "mina@fern.example · Owner",
    ):
        assert said in text
    assert "".join(EVIL.replace("\\", "").split()) in "".join(
        text.replace("\\", "").split()
    )


def test_the_same_signature_gives_the_same_bytes_by_the_standards() -> None:
    once = documents.render(signature(), "")

    assert once == documents.render(signature(), "")
    root = cast("Any", PdfReader(BytesIO(once)).root_object)
    metadata = root["/Metadata"].get_data().decode()
    assert "pdfuaid:part" in metadata
    assert "pdfaid:part" in metadata


def test_what_was_not_kept_is_said_to_be_so() -> None:
    old = signature(issuer_name="", signer_role="", remote_address="", user_agent="")

    text = text_of(documents.render(old, "Acme"))

    assert "Between Acme" in text
    assert "mina@fern.example For" in text
    assert text.count("not recorded") == 2


def test_a_name_in_any_script_gives_a_file() -> None:
    content = documents.render(signature(partner_name="한빛 Digital"), "")

    assert "Digital" in text_of(content)


def test_headings_skip_no_level() -> None:
    levels = [one["level"] for one in blocks(TEXT) if one["kind"] == "heading"]

    assert levels == [3, 4, 3]


def test_an_empty_text_has_no_parts() -> None:
    assert blocks("\n\n") == []
