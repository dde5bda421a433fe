"""What a pull brought, written beside the model's files: what they are verified by where the catalog has no checksum.

Trust on first use: what the first pull of such a model brings is taken as right, and everything after it is compared
with that. Removing the model forgets it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from voicebox.models.catalog import CatalogModel, KnownFile, ModelFile

__all__ = ["RECORD_NAME", "Record", "fill_in", "read_record", "write_record"]

RECORD_NAME = "pulled.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Record:
    """Where a model's files came from, and what they are.

    Args:
        model: its name in the catalog.
        source: for people: the hub's repository, the package index, an address or a path.
        revision: the commit, where the source has commits.
        pulled: date and time in UTC, ISO 8601.
        first_use: whether some file's checksum was not in the catalog, but taken from what came.
        files: all of the model's files.
    """

    model: str
    source: str
    revision: str | None
    pulled: str
    first_use: bool
    files: tuple[KnownFile, ...]

    def file(self, name: str) -> KnownFile | None:
        """What is recorded of a file."""
        return next((file for file in self.files if file.name == name), None)


def write_record(folder: Path, record: Record) -> None:
    """Write the record into a model's folder, which nobody reads yet.

    Raises:
        OSError: the disk is full, or not writable.
    """
    data = {"version": _VERSION, **asdict(record)}
    (folder / RECORD_NAME).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> Record | None:
    """The record in a model's folder; None where there is none, or none that makes sense."""
    try:
        data = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
        if data.pop("version") != _VERSION:
            return None
        files = tuple(KnownFile(**file) for file in data.pop("files"))
        record = Record(**data, files=files)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    sound = all(
        isinstance(f.name, str) and type(f.size) is int and isinstance(f.sha256, str) and len(f.sha256) == 64
        for f in record.files
    )
    return record if sound else None


def fill_in(model: CatalogModel, files: tuple[ModelFile, ...], record: Record | None) -> tuple[ModelFile, ...]:
    """These files with what the record knows of those that the catalog does not."""
    if record is None or record.model != model.name:
        return files
    recorded = {file.name: record.file(file.name) for file in files if file.known is None}
    return tuple(
        file
        if (fact := recorded.get(file.name)) is None
        else ModelFile(name=file.name, size=fact.size, sha256=fact.sha256)
        for file in files
    )
