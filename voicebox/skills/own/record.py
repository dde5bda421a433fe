"""What the trained intent model in the user's data folder was made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from voicebox.errors import ModelError
from voicebox.skills.own.skill import OwnSkill, fingerprint

__all__ = ["TrainingRecord", "file_sha256", "fingerprints", "read_record", "record_path", "write_record"]

_CURE = "Run `voicebox skills train` again."


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """A model that was trained on own skills.

    `head` is the file of what was learned of examples, beside the record; `model` that of the model that it goes with,
    empty for the base itself. `base` is the checksum of the model that all was made from, `skills` has the fingerprint
    of each own skill that it knows; `figures` is what was measured.
    """

    head: str
    model: str
    base: str
    skills: Mapping[str, str]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def knows(self, skill: OwnSkill) -> bool:
        """Whether the model was trained on the skill's sentences and slots as they are now."""
        return self.skills.get(skill.name) == fingerprint(skill.intents)


def record_path(models: Path) -> Path:
    """The record's file in a models folder."""
    return models / "own-skills" / "record.json"


def read_record(path: Path) -> TrainingRecord | None:
    """The record, or None if nothing was trained.

    Raises:
        ModelError: it cannot be read, or its model is missing.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        record = TrainingRecord(
            str(data["head"]), str(data["model"]), str(data["base"]), dict(data["skills"]), dict(data["figures"])
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The record of the trained model, {path}, cannot be read ({error})", cure=_CURE) from error
    for name in filter(None, (record.head, record.model)):
        if Path(name).name != name or not (path.parent / name).is_file():
            raise ModelError(f"The trained model {path.parent / name} is missing", cure=_CURE)
    return record


def write_record(path: Path, record: TrainingRecord) -> None:
    """Write the record, whole or not at all, and delete the files of older ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(record), indent=1) + "\n", "utf-8")
    os.replace(temporary, path)
    for old in (*path.parent.glob("*.gguf"), *path.parent.glob("*.npz")):
        if old.name not in (record.model, record.head):
            old.unlink()


def fingerprints(skills: Iterable[OwnSkill]) -> dict[str, str]:
    """The fingerprint of each skill by its name."""
    return {skill.name: fingerprint(skill.intents) for skill in skills}


def file_sha256(path: Path) -> str:
    """The checksum of a file; of a folder, that of its files."""
    if path.is_dir():
        parts = [f"{file.name} {file_sha256(file)}" for file in sorted(path.iterdir()) if file.is_file()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
