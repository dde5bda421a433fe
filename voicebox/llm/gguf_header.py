"""A look at a GGUF file before llama.cpp opens it: what llama.cpp would end the process on is an error here.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little endian).
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from voicebox.errors import ModelError

__all__ = ["check_header", "header_string"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TOKENS_KEY = b"tokenizer.ggml.tokens"
_TOKENIZER_KEY = b"tokenizer.ggml.model"
_SENTENCEPIECE = b"llama"
_CURE = "Run `voicebox models verify`, or pull the model again."

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


def check_header(path: Path) -> None:
    """Check magic, version, metadata, that no two tokens are spelt the same, and that there are tokens for all bytes
    where the tokenizer falls back on them.

    Raises:
        ModelError: the file is missing, cannot be read, is no GGUF or is damaged.
    """
    _read(path, b"")


def header_string(path: Path, key: str) -> str | None:
    """A text of the metadata without loading the model; None if the file has no such key, or it is not text.

    Raises:
        ModelError: as `check_header`.
    """
    value = _read(path, key.encode())
    return value.decode("utf-8", "replace") if value is not None else None


def _read(path: Path, key: bytes) -> bytes | None:
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ModelError(f"{path} is not a GGUF file", cure=_CURE)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Reader(data).check(key)
    except FileNotFoundError:
        raise ModelError(f"There is no model file {path}", cure="Run `voicebox models pull`.") from None
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}") from error
    except (struct.error, ValueError) as error:
        raise ModelError(f"The model file {path} cannot be loaded: it is damaged ({error})", cure=_CURE) from error


class _Reader:
    """Walks over the metadata; struct.error or ValueError where it makes no sense."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = len(_MAGIC)
        self._tokens: set[bytes] = set()

    def check(self, wanted: bytes) -> bytes | None:
        """Walk to the end; the text of the key `wanted`, if there is one."""
        found = None
        tokenizer = b""
        version = self._u32()
        if version not in _VERSIONS:
            raise ValueError(f"GGUF version {version}")
        self._u64()  # The number of tensors, which llama.cpp checks itself.
        for _ in range(self._u64()):
            key, kind = self._string(), self._u32()
            start = self._at
            self._value(kind, unique=key == _TOKENS_KEY)
            if kind == _STRING and key in (wanted, _TOKENIZER_KEY):
                text = self._data[start + _U64.size : self._at]
                found = text if key == wanted else found
                tokenizer = text if key == _TOKENIZER_KEY else tokenizer
        if tokenizer == _SENTENCEPIECE:
            self._check_bytes()
        return found

    def _check_bytes(self) -> None:
        for byte in range(256):
            if not {f"<0x{byte:02X}>".encode(), bytes([byte])} & self._tokens:
                raise ValueError(f"its vocabulary has no token for the byte {byte}")

    def _value(self, kind: int, *, unique: bool = False) -> None:
        if kind == _STRING:
            self._string()
        elif kind == _ARRAY:
            element, count = self._u32(), self._u64()
            if element == _STRING:
                self._strings(count, unique=unique)
            elif element in _SIZES:
                self._skip(count * _SIZES[element])
            else:
                raise ValueError(f"array of type {element}")
        elif kind in _SIZES:
            self._skip(_SIZES[kind])
        else:
            raise ValueError(f"value of type {kind}")

    def _strings(self, count: int, *, unique: bool) -> None:
        seen: set[bytes] = set()
        for _ in range(count):
            text = self._string()
            # llama.cpp gives empty tokens names of their own.
            if unique and text:
                if text in seen:
                    raise ValueError(f"two tokens are spelt {text.decode('utf-8', 'replace')!r}")
                seen.add(text)
        if unique:
            self._tokens = seen

    def _string(self) -> bytes:
        length = self._u64()
        start = self._at
        self._skip(length)
        return self._data[start : self._at]

    def _skip(self, count: int) -> None:
        if count > len(self._data) - self._at:
            raise ValueError("it ends too early")
        self._at += count

    def _u32(self) -> int:
        (value,) = _U32.unpack_from(self._data, self._at)
        self._at += 4
        return int(value)

    def _u64(self) -> int:
        (value,) = _U64.unpack_from(self._data, self._at)
        self._at += 8
        return int(value)
