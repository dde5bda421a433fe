"""Fixtures that every part's tests share."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

# As the commands do, before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from numpy.typing import NDArray

from tests import frames
from voicebox.models import store
from voicebox.models.catalog import catalog

frames.watch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the frames of all tests comes after them."""
    items.sort(key=lambda item: item.path.name == "test_frames.py")


@pytest.fixture(autouse=True)
def _logs_stay_on() -> Iterator[None]:
    """A test that turns logs off for all that follow would fail them, far from the cause: it fails itself."""
    yield
    quiet, level = logging.root.manager.disable, logging.getLogger("voicebox").level
    logging.disable(logging.NOTSET)
    logging.getLogger("voicebox").setLevel(logging.NOTSET)
    assert (quiet, level) == (logging.NOTSET, logging.NOTSET), "this test has left the logs off"


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of the pulled models: `VOICEBOX_MODELS_DIR` or the user's data directory."""
    return store.models_dir()


@pytest.fixture(scope="session")
def require_model() -> Callable[[str], Path]:
    """Give the path that an engine opens for a model's name.

    A model that is missing fails the test, because `make test` pulls all that tests need: a skipped test would
    hide that. Only the large instruct model is skipped where it is not installed.
    """

    def require(name: str) -> Path:
        if store.installed(name):
            return store.locate(name)
        model = catalog().get(name)
        if model.role == "small" and model.group == "converse":
            pytest.skip(f"{name} is not installed: voicebox models pull {name}")
        if model.shipped is not None:
            pytest.fail(f"{model.shipped} is missing from models/: docs/models-training.md says how it is made")
        pytest.fail(f"{name} is missing from {store.models_dir()}: run `voicebox models pull {name}` or `make test`")

    return require


@pytest.fixture(scope="session")
def say(require_model: Callable[[str], Path]) -> Callable[[str], NDArray[np.float32]]:
    """Speak a text with Piper: mono float32 at 16 kHz, shape `(samples,)`, the same samples every time, cached."""
    import onnxruntime
    from piper.config import PiperConfig, SynthesisConfig
    from piper.voice import PiperVoice

    from voicebox.audio.phonemes import ESPEAK_LOCK
    from voicebox.audio.resample import resample

    path = require_model("piper-en_US-joe-medium")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    config = PiperConfig.from_dict(json.loads(Path(f"{path}.json").read_text(encoding="utf-8")))
    session = onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    voice = PiperVoice(session=session, config=config)
    # Without noise the voice is flat, but every run hears the same samples.
    flat = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)

    @lru_cache(maxsize=256)
    def speak(text: str) -> NDArray[np.float32]:
        with ESPEAK_LOCK:
            chunks = [chunk.audio_float_array for chunk in voice.synthesize(text, syn_config=flat)]
        audio = resample(np.concatenate(chunks).astype(np.float32), config.sample_rate, 16_000)
        audio.setflags(write=False)
        return audio

    return speak


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody else has signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *words.split(), *names, *files], check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"
