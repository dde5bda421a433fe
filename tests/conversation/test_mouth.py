from __future__ import annotations

import numpy as np

from voicebox.conversation import events as e
from voicebox.conversation.history import History
from voicebox.conversation.mouth import Mouth
from voicebox.routing.answer import Piece
from voicebox.tts.types import SpokenPhrase, SpokenWord

RATE = 1000


def _piece(text: str) -> Piece:
    """Half a second a word."""
    words = tuple(SpokenWord(word, 500 * i, 500 * (i + 1)) for i, word in enumerate(text.split()))
    return Piece(text, SpokenPhrase(text, np.zeros(500 * len(words), np.float32), RATE, words, 1.0))


def test_what_may_come_back_as_an_echo_reaches_as_far_back_as_the_voice_that_is_judged() -> None:
    events: list[e.SessionEvent] = []
    mouth = Mouth(events.append, History())
    assert mouth.playing_text(0.0) == ""
    mouth.begin("r1", "t", "reflex")
    mouth.send(_piece("one two three four five six seven eight nine ten eleven twelve"), 0.0)
    assert mouth.playing_text(5.0) == "four five six seven eight nine ten eleven twelve"
    assert mouth.playing_text(5.0, 4.0).startswith("one two three")
    mouth.hold(2.1)
    assert mouth.playing_text(9.0).split()[-2:] == ["five", "six"], "it stands still while it is held"
    mouth.resume("r2", 10.0)
    assert mouth.playing_text(10.5) == "one two three four five six seven", (
        "what was said before it was broken off, too"
    )


def test_an_echo_may_be_judged_when_the_reply_is_over() -> None:
    mouth = Mouth(lambda _: None, History())
    mouth.begin("r1", "t", "reflex")
    mouth.send(_piece("one two three four"), 0.0)
    mouth.finish()
    assert mouth.playing_text(2.5, 1.0) == "one two three four"
    assert mouth.playing_text(3.5, 1.0) == ""
