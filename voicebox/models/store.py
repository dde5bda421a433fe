"""Where model files live on this machine, and how a name becomes a path."""

from __future__ import annotations

import os
import shutil
from difflib import get_close_matches
from pathlib import Path

from voicebox.errors import ModelError
from voicebox.models.catalog import CatalogModel, ModelFile, catalog
from voicebox.models.record import fill_in, read_record
from voicebox.resources import resource_dir

__all__ = [
    "bytes_here",
    "configure",
    "free_disk",
    "installed",
    "installed_files",
    "is_catalog_name",
    "locate",
    "model_folder",
    "models_dir",
    "remove",
]


def configure(directory: Path | None, hub_token: str | None) -> None:
    """Apply settings to this process and its children: the models folder, and the hub's token (HF_TOKEN wins)."""
    if directory is not None:
        os.environ["VOICEBOX_MODELS_DIR"] = str(directory)
    if hub_token:
        os.environ.setdefault("HF_TOKEN", hub_token)


def models_dir() -> Path:
    """The folder of all models: `VOICEBOX_MODELS_DIR`, else `voicebox/models` in the user's data directory (XDG)."""
    own = os.environ.get("VOICEBOX_MODELS_DIR")
    if own:
        return Path(own).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data) if data and Path(data).is_absolute() else Path.home() / ".local" / "share"
    return base / "voicebox" / "models"


def model_folder(name: str) -> Path:
    """The folder of one catalog model, present or not."""
    return models_dir() / name


def bytes_here(model: CatalogModel) -> int:
    """Bytes that a model's files take on the disk, however complete they are."""
    shipped = _shipped(model)
    paths = [shipped] if shipped is not None else list(model_folder(model.name).glob("*"))
    return sum(path.stat().st_size for path in paths if path.is_file())


def free_disk() -> int:
    """Bytes free where the models are, or will be."""
    folder = models_dir()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _shipped(model: CatalogModel) -> Path | None:
    return resource_dir("models") / model.shipped if model.shipped is not None else None


def installed_files(model: CatalogModel) -> tuple[ModelFile, ...] | None:
    """The variant of the model whose files are all here with their right sizes (contents: see `verify`), or None.

    A file whose size neither the catalog nor the record of its pull knows is here if it is not empty.
    """
    folder = model_folder(model.name)
    record = read_record(folder)
    for files in model.variants:
        known = fill_in(model, files, record)
        if all(_is_here(folder / file.name, file) for file in known):
            return known
    return None


def _is_here(path: Path, file: ModelFile) -> bool:
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError:
        return False
    return size == file.size if file.known is not None else size > 0


def installed(name: str) -> bool:
    """Whether a catalog model's files are here, by name and size.

    Raises:
        ModelError: no model has that name.
    """
    model = catalog().get(name)
    shipped = _shipped(model)
    if shipped is not None:
        return shipped.is_file()
    return installed_files(model) is not None


def is_catalog_name(name_or_path: str | Path) -> bool:
    """Whether this is meant as a name of the catalog; a `Path` (some settings are) only if nothing is there."""
    return str(name_or_path) in catalog() and not (isinstance(name_or_path, Path) and name_or_path.exists())


def locate(name_or_path: str | Path) -> Path:
    """What an engine opens: for a catalog name its main file (GGUF, ONNX) or its folder (Whisper).

    Anywhere a name does, so does the path of an own file or folder, and the name of an own folder in the models
    directory (its one .gguf or .onnx file, or the folder itself).

    Raises:
        ModelError: the model is not pulled yet, or nothing has that name; the cure names the command.
    """
    text = str(name_or_path)
    known = catalog()
    path = Path(text).expanduser()
    if is_catalog_name(name_or_path):
        return _locate_known(known.get(text))
    if text and path.exists():
        return path
    own = models_dir() / text
    if text and len(Path(text).parts) == 1 and not text.startswith(".") and own.exists():
        return _main_of_own(own)
    if len(Path(text).parts) > 1 or path.suffix in (".gguf", ".onnx"):
        raise ModelError(f"There is no model file or folder {text}", cure="Check the path.")
    close = get_close_matches(text, [model.name for model in known.model], n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    raise ModelError(
        f"There is no model named {text!r}",
        cure=f"{hint}`voicebox models list` shows those there are; the path of an own file does as well.",
    )


def _locate_known(model: CatalogModel) -> Path:
    shipped = _shipped(model)
    if shipped is not None:
        if not shipped.is_file():
            raise ModelError(
                f"The model {model.name} ships with voicebox, but {shipped} is missing", cure="Reinstall voicebox."
            )
        return shipped
    folder = model_folder(model.name)
    if installed_files(model) is not None:
        return folder / model.main if model.main is not None else folder
    state = "incomplete or damaged" if folder.exists() else "not here yet"
    raise ModelError(f"The model {model.name} is {state}", cure=f"Run `voicebox models pull {model.name}`.")


def _main_of_own(folder: Path) -> Path:
    if folder.is_file():
        return folder
    mains = [path for path in sorted(folder.iterdir()) if path.suffix in (".gguf", ".onnx")]
    return mains[0] if len(mains) == 1 else folder


def remove(name: str) -> int:
    """Delete a pulled model and what an interrupted pull left of it; returns the bytes freed.

    Raises:
        ModelError: unknown, shipped, or not deletable.
    """
    model = catalog().get(name)
    if model.shipped is not None:
        raise ModelError(f"The model {name} ships with voicebox and cannot be removed")
    freed = 0
    for folder in (model_folder(model.name), models_dir() / ".pull" / model.name):
        if not folder.is_dir():
            continue
        freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise ModelError(f"The model {name} cannot be removed: {error}") from error
    return freed
