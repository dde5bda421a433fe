"""API keys in a file: made once, shown once, kept as hashes.

A key is 32 random bytes, so one pass of SHA-256 is enough to keep it: there is no dictionary to try, which slow hashes
are for. The file is small, private to its user (0600), replaced as a whole, and read again when it has changed: keys
that are revoked lose their effect in a running server.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from voicebox.errors import ConfigError

__all__ = ["SCOPES", "Key", "KeyStore", "Limits", "Scope", "keys_file"]

Scope = Literal["realtime", "audio", "chat", "admin"]

SCOPES: tuple[Scope, ...] = ("realtime", "audio", "chat", "admin")
"""Calls; transcription and speech; chat; metrics. The list of models is open to every key."""

_PREFIX = "vb_"


class Limits(BaseModel):
    """What a key may use; None is no limit. Minutes of calls and audio and dollars of larger models are per UTC day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sessions: Annotated[int, Field(ge=1)] | None = None
    minutes_per_day: Annotated[float, Field(gt=0)] | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    usd_per_day: Annotated[float, Field(gt=0)] | None = None


class Key(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    sha256: str
    scopes: tuple[Scope, ...]
    created: int
    limits: Limits = Limits()


_FILE: TypeAdapter[list[Key]] = TypeAdapter(list[Key])


def keys_file(setting: Path | None) -> Path:
    """Where keys are: the file that is set, else `voicebox/keys.json` in the user's data directory (XDG)."""
    if setting is not None:
        return setting.expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data) if data and Path(data).is_absolute() else Path.home() / ".local" / "share"
    return base / "voicebox" / "keys.json"


class KeyStore:
    """The keys of a file, which need not exist yet.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_as: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] = ()

    def all(self) -> tuple[Key, ...]:
        """All keys, oldest first, as the file has them now.

        Raises:
            ConfigError: the file cannot be read, is damaged, or open to others.
        """
        try:
            status = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self._read_as, self._keys = None, ()
            return ()
        except OSError as error:
            raise ConfigError(f"The keys file {self.path} cannot be read ({error.strerror})") from None
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen == self._read_as:
            return self._keys
        if status.st_mode & 0o077:
            raise ConfigError(f"The keys file {self.path} is open to other users", cure=f"chmod 600 {self.path}")
        try:
            self._keys = tuple(_FILE.validate_json(self.path.read_bytes()))
        except OSError as error:
            raise ConfigError(f"The keys file {self.path} cannot be read ({error.strerror})") from None
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise ConfigError(
                f"The keys file {self.path} is damaged ({reason})", cure="Remove it and make new keys."
            ) from None
        self._read_as = seen
        return self._keys

    def find(self, token: str) -> Key | None:
        """The key with this secret.

        Raises:
            ConfigError: as `all`.
        """
        digest = _hash(token)
        found = None
        for key in self.all():
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def create(self, name: str, scopes: Sequence[Scope], limits: Limits | None = None) -> tuple[Key, str]:
        """A new key and its secret, which is kept nowhere.

        Raises:
            ConfigError: no scope, or the file cannot be written.
        """
        if not scopes:
            raise ConfigError("A key needs a scope", cure=f"Choose from {', '.join(SCOPES)}.")
        token = _PREFIX + secrets.token_urlsafe(32)
        key = Key(
            id="key_" + secrets.token_hex(4),
            name=name,
            sha256=_hash(token),
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            created=int(time.time()),
            limits=limits or Limits(),
        )
        with self._locked():
            self._write([*self.all(), key])
        return key, token

    def revoke(self, name: str) -> Key:
        """Remove the key with this id or name.

        Raises:
            ConfigError: there is none, or several of that name, or the file cannot be written.
        """
        with self._locked():
            keys = self.all()
            chosen = [key for key in keys if name in (key.id, key.name)]
            if len(chosen) != 1:
                what = "There is no key" if not chosen else f"{len(chosen)} keys are named"
                raise ConfigError(f"{what} {name!r}", cure="Take an id that `voicebox keys list` shows.")
            self._write([key for key in keys if key is not chosen[0]])
        return chosen[0]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other writers out: each would write without what the other has added."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"The keys file {self.path} cannot be written ({error.strerror})") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, keys: list[Key]) -> None:
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            part.unlink(missing_ok=True)
            with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(_FILE.dump_json(keys, indent=2))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            raise ConfigError(f"The keys file {self.path} cannot be written ({error.strerror})") from None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
