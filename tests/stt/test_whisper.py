from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.stt.stream import normalize
from voicebox.stt.types import SAMPLE_RATE, Clip
from voicebox.stt.whisper import Tuning, WhisperRecognizer

pytestmark = pytest.mark.models
Say = Callable[[str], NDArray[np.float32]]

SENTENCES = [
    "What time is it?",
    "Please turn on the light in the kitchen.",
    "Set a timer for ten minutes.",
    "I would like a large coffee with milk.",
]


@pytest.fixture(scope="module")
def whisper(require_model: Callable[[str], Path]) -> WhisperRecognizer:
    return WhisperRecognizer(require_model("whisper-tiny.en"), "whisper-tiny.en", device="cpu")


@pytest.fixture(scope="module")
def base(require_model: Callable[[str], Path]) -> WhisperRecognizer:
    return WhisperRecognizer(require_model("whisper-base"), "whisper-base", device="cpu", language="auto")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_it_hears_what_is_said_and_says_it_once(whisper: WhisperRecognizer, say: Say, sentence: str) -> None:
    audio = say(sentence)
    (heard,) = whisper.decode([Clip(audio)])
    assert normalize(heard.text) == normalize(sentence)
    assert not heard.rejected
    assert heard.raw_text == heard.text
    assert heard.language == "en"
    assert heard.audio_s == pytest.approx(len(audio) / SAMPLE_RATE)
    assert -0.7 < heard.avg_logprob < 0
    assert heard.decode_ms > 0


def test_a_batch_of_all_kinds_keeps_its_order(whisper: WhisperRecognizer, say: Say) -> None:
    clips = [Clip(say(s), beam=1 + i % 2, prompt="Turn off the light." * (i % 2)) for i, s in enumerate(SENTENCES)]
    clips.insert(2, Clip(np.zeros(SAMPLE_RATE, np.float32)))
    heard = whisper.decode(clips)
    expected = [*SENTENCES[:2], "", *SENTENCES[2:]]
    assert [normalize(h.text) for h in heard] == [normalize(s) for s in expected]
    assert whisper.decode([]) == []


def test_silence_and_nonsense_samples_are_no_speech(whisper: WhisperRecognizer) -> None:
    silent = [np.zeros(n, np.float32) for n in (0, 1, 160, 40 * SAMPLE_RATE)]
    silent.append(np.full(1_600, np.nan, np.float32))
    silent.append(np.full(1_600, np.inf, np.float32))
    for heard in whisper.decode([Clip(audio) for audio in silent]):
        assert heard.rejected
        assert heard.text == ""


@pytest.mark.parametrize("seconds", [0.01, 0.5, 3.0])
def test_noise_is_no_speech(whisper: WhisperRecognizer, seconds: float) -> None:
    noise = 0.05 * np.random.default_rng(3).standard_normal(int(seconds * SAMPLE_RATE)).astype(np.float32)
    (heard,) = whisper.decode([Clip(noise)])
    assert heard.rejected
    assert heard.text == ""


def test_speech_survives_bad_samples(whisper: WhisperRecognizer, say: Say) -> None:
    audio = say(SENTENCES[2]).copy()
    audio[100] = np.nan
    audio[200] = -np.inf
    (heard,) = whisper.decode([Clip(audio)])
    assert normalize(heard.text) == normalize(SENTENCES[2])
    assert np.isnan(audio[100]), "the caller's audio is not touched"


