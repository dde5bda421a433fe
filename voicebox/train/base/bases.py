"""The public models whose features an intent model can stand on, by name, and each made ready for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from voicebox.errors import ConfigError, ModelError
from voicebox.llm.gguf_header import header_string
from voicebox.models.catalog import catalog
from voicebox.models.store import locate
from voicebox.train.base.bert import bert_gguf, is_bert_folder
from voicebox.train.base.quantize import quantize
from voicebox.train.base.surgery import DECODERS, cut_gguf

__all__ = ["BASES", "BaseSpec", "parse_bases", "prepare"]

_WEIGHTS = "q8_0"
"""On AVX2 twice as fast as 4-bit K-quants at a dozen tokens, and the same vectors to 4 digits."""
_VERSION = 1
"""Raise it when `prepare` writes other files: cached ones are then made again."""


@dataclass(frozen=True, slots=True)
class BaseSpec:
    """A base: `name` for people, `model` a catalog name or a path, `layers` to keep (None: all, for an encoder).

    `licence` is that of the weights, empty where it is not known: a trained model is made from them.
    """

    name: str
    model: str
    layers: int | None
    licence: str = ""


BASES = {
    spec.name: spec
    for spec in (
        BaseSpec("minilm", "all-minilm-l6-v2", None, "Apache-2.0"),
        BaseSpec("smollm2-135m", "smollm2-135m-instruct-q4_1", 10, "Apache-2.0"),
        BaseSpec("qwen2.5-1.5b", "qwen2.5-coder-1.5b-instruct-q4_k_m", 3, "Apache-2.0"),
        BaseSpec("gemma-3-270m", "gemma-3-270m-q4_k_m", 6, "Gemma"),
    )
}
"""Layers: chosen by cross-validation on CLINC150's training rows, see docs/models-bases.md."""
_DEFAULT_LAYERS = 8
"""Of a model that was not tried."""


def parse_bases(text: str) -> list[BaseSpec]:
    """`minilm,smollm2-135m@8,own.gguf@4`: names of `BASES` or files, each with the number of layers if that is chosen.

    Raises:
        ConfigError: no base is named, one twice, or what stands behind an @ is no number.
    """
    specs: list[BaseSpec] = []
    for part in (piece.strip() for piece in text.split(",")):
        if not part:
            continue
        name, at, layers = part.rpartition("@")
        if not at:
            name, layers = part, ""
        if at and not (layers.isdigit() and int(layers) > 0):
            raise ConfigError(f"--base {part}: {layers!r} is no number of layers")
        known = BASES.get(name)
        if known is not None:
            chosen = int(layers) if layers else known.layers
            spec = BaseSpec(known.name, known.model, chosen, known.licence)
        else:
            licence = catalog().get(name).licence if name in catalog() else ""
            stem = name if name in catalog() else Path(name).stem
            spec = BaseSpec(stem, name, int(layers) if layers else _DEFAULT_LAYERS, licence)
        specs.append(spec)
    if not specs:
        raise ConfigError("--base names no model", cure=f"Name one of {', '.join(BASES)}, or a GGUF file.")
    names = [spec.name for spec in specs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"--base names {twice} twice")
    return specs


def prepare(spec: BaseSpec, folder: Path) -> Path:
    """The base's GGUF, cut and in 8 bits, in `folder`; made if it is not there.

    Raises:
        ModelError: the model is not pulled, damaged, or of a kind that gives no features.
    """
    source = locate(spec.model)
    if source.is_dir() and not is_bert_folder(source):
        raise ModelError(
            f"{source} is no base: it lacks config.json, model.safetensors or vocab.txt",
            cure="Name a GGUF file, or the folder of a BERT sentence encoder.",
        )
    digest = hashlib.sha256(f"{_VERSION} {_stamp(source)} {spec.layers} {_WEIGHTS}".encode()).hexdigest()[:12]
    target = folder / f"{spec.name}-{digest}.gguf"
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / f".{target.name}.raw"
    try:
        if source.is_dir():
            bert_gguf(source, raw)
        else:
            architecture = header_string(source, "general.architecture")
            if architecture == "bert":
                quantize(source, target, _WEIGHTS)
                return target
            if architecture not in DECODERS:
                raise ModelError(
                    f"{source} is of architecture {architecture!r}, which gives no features",
                    cure=f"Take one of bert, {', '.join(DECODERS)}.",
                )
            cut_gguf(source, raw, spec.layers or _DEFAULT_LAYERS)
        quantize(raw, target, _WEIGHTS)
    finally:
        raw.unlink(missing_ok=True)
    return target


def _stamp(source: Path) -> str:
    """Changes when the model's files do."""
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    return " ".join(f"{f.resolve()} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files)
