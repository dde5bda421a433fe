"""Writes an intent model on base features: one GGUF, or a folder (see `voicebox/llm/features_file.py`)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from voicebox.errors import ConfigError
from voicebox.llm.features_file import DOCUMENT, FEATURES_VERSION, KEY_FEATURES, FeatureFile
from voicebox.llm.intent_text import KEY_VERSION
from voicebox.train.base.surgery import add_strings

__all__ = ["check_target", "size", "write_model"]


def check_target(out: Path, bases: int) -> None:
    """Refuse a name that does not fit what will be written.

    Raises:
        ConfigError: a GGUF file for several bases, another file for one, or a folder that holds something else.
    """
    if bases > 1 and (out.suffix == ".gguf" or out.is_file()):
        raise ConfigError(
            f"A model with {bases} bases is a folder, not the file {out}", cure=f"Name {out.with_suffix('')}."
        )
    if bases == 1 and (out.suffix != ".gguf" or out.is_dir()):
        raise ConfigError(f"A model with one base is a .gguf file, not {out}", cure=f"Name {out.with_suffix('.gguf')}.")
    if out.is_dir() and any(out.iterdir()) and not (out / DOCUMENT).is_file():
        raise ConfigError(f"The folder {out} holds something else", cure="Name a new folder.")


def write_model(out: Path, document: FeatureFile, bases: Sequence[Path]) -> None:
    """Write `out`, whole or not at all. `bases` are prepared GGUFs, in the order of the document's."""
    if len(bases) == 1:
        add_strings(bases[0], out, {KEY_VERSION: FEATURES_VERSION, KEY_FEATURES: document.text()})
        return
    new = out.with_name(f".{out.name}.part")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        for base, source in zip(document.bases, bases, strict=True):
            shutil.copyfile(source, new / base.file)
        (new / DOCUMENT).write_text(document.text(), encoding="utf-8")
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            out.rename(old)
        new.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def size(out: Path) -> int:
    """Bytes of a model."""
    return sum(f.stat().st_size for f in out.iterdir() if f.is_file()) if out.is_dir() else out.stat().st_size
