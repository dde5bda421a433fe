from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.errors import ModelError
from voicebox.vad import silero
from voicebox.vad.silero import SileroStream, SileroVad
from voicebox.vad.types import FRAME_SAMPLES


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


def noise(frames: int, level: float = 0.1, seed: int = 0) -> NDArray[np.float32]:
    return (level * np.random.default_rng(seed).standard_normal((frames, FRAME_SAMPLES))).astype(np.float32)


def run(vad: SileroVad, frames: NDArray[np.float32]) -> list[float]:
    stream = vad.stream()
    return [stream.probability(frame) for frame in frames]


def frames_of(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    whole = len(audio) // FRAME_SAMPLES * FRAME_SAMPLES
    return audio[:whole].reshape(-1, FRAME_SAMPLES)


def test_the_bundled_model_steps_streams_as_a_batch(vad: SileroVad) -> None:
    assert vad.batched


def test_streams_together_are_as_streams_alone(vad: SileroVad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "_with_batch_axis", lambda data: None)
    plain = SileroVad()
    assert not plain.batched
    heard = np.stack([noise(20, 0.02 * (i + 1), i) for i in range(5)])
    streams = [vad.stream() for _ in heard]
    together = np.array([vad.probabilities(list(streams), heard[:, t]) for t in range(20)])
    alone = np.array([run(plain, frames) for frames in heard]).T
    np.testing.assert_allclose(together, alone, atol=1e-5)
    others = [plain.stream() for _ in heard]
    one_by_one = np.array([plain.probabilities(list(others), heard[:, t]) for t in range(20)])
    np.testing.assert_allclose(one_by_one, alone, atol=1e-6)


@pytest.mark.models
def test_speech_is_speech_and_silence_is_not(vad: SileroVad, say: Callable[[str], NDArray[np.float32]]) -> None:
    speech = run(vad, frames_of(say("What time is it in the kitchen, please?")))
    assert float(np.mean(np.array(speech) > 0.5)) > 0.7
    assert max(run(vad, np.zeros((30, FRAME_SAMPLES), np.float32))) < 0.2
    assert float(np.mean(np.array(run(vad, noise(60))) > 0.5)) < 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_poisoned_frame_leaves_the_stream_well(vad: SileroVad, bad: float) -> None:
    stream = vad.stream()
    frame = noise(1)[0]
    frame[7] = bad
    assert 0 <= stream.probability(frame) <= 1
    after = [stream.probability(frame) for frame in np.zeros((20, FRAME_SAMPLES), np.float32)]
    assert max(after[-5:]) < 0.2
    assert np.all(np.isfinite(stream.hidden))


def test_a_frame_of_nan_is_silence(vad: SileroVad) -> None:
    assert run(vad, np.full((3, FRAME_SAMPLES), np.nan, np.float32)) == run(
        vad, np.zeros((3, FRAME_SAMPLES), np.float32)
    )


def test_reset_forgets(vad: SileroVad) -> None:
    stream = vad.stream()
    first = [stream.probability(frame) for frame in noise(5)]
    stream.reset()
    assert [stream.probability(frame) for frame in noise(5)] == first


def test_streams_do_not_hear_each_other(vad: SileroVad) -> None:
    alone = run(vad, noise(5))
    stream, other = vad.stream(), vad.stream()
    mixed = []
    for frame, loud in zip(noise(5), noise(5, 0.9, 1), strict=True):
        mixed.append(stream.probability(frame))
        other.probability(loud)
    assert mixed == alone


def test_nobody_is_no_work(vad: SileroVad) -> None:
    assert vad.probabilities([], np.zeros((0, FRAME_SAMPLES), np.float32)).shape == (0,)


def test_wrong_shapes_and_strangers_are_refused(vad: SileroVad) -> None:
    stream = vad.stream()
    with pytest.raises(ValueError, match="shape"):
        stream.probability(np.zeros(100, np.float32))
    with pytest.raises(ValueError, match="once"):
        vad.probabilities([stream, stream], noise(2))

    class Other:
        def probability(self, frame: NDArray[np.float32]) -> float:
            return 0.0

        def reset(self) -> None:
            return None

    with pytest.raises(ValueError, match="detector"):
        vad.probabilities([Other()], noise(1))
    assert isinstance(stream, SileroStream)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        SileroVad(tmp_path / "bad.onnx")
    with pytest.raises(ModelError, match=r"missing\.onnx"):
        SileroVad(tmp_path / "missing.onnx")
