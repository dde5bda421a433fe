from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vad.dummy_turn import write_turn_model
from voicebox.errors import EngineError, ModelError
from voicebox.vad.smart_turn import SmartTurn, TurnVoter

RATE = 16_000


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SmartTurn:
    return SmartTurn(write_turn_model(tmp_path_factory.mktemp("turn") / "turn.onnx"))


def noise(seconds: float, level: float = 0.1) -> NDArray[np.float32]:
    return (level * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), np.float32)


def test_the_end_of_the_turn_is_the_end_of_the_window_however_short_the_turn(model: SmartTurn) -> None:
    loud = [model.probability(noise(seconds)) for seconds in (0.3, 1.0, 8.0, 20.0)]
    assert min(loud) > 0.6
    assert model.probability(np.concatenate((noise(1.0), silence(2.0)))) < 0.5


def test_only_the_last_eight_seconds_count(model: SmartTurn) -> None:
    end = noise(8.0)
    assert model.probability(np.concatenate((noise(5.0, 0.9), end))) == model.probability(end)


def test_how_loud_the_speaker_is_does_not_matter(model: SmartTurn) -> None:
    assert model.probability(noise(4.0, 0.01)) == pytest.approx(model.probability(noise(4.0, 0.5)), abs=0.01)


def test_bad_samples_count_as_silence(model: SmartTurn) -> None:
    audio = noise(2.0)
    quiet = audio.copy()
    audio[100:200], quiet[100:200] = np.nan, 0.0
    audio[300], quiet[300] = np.inf, 0.0
    assert model.probability(audio) == model.probability(quiet)
    assert 0.0 <= model.probability(silence(0.0)) <= 1.0


def test_what_is_no_turn_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="voicebox models pull smart-turn"):
        SmartTurn(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match="no Smart Turn model"):
        SmartTurn(tmp_path / "text.onnx")
    with pytest.raises(ModelError, match="no Smart Turn v3 model"):
        SmartTurn(write_turn_model(tmp_path / "named.onnx", input_name="audio"))
    with pytest.raises(ModelError, match="no Smart Turn v3 model"):
        SmartTurn(write_turn_model(tmp_path / "sized.onnx", frames=3000))


class Gate:
    """A model that answers once it is let, with the length of what it heard."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.began = threading.Event()
        self.heard: list[int] = []
        self.threads: set[str] = set()

    def probability(self, audio: NDArray[np.float32]) -> float:
        self.began.set()
        self.open.wait(10)
        self.heard.append(len(audio))
        self.threads.add(threading.current_thread().name)
        return 0.5


def voter(gate: Gate, most: int = 16) -> TurnVoter:
    return TurnVoter(gate, most=most)  # type: ignore[arg-type]


def test_votes_come_from_a_thread_of_their_own() -> None:
    gate = Gate()
    gate.open.set()
    votes = voter(gate)
    assert votes.submit(silence(1.0), session="a").result(10) == 0.5
    votes.close()
    assert gate.threads == {"smart-turn_0"}


def test_a_newer_question_takes_the_place_of_the_sessions_older_one() -> None:
    gate = Gate()
    votes = voter(gate)
    running = votes.submit(np.zeros(1, np.float32), session="a")
    assert gate.began.wait(10)
    older = votes.submit(np.zeros(2, np.float32), session="b")
    newer = votes.submit(np.zeros(3, np.float32), session="b")
    assert older.cancelled()
    gate.open.set()
    assert (running.result(10), newer.result(10)) == (0.5, 0.5)
    votes.close()
    assert gate.heard == [1, 3]


def test_too_many_questions_are_refused_and_the_session_can_ask_again_later() -> None:
    gate = Gate()
    votes = voter(gate, most=1)
    first = votes.submit(silence(0.1), session="a")
    with pytest.raises(EngineError, match="too much to do"):
        votes.submit(silence(0.1), session="b")
    gate.open.set()
    first.result(10)
    assert votes.submit(silence(0.1), session="b").result(10) == 0.5
    votes.close()


def test_closing_cancels_what_waits_and_refuses_what_comes() -> None:
    gate = Gate()
    votes = voter(gate)
    votes.submit(silence(0.1), session="a")
    assert gate.began.wait(10)
    waiting = votes.submit(silence(0.1), session="b")
    closing = threading.Thread(target=votes.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(10)
    gate.open.set()
    closing.join(10)
    votes.close()
    with pytest.raises(EngineError, match="closed"):
        votes.submit(silence(0.1), session="c")
