import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.llm.spoken import SpokenText


def say(text: str, *, size: int = 1, sentences: int = 3) -> str:
    """Feed a text in pieces of `size` characters and join what may be said."""
    spoken = SpokenText(max_sentences=sentences)
    said = "".join(spoken.feed(text[i : i + size]) for i in range(0, len(text), size))
    return said + spoken.finish()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("The capital is **Paris**.", "The capital is Paris."),
        ("# Answer\nIt is `42`.", "Answer It is 42."),
        ("Two things:\n- apples\n- pears", "Two things: apples pears"),
        ("Two things:\n1. apples\n2) pears", "Two things: apples pears"),
        ("42.", "42."),
        ("42. That is all.", "42. That is all."),
        ("It is -5 degrees.", "It is -5 degrees."),
        ("17 * 3 = 51", "17 times 3 = 51"),
        ("Why?\n\nBecause.", "Why? Because."),
        ("Use this: ```python\nprint(1)\n```", "Use this:"),
        ("One. Two! Three? Four.", "One. Two! Three?"),
        (
            "Dr. Smith met J. R. Brown. He left. She stayed. They met.",
            "Dr. Smith met J. R. Brown. He left. She stayed.",
        ),
        ("Pi is 3.14159 or so.", "Pi is 3.14159 or so."),
        ("", ""),
        ("   ", ""),
    ],
)
def test_what_is_written_becomes_what_can_be_said(written: str, spoken: str, size: int) -> None:
    assert say(written, size=size) == spoken


def test_is_done_after_the_last_sentence_and_says_nothing_more() -> None:
    spoken = SpokenText(max_sentences=1)
    assert spoken.feed("Yes. ") == "Yes."
    assert not spoken.done
    assert spoken.feed("And more ") == ""
    assert spoken.done
    assert spoken.feed("still more ") == ""
    assert spoken.finish() == ""


def test_words_come_as_soon_as_they_are_whole() -> None:
    spoken = SpokenText()
    assert [spoken.feed(piece) for piece in ("Hel", "lo th", "ere ", "you")] == ["", "Hello", " there", ""]
    assert spoken.finish() == " you"


@given(st.text("ab .!?*-`#1\n"), st.integers(1, 9))
def test_pieces_do_not_matter_and_no_markup_is_left(text: str, size: int) -> None:
    said = say(text, size=size)
    assert not set(said) & set("*`#")
    assert said == " ".join(said.split())
