"""Train an intent model on the features of public models: rows of text and intent → a calibrated model."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicebox.llm.features_file import DOCUMENT, Base, FeatureFile
from voicebox.llm.features_intent import FeatureIntentModel
from voicebox.llm.intent_contract import Readout
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.train.base.bases import BaseSpec, parse_bases, prepare
from voicebox.train.base.encode import base_vectors
from voicebox.train.base.head import PENALTIES, HeadData, fit_head
from voicebox.train.base.write import check_target, size, write_model
from voicebox.train.calibrate import Calibration, calibrate
from voicebox.train.examples import Example, hold_out, label_names, make_examples, pauses, prefix_tree
from voicebox.train.rows import DataError, Row

__all__ = ["BaseResult", "BaseSettings", "Progress", "train_from_bases"]

_LIMITS = (0.0, 0.9999)
"""Of the threshold: above it, rounding decides. What is so certain of the held-out texts rejects hardly any of them."""

Progress = Callable[[str, float, str], None]
"""Gets the stage, the share of it that is done, and a word about it."""


@dataclass(frozen=True, slots=True)
class BaseSettings:
    """How to train.

    Args:
        out: a .gguf file for one base, a folder for several.
        work: keeps cut bases and vectors, so that a second training takes seconds.
        beginnings: beginnings of sentences per whole text in training.
        beginning_weight: how much one counts, relative to a whole text.
        holdout: share of the rows that calibrate instead of training.
        rejected: share of held-out in-scope rows that the threshold is to reject.
        seed: of all chance.
        threads: threads of llama.cpp.
        penalties: of the weights; cross-validation chooses.
    """

    out: Path
    work: Path
    beginnings: float = 0.5
    beginning_weight: float = 0.3
    holdout: float = 0.08
    rejected: float = 0.03
    seed: int = 7
    threads: int = 1
    penalties: tuple[float, ...] = PENALTIES


@dataclass(frozen=True, slots=True)
class BaseResult:
    """What came out.

    `held` are the rows that calibrated; `penalty` is the first base's; `shares` say how much each base's logits count;
    `features_s` and `head_s` are processor seconds.
    """

    labels: list[str]
    bases: tuple[BaseSpec, ...]
    trained: int
    held: list[tuple[str, str]]
    calibration: Calibration
    penalty: float
    shares: tuple[float, ...]
    features_s: float
    head_s: float
    size: int


def train_from_bases(
    bases: str | Sequence[BaseSpec], rows: Sequence[Row], settings: BaseSettings, progress: Progress
) -> BaseResult:
    """Train on the rows whose split is train, and write the model, whole or not at all.

    Raises:
        ConfigError: the bases or the name of the file make no sense.
        DataError: nothing can be learned from the rows.
        ModelError: a base is not pulled, damaged, or gives no features.
    """
    specs = tuple(parse_bases(bases) if isinstance(bases, str) else bases)
    check_target(settings.out, len(specs))
    labels = label_names(rows)
    examples = make_examples((row for row in rows if row.split == "train"), labels)
    if len({example.label for example in examples}) < 2:
        raise DataError("All rows that train have the same intent", cure="Add rows of another intent.")
    fitted, held = hold_out(examples, settings.holdout, settings.seed)
    began = time.process_time()
    files: list[Path] = []
    for spec in specs:
        progress("bases", len(files) / len(specs), spec.name)
        files.append(prepare(spec, settings.work))
    texts, data = _texts(fitted, len(labels), settings)
    parts = [
        base_vectors(
            file, texts, name=spec.name, threads=settings.threads, progress=lambda n, s: progress("features", s, n)
        )
        for spec, file in zip(specs, files, strict=True)
    ]
    features_s = time.process_time() - began
    progress("head", 0.0, f"{len(texts)} texts")
    began = time.process_time()
    head = fit_head(replace(data, vectors=tuple(parts)), penalties=settings.penalties, seed=settings.seed)
    document = FeatureFile(
        readout=Readout(tuple(labels), 1.0, 1.0, 0.0),
        bases=tuple(
            Base(spec.name, f"{spec.name}.gguf" if len(specs) > 1 else "", part.shape[1])
            for spec, part in zip(specs, parts, strict=True)
        ),
        head=head.matrix,
    )
    progress("calibration", 0.0, f"{len(held)} texts")
    named = [(example.text, labels[example.label]) for example in held]
    ends = pauses(held, fitted, len(labels), settings.seed, most=600)
    rejects = any(labels[example.label] == OUT_OF_SCOPE for example in fitted)
    calibration = _calibrate(document, files, named, ends, settings, rejects=rejects)
    readout = Readout(tuple(labels), calibration.temperature, calibration.complete_temperature, calibration.threshold)
    write_model(settings.out, replace(document, readout=readout), files)
    progress("calibration", 1.0, "")
    return BaseResult(
        labels=labels,
        bases=specs,
        trained=len(fitted),
        held=named,
        calibration=calibration,
        penalty=head.penalties[0],
        shares=head.shares,
        features_s=features_s,
        head_s=time.process_time() - began,
        size=size(settings.out),
    )


def _texts(fitted: Sequence[Example], labels: int, settings: BaseSettings) -> tuple[list[str], HeadData]:
    """Whole texts and beginnings, with what they are worth; `vectors` is still empty."""
    tree, paths = prefix_tree(fitted, labels)
    rng = random.Random(settings.seed)
    texts: list[str] = []
    targets: list[NDArray[np.float32]] = []
    complete, weights, whole, group = [], [], [], []
    one = np.eye(labels, dtype=np.float32)

    def add(text: str, target: NDArray[np.float32], end: float, weight: float, index: int, is_whole: bool) -> None:
        texts.append(text)
        targets.append(target)
        complete.append(end)
        weights.append(weight)
        whole.append(is_whole)
        group.append(index)

    for index, (example, path) in enumerate(zip(fitted, paths, strict=True)):
        words = example.text.split()
        add(example.text, one[example.label], tree.complete(path), example.weight, index, True)
        if len(words) > 1 and rng.random() < settings.beginnings:
            cut = rng.randrange(1, len(words))
            beginning = path[: cut + 1]
            add(
                " ".join(words[:cut]),
                np.array(tree.distribution(beginning), np.float32),
                tree.complete(beginning),
                settings.beginning_weight * example.weight,
                index,
                False,
            )
    data = HeadData(
        vectors=(),
        labels=np.stack(targets),
        complete=np.array(complete, np.float32),
        weights=np.array(weights, np.float32),
        whole=np.array(whole, np.bool_),
        group=np.array(group, np.intp),
    )
    return texts, data


def _calibrate(
    document: FeatureFile,
    files: Sequence[Path],
    held: Sequence[tuple[str, str]],
    ends: Sequence[tuple[str, float]],
    settings: BaseSettings,
    *,
    rejects: bool,
) -> Calibration:
    """Temperatures and threshold, through the engine that the server runs."""
    if not held:
        return Calibration()
    with tempfile.TemporaryDirectory(prefix="voicebox-bases-") as name:
        folder = Path(name)
        linked = tuple(replace(base, file=f"{base.name}.gguf") for base in document.bases)
        for base, file in zip(linked, files, strict=True):
            (folder / base.file).symlink_to(file.resolve())
        (folder / DOCUMENT).write_text(replace(document, bases=linked).text(), encoding="utf-8")
        model = FeatureIntentModel(folder, threads=settings.threads)
        try:
            return calibrate(model, held, ends, rejected=settings.rejected, limits=_LIMITS, rejects=rejects)
        finally:
            model.close()
