"""What an engine opens for a name or an own path, checked as far as that is possible without opening it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from voicebox.errors import ModelError
from voicebox.models.catalog import Role, catalog
from voicebox.models.fit import check_memory
from voicebox.models.store import is_catalog_name, locate

__all__ = ["EngineRole", "check_role", "locate_for"]

EngineRole = Literal["stt", "small", "intent", "turn"]

_ROLES: dict[Role, tuple[Role, ...]] = {"small": ("small", "base"), "intent": ("intent", "small", "base")}
"""Roles of the catalog that can take a role: any GGUF can be tried as an instruct or intent model."""

_WORDS: dict[Role, str] = {
    "stt": "a recogniser",
    "small": "an instruct model",
    "voice": "a voice",
    "intent": "an intent model",
    "turn": "a turn model",
}
_TORCH = ("model.safetensors", "pytorch_model.bin", "model.pt")
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")


def check_role(role: EngineRole, name_or_path: str | Path) -> None:
    """Refuse a name of the catalog that cannot take a role, pulled or not.

    Raises:
        ModelError: it is a model of another kind.
    """
    if is_catalog_name(name_or_path):
        model = catalog().get(str(name_or_path))
        if model.role not in _ROLES.get(role, (role,)):
            raise ModelError(
                f"{model.name} is {_WORDS.get(model.role, f'a model of the role {model.role}')}, not {_WORDS[role]}",
                cure=f"`voicebox models list --role {role}` shows those there are.",
            )


def locate_for(role: EngineRole, name_or_path: str | Path) -> Path:
    """As `store.locate`, for an engine of a role: the folder of a recogniser, the GGUF file of a language model.

    A folder stands for the one GGUF file in it, model.bin for its folder. An intent model may be a folder of its own.
    Voices: see `voicebox.models.voices`.

    Raises:
        ModelError: it is not here, is for another role, has another format, lacks a file, or is larger than memory.
    """
    check_role(role, name_or_path)
    path = locate(name_or_path)
    if role == "stt":
        return _whisper_folder(path)
    if role == "turn" or (role == "intent" and path.is_dir()):
        return path
    path = _gguf_file(path)
    check_memory(path)
    return path


def _whisper_folder(path: Path) -> Path:
    if path.name == "model.bin" and path.is_file():
        path = path.parent
    if not path.is_dir():
        raise ModelError(
            f"{path} is a file; a recogniser is a folder with model.bin, config.json, tokenizer.json and a vocabulary",
            cure="Convert a Whisper checkpoint with ct2-transformers-converter, and name the folder.",
        )
    if not (path / "model.bin").is_file():
        found = next((file for file in _TORCH if (path / file).is_file()), None)
        raise ModelError(
            f"{path} holds no Whisper model in CTranslate2's format: it has "
            + (f"{found} instead of model.bin" if found else "no model.bin"),
            cure="Convert the checkpoint with ct2-transformers-converter." if found else "Check the path.",
        )
    for names in (("config.json",), ("tokenizer.json",), ("vocabulary.json", "vocabulary.txt")):
        if not any((path / name).is_file() for name in names):
            raise ModelError(
                f"The Whisper model in {path} has no {' or '.join(names)}",
                cure="Copy the file that belongs to the model there.",
            )
    return path


def _gguf_file(path: Path) -> Path:
    if path.is_dir():
        found = [item for item in sorted(path.glob("*.gguf")) if not _LATER_PART.search(item.name)]
        if not found and any((path / file).is_file() for file in _TORCH):
            raise ModelError(
                f"{path} holds a model that is not in GGUF format",
                cure="Convert it with llama.cpp's convert_hf_to_gguf.py.",
            )
        if len(found) != 1:
            names = ", ".join(item.name for item in found)
            raise ModelError(
                f"{path} holds {f'several models ({names})' if found else 'no GGUF file'}", cure="Name the file."
            )
        path = found[0]
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror or error}") from error
    if begin != b"GGUF":
        raise ModelError(f"{path} is not a GGUF file", cure="Check the path, or pull the model again.")
    return path
