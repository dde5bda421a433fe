"""CTranslate2's model file: reading it, checking that it is whole, and a copy with fewer rows in one table.

Layout (little-endian): version, name and revision of the specification, the variables (name, shape, type, bytes), and
aliases from one name to another; a name is its length with a zero byte, then both.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from voicebox.errors import ModelError

__all__ = ["Variable", "WeightFile", "read_weights", "with_rows"]

_OLDEST, _NEWEST = 4, 6
"""Versions whose variables are laid out so."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A tensor: `size` bytes at `offset` in the file; `kind` is the library's number of its type."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A model file's table of contents. `spec` is the kind of model, such as "WhisperSpec"."""

    path: Path
    version: int
    spec: str
    revision: int
    variables: tuple[Variable, ...]
    aliases: tuple[tuple[str, str], ...]

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a variable or of what it is an alias for; None where there is none of that name."""
        name = dict(self.aliases).get(name, name)
        return next((variable.shape for variable in self.variables if variable.name == name), None)


class _Reader:
    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._length = path.stat().st_size

    def number(self, code: str) -> int:
        size = struct.calcsize(code)
        return int(struct.unpack("<" + code, self._exactly(size))[0])

    def text(self) -> str:
        return self._exactly(self.number("H"))[:-1].decode("utf-8", "replace")

    def skip(self, size: int) -> int:
        """Pass over some bytes; returns where they begin."""
        offset = self._file.tell()
        if offset + size > self._length:
            raise ModelError(
                f"{self._path} is cut off: it ends at {self._length:,} of at least {offset + size:,} bytes"
            )
        self._file.seek(size, 1)
        return offset

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise ModelError(
                f"{self._path} is cut off: it ends at {self._length:,} bytes, inside its table of contents"
            )
        return data


def read_weights(path: Path) -> WeightFile | None:
    """The table of contents of a model file; None if it is of a version that this cannot read.

    Raises:
        ModelError: the file is shorter than its contents, or is no such file.
    """
    with path.open("rb") as file:
        reader = _Reader(path, file)
        version = reader.number("I")
        if not 1 <= version <= 64:
            raise ModelError(f"{path} is no model file of CTranslate2")
        if not _OLDEST <= version <= _NEWEST:
            return None
        spec, revision = reader.text(), reader.number("I")
        variables = []
        for _ in range(reader.number("I")):
            name = reader.text()
            shape = tuple(reader.number("I") for _ in range(reader.number("B")))
            kind, size = reader.number("B"), reader.number("I")
            variables.append(Variable(name, shape, kind, reader.skip(size), size))
        aliases = tuple((reader.text(), reader.text()) for _ in range(reader.number("I")))
    return WeightFile(path, version, spec, revision, tuple(variables), aliases)


def with_rows(weights: WeightFile, tables: Sequence[str], rows: Sequence[int]) -> bytes:
    """The model file with only these rows of some variables, in the order given; all else stays as it is.

    Args:
        tables: variables with as many rows as the largest of `rows` wants; names that the file lacks are left out.
    """
    whole = np.memmap(weights.path, np.uint8, mode="r")
    parts: list[bytes] = [struct.pack("<I", weights.version), _text(weights.spec)]
    parts.append(struct.pack("<II", weights.revision, len(weights.variables)))
    for variable in weights.variables:
        data, shape = whole[variable.offset : variable.offset + variable.size], variable.shape
        if variable.name in tables and shape:
            data, shape = data.reshape(shape[0], -1)[list(rows)].reshape(-1), (len(rows), *shape[1:])
        parts.append(_text(variable.name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape))
        parts.append(struct.pack("<BI", variable.kind, data.size) + data.tobytes())
    parts.append(struct.pack("<I", len(weights.aliases)))
    parts += [_text(alias) + _text(name) for alias, name in weights.aliases]
    return b"".join(parts)


def _text(text: str) -> bytes:
    data = text.encode("utf-8") + b"\0"
    return struct.pack("<H", len(data)) + data
