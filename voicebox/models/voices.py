"""The voices among the models on this machine."""

from __future__ import annotations

from pathlib import Path

from voicebox.errors import ModelError
from voicebox.models import store
from voicebox.models.catalog import catalog

__all__ = ["installed_voices", "locate_voice"]


def locate_voice(name: str) -> Path:
    """What opens a voice: the `.onnx` file of a voice of the catalog, an own file or folder, or an own folder among the
    models.

    Raises:
        ModelError: there is none of that name, it is not pulled, or the name is that of another kind of model.
    """
    known = catalog()
    if name in known and (role := known.get(name).role) != "voice":
        raise ModelError(f"{name} is no voice: its role is {role}", cure="`voicebox models list` shows the voices.")
    return store.locate(name)


def installed_voices() -> tuple[str, ...]:
    """Names of the voices that are here: those of the catalog, then own folders among the models."""
    known = catalog()
    names = [model.name for model in known.by_role("voice") if store.installed(model.name)]
    folder = store.models_dir()
    if folder.is_dir():
        for own in sorted(folder.iterdir()):
            if own.name not in known and own.is_dir() and len(list(own.glob("*.onnx"))) == 1 and _described(own):
                names.append(own.name)
    return tuple(names)


def _described(folder: Path) -> bool:
    return any(folder.glob("*.onnx.json"))
