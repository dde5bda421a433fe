"""Checksums of model files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicebox.errors import ModelError
from voicebox.models.catalog import ModelFile, catalog
from voicebox.models.record import Record, fill_in, read_record
from voicebox.models.store import installed_files, model_folder
from voicebox.resources import resource_dir

__all__ = ["FileState", "Verification", "sha256_of", "verify"]

_CHUNK = 1 << 20
FileState = Literal["ok", "missing", "truncated", "damaged", "unknown"]


def sha256_of(path: Path, *, progress: Callable[[int], None] | None = None) -> str:
    """The file's SHA-256 in hexadecimal; `progress` is told the bytes of each step.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Verification:
    """What is right and wrong with a model's files. A shipped model has no checksum in the catalog: presence counts.

    A file is "unknown" if neither the catalog nor a record of its pull has a checksum. `record` is there where the
    model was pulled; its `first_use` tells that the checksums of some files are those of the first pull.
    """

    name: str
    files: tuple[tuple[str, FileState], ...]
    record: Record | None = None

    @property
    def state(self) -> Literal["ok", "missing", "damaged", "unknown"]:
        """ok when every file is; missing when none is there; unknown when some cannot be checked and none is wrong."""
        states = {state for _, state in self.files}
        if states == {"ok"}:
            return "ok"
        if states <= {"ok", "unknown"}:
            return "unknown"
        return "missing" if states == {"missing"} else "damaged"

    @property
    def ok(self) -> bool:
        """Whether every file is right."""
        return self.state == "ok"


def verify(name: str, *, progress: Callable[[int], None] | None = None) -> Verification:
    """Compare every file of a catalog model with its checksum: the catalog's, else that of the model's first pull.

    The variant (a source may carry another conversion) is the one whose sizes match, else the one with most files
    of the right size. `progress` is told the bytes of each step.

    Raises:
        ModelError: no model has that name, or a file cannot be read.
    """
    model = catalog().get(name)
    if model.shipped is not None:
        present = (resource_dir("models") / model.shipped).is_file()
        return Verification(model.name, ((model.shipped, "ok" if present else "missing"),))
    folder = model_folder(model.name)
    record = read_record(folder)
    files = installed_files(model) or max(
        (fill_in(model, variant, record) for variant in model.variants),
        key=lambda variant: sum(
            (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size for file in variant
        ),
    )
    states: list[tuple[str, FileState]] = []
    for file in files:
        path = folder / file.name
        try:
            states.append((file.name, _state(path, file, progress)))
        except OSError as error:
            raise ModelError(f"The model file {path} cannot be read: {error.strerror or error}") from error
    return Verification(model.name, tuple(states), record)


def _state(path: Path, file: ModelFile, progress: Callable[[int], None] | None) -> FileState:
    known = file.known
    if not path.is_file():
        return "missing"
    if known is None:
        return "unknown"
    actual = path.stat().st_size
    if actual < known.size:
        return "truncated"
    if actual > known.size or sha256_of(path, progress=progress) != known.sha256:
        return "damaged"
    return "ok"
