"""From a trained net to a calibrated, quantized file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voicebox.llm.intent_encoder import EncoderIntentModel
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.train.calibrate import Calibration, calibrate
from voicebox.train.examples import Example, pauses
from voicebox.train.export import Trained, quantize, rewrite_metadata, write_intent_gguf

__all__ = ["finish"]


def finish(
    trained: Trained,
    out: Path,
    *,
    work: Path,
    held: Sequence[Example],
    known: Sequence[Example],
    name: str,
    seed: int,
    rejected: float,
    limits: tuple[float, float] = (0.05, 0.9),
) -> Calibration:
    """Write, quantize, calibrate through llama.cpp; `out` appears whole or not at all.

    Args:
        trained: the model.
        out: the GGUF to write.
        work: folder for what is in between.
        held: examples that calibrate.
        known: the examples that trained it, for what they say about where sentences end.
        name: the model's name.
        seed: of all chance.
        rejected: share of the held-out in-scope texts to be below the threshold.
        limits: lowest and highest threshold.
    """
    plain, small = work / "intent-f32.gguf", work / "intent-q8_0.gguf"
    write_intent_gguf(plain, trained, Calibration().metadata(), name=name)
    quantize(plain, small)
    plain.unlink()
    model = EncoderIntentModel(small)
    try:
        whole = [(example.text, trained.labels[example.label]) for example in held]
        ends = pauses(held, known, len(trained.labels), seed)
        outside = trained.labels.index(OUT_OF_SCOPE)
        rejects = any(example.label == outside for example in known)
        calibration = Calibration()
        if whole:
            calibration = calibrate(model, whole, ends, rejected=rejected, limits=limits, rejects=rejects)
    finally:
        model.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    rewrite_metadata(small, out, calibration.metadata())
    return calibration
