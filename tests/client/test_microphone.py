import numpy as np

from voicebox.audio.formats import PCM16_24K
from voicebox.client.microphone import Loudspeaker


def data(samples: int, level: float = 0.5) -> bytes:
    return PCM16_24K.encode(np.full(samples, level, np.float32))


def played(speaker: Loudspeaker, samples: int) -> np.ndarray:
    out = np.full(samples, 9.0, np.float32)
    speaker.fill(out)
    return out


def test_silence_where_there_is_nothing() -> None:
    assert not played(Loudspeaker(), 480).any()


def test_blocks_span_deltas_and_lose_nothing() -> None:
    speaker = Loudspeaker()
    speaker.add("a", data(300, 0.25))
    speaker.add("a", data(300, 0.5))
    out = np.concatenate((played(speaker, 480), played(speaker, 480)))
    assert np.allclose(out[:300], 0.25, atol=1e-4)
    assert np.allclose(out[300:600], 0.5, atol=1e-4)
    assert not out[600:].any()


def test_stop_says_how_much_of_the_current_reply_was_played() -> None:
    speaker = Loudspeaker()
    speaker.add("a", data(480))
    speaker.add("b", data(4_800))
    played(speaker, 960)
    assert speaker.stop() == ("b", 20)
    assert speaker.stop() is None
    assert not played(speaker, 480).any()


def test_stop_of_a_reply_that_has_not_begun() -> None:
    speaker = Loudspeaker()
    speaker.add("a", data(480))
    assert speaker.stop() == ("a", 0)
