"""Which intent model `auto` takes: the largest that knows the skills and is fast enough on this machine."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicebox.errors import VoiceboxError
from voicebox.llm.features_file import DOCUMENT
from voicebox.llm.open_intent import open_intent_model

__all__ = ["BUDGET_MS", "MeasuredIntent", "choose_intent", "intent_models", "measure_intent"]

_log = logging.getLogger(__name__)

BUDGET_MS = 60.0
"""What a text may take at one thread, in the median: every partial is scored, four a second."""
_PROBES = (
    "set a timer for ten minutes",
    "what is the weather going to be like in paris tomorrow",
    "turn it off",
    "could you please tell me how many ounces there are in two and a half cups",
    "stop",
)
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class MeasuredIntent:
    """A model, its size, what it knows and what a text takes in the median."""

    path: Path
    bytes: int
    labels: frozenset[str]
    ms: float


def intent_models(folder: Path) -> list[Path]:
    """The models in a folder: GGUF files, and folders of models with several bases. None where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if (path.suffix == ".gguf" and path.is_file()) or (path / DOCUMENT).is_file()
    )


def measure_intent(path: Path, *, threads: int = 1) -> MeasuredIntent:
    """Open a model and time texts of a few lengths, one after another.

    Raises:
        ModelError: it is damaged or no intent model.
        EngineError: it failed.
    """
    model = open_intent_model(path, max_sessions=2, threads=threads)
    try:
        times = []
        for turn in range(_ROUNDS):
            for text in _PROBES:
                began = time.perf_counter()
                model.score(text, session="probe").result()
                model.release("probe")
                if turn:  # The first texts read the weights from the disk.
                    times.append((time.perf_counter() - began) * 1000)
        files = list(path.iterdir()) if path.is_dir() else [path]
        size = sum(file.stat().st_size for file in files if file.is_file())
        return MeasuredIntent(path, size, frozenset(model.labels), statistics.median(times))
    finally:
        model.close()


def choose_intent(
    paths: Sequence[Path], shipped: Path, intents: Collection[str], *, threads: int = 1, budget_ms: float = BUDGET_MS
) -> Path:
    """The largest of `paths` that is fast enough and knows the intents that the shipped model knows; else the shipped.

    Larger models of one training are better (docs/models-bases.md). What cannot be used is named in the log.

    Args:
        paths: candidates.
        shipped: what is taken if none fits.
        intents: names of the skills' intents.
        threads: threads that the model will have.
        budget_ms: what a text may take.

    Raises:
        ModelError: the shipped model cannot be opened.
    """
    if not paths:
        return shipped
    needed = measure_intent(shipped, threads=threads).labels & set(intents)
    fit: list[MeasuredIntent] = []
    for path in paths:
        try:
            measured = measure_intent(path, threads=threads)
        except VoiceboxError as error:
            _log.warning("Not considered as intent model: %s", error)
            continue
        missing = sorted(needed - measured.labels)
        if missing:
            _log.warning("%s is not considered: it does not know the intent %s", path, missing[0])
        elif measured.ms > budget_ms:
            _log.info("%s is too slow here: %.0f ms per text, %.0f may be", path, measured.ms, budget_ms)
        else:
            fit.append(measured)
    if not fit:
        return shipped
    best = max(fit, key=lambda measured: measured.bytes)
    _log.info("Intent model: %s, %.1f ms per text", best.path, best.ms)
    return best.path
