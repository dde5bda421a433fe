"""An intent model on the features of public models: vectors by llama.cpp, one matrix for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebox.errors import ModelError
from voicebox.llm.features import FeatureModel
from voicebox.llm.features_file import FeatureFile, joined
from voicebox.llm.intent_contract import CURE
from voicebox.llm.intent_queue import QueuedIntentModel, TextJob

__all__ = ["FeatureIntentModel"]


class FeatureIntentModel(QueuedIntentModel[str]):
    """A model that `voicebox train intent --base` wrote (see `features_file.py`), implementing `IntentModel`.

    A text that nobody waits for any more is dropped before the next base. A text longer than 96 tokens is judged by its
    last words.

    Args:
        path: the GGUF file or the folder.
        max_sessions: texts that may wait at the same time.
        threads: threads of a decode; keep 1 unless nothing else runs on the machine.

    Raises:
        ModelError: it is missing, damaged, not such a model, or its head does not fit its bases.
    """

    def __init__(self, path: Path, *, max_sessions: int = 64, threads: int = 1) -> None:
        self._file = FeatureFile.read(path)
        self._bases: list[FeatureModel] = []
        try:
            for base, file in zip(self._file.bases, self._file.files(path), strict=True):
                self._bases.append(FeatureModel(file, threads=threads))
                if self._bases[-1].width != base.width:
                    raise ModelError(
                        f"{file} gives vectors of {self._bases[-1].width} numbers, "
                        f"the head of {path} wants {base.width}",
                        cure=CURE,
                    )
        except BaseException:
            self._free()
            raise
        super().__init__(path.stem, self._file.readout, max_sessions=max_sessions)

    def _prepare(self, text: str) -> str:
        return text

    def _compute(self, jobs: Sequence[TextJob[str]]) -> None:
        live = list(jobs)
        parts: list[NDArray[np.float32]] = []
        for base in self._bases:
            kept = [index for index, job in enumerate(live) if not job.future.cancelled()]
            live = [live[index] for index in kept]
            if not live:
                return
            parts = [part[kept] for part in parts]
            parts.append(base.encode([job.prepared for job in live]))
        vectors = joined(parts)
        self._answer(live, self._file.logits(vectors), vectors)

    def _free(self) -> None:
        for base in self._bases:
            base.close()
