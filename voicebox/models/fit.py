"""Does a model fit this machine: its memory, its disk, and whether it answers in time for speech."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicebox.errors import ModelError
from voicebox.models.catalog import CatalogModel, Role
from voicebox.models.hardware import Hardware, hardware

__all__ = ["Fit", "Speed", "check_memory", "fit"]

Speed = Literal["fast", "fair", "slow"]

_MEMORY_PER_BYTE: dict[Role, float] = {"stt": 0.95, "small": 1.7, "voice": 1.5, "intent": 1.7}
"""Resident memory for each byte on disk, as measured on the models whose `memory_mb` is in the catalog."""

_OTHER_MEMORY = 1.5

# One thread of an AVX2 core: a 1,544 million weight model reads a prompt of 35 tokens in 0.28 s and writes 23 tokens/s
# from 1,117 MB; Whisper tiny and base decode 3 s in about 0.85 ms for each million weights.
_PROMPT_MS_PER_M = 280 / 1544
_BYTES_PER_S = 23 * 1.117e9
_WHISPER_MS_PER_M = 0.85

_FIRST_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")

_SPEECH_TOKENS_PER_S = 5.0
"""What a reply needs in order not to fall behind its own speech."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits, and how fast it would be.

    Args:
        ok: it can be pulled and loaded here.
        problem: why not; or, where `ok`, what may go wrong; empty if nothing.
        memory_mb: what loading it adds, None where nothing is known.
        estimated: whether `memory_mb` follows from the size instead of a measurement.
        speed: for a processor without a GPU. Recognisers: partials keep up with speech easily, just, or not.
            Instruct models: the first words of a reply come within the small tier's time (600 ms), within the mid
            tier's (900 ms), or later. None where it is not known.
    """

    ok: bool
    problem: str
    memory_mb: int | None
    estimated: bool
    speed: Speed | None


def fit(model: CatalogModel, machine: Hardware, *, free_disk: int, installed: bool) -> Fit:
    """Compare a catalog model with a machine.

    Args:
        model: the model.
        machine: what may be used; memory of 0 means that it could not be found out.
        free_disk: bytes free where models live.
        installed: whether it lies there already.
    """
    memory, estimated = _memory_mb(model)
    problem, ok = "", True
    if memory is not None and machine.memory_mb and memory > machine.memory_mb:
        problem, ok = f"needs {_gb(memory)} of memory, {_gb(machine.memory_mb)} here", False
    elif not installed and model.size > free_disk:
        problem, ok = f"needs {_gb(model.size / 1e6)} of disk, {_gb(free_disk / 1e6)} free", False
    elif memory is not None and machine.memory_mb and memory > machine.free_memory_mb:
        problem = f"needs {_gb(memory)} of memory, {_gb(machine.free_memory_mb)} free now"
    return Fit(ok, problem, memory, estimated and memory is not None, None if machine.gpus else _speed(model))


def _memory_mb(model: CatalogModel) -> tuple[int | None, bool]:
    if model.memory_mb is not None:
        return model.memory_mb, False
    if not model.size:
        return None, True
    return round(_MEMORY_PER_BYTE.get(model.role, _OTHER_MEMORY) * model.size / 1e6), True


def _speed(model: CatalogModel) -> Speed | None:
    if model.parameters_m is None:
        return None
    if model.role == "stt":
        ms = _WHISPER_MS_PER_M * model.parameters_m
        return "fast" if ms <= 125 else "fair" if ms <= 250 else "slow"
    if model.role == "small" and model.size:
        ms = _PROMPT_MS_PER_M * model.parameters_m
        keeps_up = _BYTES_PER_S / model.size >= _SPEECH_TOKENS_PER_S
        return "fast" if keeps_up and ms <= 600 else "fair" if keeps_up and ms <= 900 else "slow"
    return None


def _gb(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def check_memory(path: Path, machine: Callable[[], Hardware] = hardware) -> None:
    """Refuse a file that is larger than the memory that this process may use, before an engine opens it.

    A machine with a GPU is let pass: the weights may go there.

    Raises:
        ModelError: it does not fit.
    """
    size_mb = sum(part.stat().st_size for part in _parts(path)) / 2**20
    here = machine()
    if here.memory_mb and size_mb > here.memory_mb and not here.gpus:
        raise ModelError(
            f"{path.name} has {_gb(size_mb)}, more than the {_gb(here.memory_mb)} of memory here",
            cure="Choose a smaller model or quantization: `voicebox models list` shows what fits.",
        )


def _parts(path: Path) -> list[Path]:
    """The file, or all parts of a GGUF that is split (`…-00001-of-00003.gguf`)."""
    split = _FIRST_PART.search(path.name)
    return sorted(path.parent.glob(f"{path.name[: split.start()]}-*-of-{split[1]}.gguf")) if split else [path]