def test_a_recording_beyond_the_window_is_heard_to_its_end(whisper: WhisperRecognizer, say: Say) -> None:
    story = [
        "My brother bought a new house near the river.",
        "The weather was cold and wet all winter.",
        "We had dinner with our friends last night.",
        "The children are playing football in the park.",
    ]
    gap = np.zeros(SAMPLE_RATE // 2, np.float32)
    audio = np.concatenate([piece for _ in range(4) for s in story for piece in (say(s), gap)])
    assert len(audio) > 32 * SAMPLE_RATE
    (heard,) = whisper.decode([Clip(audio, word_times=True)])
    words = normalize(heard.text).split()
    assert [words.count(w) for w in ("river", "winter", "friends", "football")] == [4] * 4
    assert words[-1] == "park"
    starts = [word.start_s for word in heard.words]
    assert starts == sorted(starts)
    assert starts[-1] > len(audio) / SAMPLE_RATE - 2


@pytest.mark.parametrize("per_second", [0.5, 2.0, 8.0])
def test_the_size_of_a_pass_does_not_change_the_text(
    require_model: Callable[[str], Path], say: Say, per_second: float
) -> None:
    tuning = Tuning(tokens_per_s=per_second)
    recognizer = WhisperRecognizer(require_model("whisper-tiny.en"), "tiny", device="cpu", tuning=tuning)
    for heard, sentence in zip(recognizer.decode([Clip(say(s)) for s in SENTENCES]), SENTENCES, strict=True):
        assert normalize(heard.text) == normalize(sentence)


def test_a_sentence_that_is_said_again_later_is_kept(whisper: WhisperRecognizer, say: Say) -> None:
    gap = np.zeros(SAMPLE_RATE * 3 // 4, np.float32)
    sentence = say(SENTENCES[1])
    (heard,) = whisper.decode([Clip(np.concatenate([sentence, gap, sentence, gap]))])
    assert normalize(heard.text) == " ".join([normalize(SENTENCES[1])] * 2)


def test_words_have_times_in_order_within_the_clip(whisper: WhisperRecognizer, say: Say) -> None:
    audio = say(SENTENCES[1])
    lead = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), audio])
    (heard,) = whisper.decode([Clip(lead, word_times=True)])
    assert " ".join(word.text for word in heard.words) == heard.text
    assert all(0 <= w.start_s <= w.end_s <= len(lead) / SAMPLE_RATE for w in heard.words)
    assert all(a.start_s <= b.start_s for a, b in zip(heard.words, heard.words[1:], strict=False))
    assert heard.words[1].start_s > 0.8
    assert all(0 < w.probability <= 1 for w in heard.words)
    assert whisper.decode([Clip(lead)])[0].words == ()


def test_a_prompt_decides_between_spellings(whisper: WhisperRecognizer, say: Say) -> None:
    audio = say("My favorite color is gray.")
    prompts = ("My favourite colour is grey, said the neighbour.", "My favorite color is gray, said the neighbor.")
    british, american = [whisper.decode([Clip(audio, prompt=prompt)])[0].text for prompt in prompts]
    assert british == "My favourite colour is grey."
    assert american == "My favorite color is gray."


def test_a_prompt_longer_than_the_model_takes_is_cut(whisper: WhisperRecognizer, say: Say) -> None:
    (heard,) = whisper.decode([Clip(say(SENTENCES[0]), prompt="A small latte with oat milk. " * 200)])
    assert normalize(heard.text) == normalize(SENTENCES[0])


def test_a_multilingual_model_tells_the_language(base: WhisperRecognizer, say: Say) -> None:
    (heard,) = base.decode([Clip(say(SENTENCES[1]), word_times=True)])
    assert heard.language == "en"
    assert normalize(heard.text) == normalize(SENTENCES[1])
    assert heard.words


def test_what_cannot_be_loaded_is_named(require_model: Callable[[str], Path], tmp_path: Path) -> None:
    good = require_model("whisper-tiny.en")
    with pytest.raises(ModelError, match=r"mine has no model\.bin"):
        WhisperRecognizer(tmp_path, "mine")
    for file in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / file).write_bytes((good / file).read_bytes())
    (tmp_path / "model.bin").write_bytes((good / "model.bin").read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match=r"mine cannot be loaded: .* is cut off"):
        WhisperRecognizer(tmp_path, "mine", device="cpu")
    (tmp_path / "model.bin").write_bytes((good / "model.bin").read_bytes())
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json is no tokenizer"):
        WhisperRecognizer(tmp_path, "mine", device="cpu")
    with pytest.raises(EngineError, match="float99"):
        WhisperRecognizer(good, "whisper-tiny.en", device="cpu", compute_type="float99")
    with pytest.raises(ModelError, match="only English"):
        WhisperRecognizer(good, "whisper-tiny.en", device="cpu", language="de")


def test_an_unknown_language_is_refused(require_model: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="xx"):
        WhisperRecognizer(require_model("whisper-base"), "whisper-base", device="cpu", language="xx")


def test_a_gpu_that_does_not_work_leaves_the_cpu(
    require_model: Callable[[str], Path], say: Say, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = ctranslate2.models.Whisper

    def no_cuda(path: str, device: str, **options: Any) -> Any:
        if device == "cuda":
            raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")
        return real(path, device=device, **options)

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(ctranslate2.models, "Whisper", no_cuda)
    model = require_model("whisper-tiny.en")
    recognizer = WhisperRecognizer(model, "tiny", device="auto")
    assert recognizer.device == "cpu"
    assert "libcublas" in caplog.text
    assert normalize(recognizer.decode([Clip(say(SENTENCES[0]))])[0].text) == normalize(SENTENCES[0])
    with pytest.raises(EngineError, match="libcublas"):
        WhisperRecognizer(model, "tiny", device="cuda")
