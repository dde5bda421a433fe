from __future__ import annotations

import pytest

from voicebox.store.redact import redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("call 0171 555 12", "call #### ### ##"),
        ("my card is four one one one two", "my card is [number]"),
        ("set a timer for ten minutes", "set a timer for ten minutes"),
        ("write to jane.doe@example.org", "write to [address]"),
        ("write to jane at example dot org", "write to [address]"),
        ("it is spelt s m i t h", "it is spelt [spelt]"),
        ("I am a cook", "I am a cook"),
    ],
)
def test_texts(text: str, kept: str) -> None:
    assert redacted(text) == kept


def test_values_inside() -> None:
    assert redacted({"duration": 600, "names": ["a 5"], "on": True, "none": None}) == {
        "duration": "#",
        "names": ["a #"],
        "on": True,
        "none": None,
    }
