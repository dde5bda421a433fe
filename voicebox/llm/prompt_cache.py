"""What a model computed from a prompt, kept on disk: the next start reads it instead of computing it again.

A file holds one entry: a magic line, the BLAKE2b digest of the content, the content. What does not match is never
handed on, since llama.cpp trusts the bytes that it is given.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import llama_cpp

__all__ = ["PromptCache", "cache_dir", "prompt_key"]

_log = logging.getLogger(__name__)

_MAGIC = b"voicebox prompt 1\n"
_DIGEST = 32
_SUFFIX = ".prompt"


def cache_dir() -> Path:
    """Where entries are kept: `voicebox/prompts` in the user's cache directory (XDG)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "voicebox" / "prompts"


def prompt_key(kind: str, model: Path, tokens: Iterable[int], *parts: str) -> str:
    """A name for what a model makes of tokens: another file, another llama.cpp or other tokens have another name.

    Raises:
        OSError: the model's file is gone.
    """
    state = model.stat()
    facts = (kind, llama_cpp.__version__, str(model.resolve()), str(state.st_size), str(state.st_mtime_ns), *parts)
    digest = hashlib.blake2b(digest_size=20)
    for fact in (*facts, ",".join(map(str, tokens))):
        digest.update(f"{len(fact)}:{fact}".encode())
    return digest.hexdigest()


class PromptCache:
    """Entries by key. Nothing here fails its caller: what cannot be read or written is a warning.

    Args:
        folder: where the files are; made when the first one is written.
        max_entries: the files that were not used for longest are deleted beyond these.
    """

    def __init__(self, folder: Path | None = None, *, max_entries: int = 8) -> None:
        self.folder = folder if folder is not None else cache_dir()
        self._max_entries = max_entries

    def get(self, key: str) -> bytes | None:
        """An entry's content; None if there is none, or it is damaged (it is then deleted)."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("%s cannot be read: %s", path, error)
            return None
        content = data[len(_MAGIC) + _DIGEST :]
        if data[: len(_MAGIC) + _DIGEST] != _MAGIC + _digest(content):
            _log.warning("%s is damaged and is made again", path)
            self.drop(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep an entry: written beside, then renamed."""
        temporary = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:
                temporary = Path(file.name)
                file.write(_MAGIC + _digest(content))
                file.write(content)
            temporary.replace(self._path(key))
            self._prune()
        except OSError as error:
            _log.warning("What was computed from a prompt cannot be kept in %s: %s", self.folder, error)
            if temporary is not None:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def drop(self, key: str) -> None:
        """Forget an entry."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be deleted: %s", self._path(key), error)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _prune(self) -> None:
        by_age = sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime)
        for path in by_age[: -self._max_entries]:
            path.unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()
