import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.llm import intent_text
from voicebox.llm.intent_text import normalize_text


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Set a timer for 10 minutes.", "set a timer for 10 minutes"),
        ("What’s the time, please?", "what's the time please"),
        ("Wake me at 7:30 a.m. tomorrow!", "wake me at 7:30 am tomorrow"),
        ("Wake me at 7AM", "wake me at 7 am"),
        ("dim the lights to 50%", "dim the lights to 50 percent"),
        ("a 10-minute timer", "a 10 minute timer"),
        ("Convert 2.5 miles", "convert 2.5 miles"),
        ("1,000,000 plus 1,5", "1000000 plus 1 5"),
        ("17 + 25 = what?", "17 plus 25 equals what"),
        ("17 x 3 - 4", "17 times 3 minus 4"),
        ("it's -5°C", "it's minus 5 degrees c"),
        ("½ cup", "1/2 cup"),
        ("  'quoted'  words\n", "quoted words"),
        ("$20 to euros", "20 dollars to euros"),
        ("Ünïcode Straße", "ünïcode straße"),
        ("...", ""),
        ("", ""),
    ],
)
def test_normalizes_what_recognisers_write(text: str, normal: str) -> None:
    assert normalize_text(text) == normal


@given(st.text() | st.text(alphabet="0123456789.,:/-+x*%$°'apm AZ’½"))
def test_is_idempotent_and_single_spaced(text: str) -> None:
    once = normalize_text(text)
    assert normalize_text(once) == once
    assert once == " ".join(once.split())


@given(st.text() | st.text(alphabet="abPpMmxX' ’.é1"))
def test_plain_texts_are_what_the_rules_would_leave(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intent_text, "_PLAIN", re.compile(r"(?!)"))
        by_rules = normalize_text(text)
    assert normalize_text(text) == by_rules


@given(st.text(alphabet="abc <>|_im", min_size=1))
def test_never_leaves_control_token_marks(text: str) -> None:
    assert not set(normalize_text(text)) & set("<>|")
