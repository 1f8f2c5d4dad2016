import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.programs.agreements import text_html, text_parts, text_sha256
from portal.programs.rewording import Mark, Paragraph, passages, reworded


def shown(paragraph: Paragraph) -> str:
    """A paragraph with what was added in + and what was removed in -."""
    marks = {Mark.SAME: "{}", Mark.ADDED: "+{}+", Mark.REMOVED: "-{}-"}
    return " ".join(marks[words.mark].format(words.text) for words in paragraph.words)


def told(before: str, after: str) -> list[str]:
    return [shown(paragraph) for paragraph in reworded(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("You get 20% of a sale.", "You get 15% of a sale.",
         ["You get -20%- +15%+ of a sale."]),
        ("One two three four.", "One three four.", ["One -two- three four."]),
        ("One three four.", "One two three four.", ["One +two+ three four."]),
        ("A b c d e.\n\nTotally other.", "A b c d f.",
         ["A b c d -e.- +f.+", "-Totally other.-"]),
        ("Old words gone.", "Brand new text.",
         ["-Old words gone.-", "+Brand new text.+"]),
        ("First.\n\nLast words stay here.", "New start.\n\nLast words stay now.",
         ["-First.-", "+New start.+", "Last words stay -here.- +now.+"]),
        ("Keep.\n\nA b c d.\n\nKeep.", "Keep.\n\nNew.\n\nA b c e.\n\nKeep.",
         ["Keep.", "+New.+", "A b c -d.- +e.+", "Keep."]),
        # Lines that were only broken anew have not changed.
        ("One two\nthree.", "One\n  two three.", ["One two three."]),
        # A link that leads elsewhere has.
        ("See [rules](https://a.test) now.", "See [rules](https://b.test) now.",
         ["See -[rules](https://a.test)- +[rules](https://b.test)+ now."]),
        ("- one\n- two words\n1. three", "- one\n- two worlds\n1. three",
         ["- one", "- two -words- +worlds+", "1. three"]),
        ("## What you do\nText.", "## What you must do\nText.",
         ["What you +must+ do", "Text."]),
        ("## Gone", "Stays", ["-Gone-", "+Stays+"]),
        ("# Same words here", "## Same words here", ["-#- +##+ Same words here"]),
        ("## A b", "## C d", ["-A b-", "+C d+"]),
        ("## Start it", "## Begin it", ["-Start- +Begin+ it"]),
        ("#", "", ["-#-"]),
        ("", "", []),
        ("Same.", "Same.", ["Same."]),
    ],
)  # fmt: skip
def test_every_word_is_kept_added_or_removed(
    before: str, after: str, expected: list[str]
) -> None:
    assert told(before, after) == expected


def test_headings_are_known_as_such() -> None:
    heading, text = reworded("# Terms\nText.", "# Terms\nText.")

    assert heading.is_heading
    assert not heading.is_changed
    assert not text.is_heading


def test_only_what_changed_is_shown_with_the_paragraph_before() -> None:
    before = "\n\n".join(f"Paragraph number {number} of it." for number in range(9))
    after = before.replace("number 3 of", "number three of") + "\n\nOne more."

    first, second = passages(before, after)

    assert first.skipped == 2
    assert [shown(one) for one in first.paragraphs] == [
        "Paragraph number 2 of it.",
        "Paragraph number -3- +three+ of it.",
    ]
    assert second.skipped == 4
    assert shown(second.paragraphs[-1]) == "+One more.+"
    assert passages(before, before) == []


def test_texts_that_share_nothing_are_not_compared_pair_by_pair() -> None:
    before = "\n\n".join(f"Old {number}." for number in range(60))
    after = "\n\n".join(f"New {number}." for number in range(60))

    found = told(before, after)

    assert found[0] == "-Old 0.-"
    assert found[-1] == "+New 59.+"


@given(
    st.lists(st.sampled_from(["# A b", "a b c", "a c d", "- x", "b"]), max_size=8),
    st.lists(st.sampled_from(["# A b", "a b c d", "a c d", "- x y", "z"]), max_size=8),
)
def test_both_texts_can_be_read_out_of_it(before: list[str], after: list[str]) -> None:
    found = reworded("\n\n".join(before), "\n\n".join(after))

    def words(texts: list[str]) -> list[str]:
        return " ".join(texts).replace("#", "").split()

    def without(mark: Mark) -> list[str]:
        said = (w.text for p in found for w in p.words if w.mark is not mark)
        return words(list(said))

    assert without(Mark.ADDED) == words(before)
    assert without(Mark.REMOVED) == words(after)


class TestMarkdown:
    def test_a_picture_becomes_a_link(self) -> None:
        """What it shows is no part of what is signed."""
        html = text_html("![Our rates](https://a.test/rates.png) ![](b.png)")

        assert "<img" not in html
        assert '<a href="https://a.test/rates.png">Our rates</a>' in html
        assert '<a href="b.png">b.png</a>' in html

    def test_a_link_that_runs_something_is_none(self) -> None:
        assert "javascript:" not in text_html("[x](javascript:alert(1))")

    def test_the_hash_is_of_the_exact_text(self) -> None:
        assert text_sha256("A.\n") != text_sha256("A.")
        assert len(text_sha256("ä")) == 64

    def test_the_parts_of_a_text(self) -> None:
        heading, *_ = text_parts("# A\n\nb")

        assert heading["type"] == "heading"
