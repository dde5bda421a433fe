"""Several voices in one process: found by name, loaded when first asked for, shared, and dropped when idle."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voicebox.errors import ConfigError, EngineError, ModelError, VoiceboxError
from voicebox.models import store
from voicebox.models.catalog import catalog
from voicebox.tts.piper import PiperSynthesizer
from voicebox.tts.types import Synthesizer
from voicebox.tts.voice_file import VoiceFile, read_voice

__all__ = ["OPENAI_VOICES", "VoicePool", "VoiceRef", "find_voice"]

_MAX_NAME = 120
_MAX_FOUND = 1_000

_log = logging.getLogger(__name__)

OPENAI_VOICES = frozenset("alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse default".split())
"""Names that clients of the OpenAI protocol send without having chosen: the server's own voice takes them."""


@dataclass(frozen=True, slots=True)
class VoiceRef:
    """A voice that exists: `name` as it was asked for, its file, and the number of the speaker."""

    name: str
    file: VoiceFile
    speaker: int

    @property
    def path(self) -> Path:
        """The model file: voices that differ in the speaker only share it."""
        return self.file.model


def find_voice(name: str) -> VoiceRef:
    """A voice by name: one of the catalog, an own folder among the models, or a file; with `:SPEAKER` if it has many.

    The model itself is not opened.

    Raises:
        ModelError: there is no such voice, it is not pulled, or its description is damaged.
        ConfigError: the voice has no such speaker.
    """
    base, speaker = _split(name)
    if base in catalog() and (role := catalog().get(base).role) != "voice":
        raise ModelError(f"{base} is no voice but a model of the role {role}")
    file = read_voice(store.locate(base))
    return VoiceRef(name, file, file.speaker(speaker))


def _split(name: str) -> tuple[str, str]:
    """A name and its speaker. A colon inside a path is part of the path."""
    base, colon, speaker = name.rpartition(":")
    if not colon or "/" in speaker or speaker.endswith(".onnx") or Path(name).exists():
        return name, ""
    if not speaker:
        raise ConfigError(f"The voice {name!r} names no speaker behind its colon", cure="Leave the colon out.")
    return base, speaker


@dataclass(slots=True)
class _Loaded:
    voice: Synthesizer
    used_s: float


@dataclass(slots=True)
class _Loading:
    waiting: list[Callable[[Synthesizer | VoiceboxError], None]] = field(default_factory=list)


class VoicePool:
    """Voices beside the server's own. Thread-safe.

    A voice is loaded in a thread of its own, so that sessions with other voices do not wait for it. One that was not
    used for longest goes when there are too many; all go when they are idle. What a synthesis holds is freed after it.

    Args:
        own: the server's voice. What it speaks is what the server speaks: voices of other languages are refused.
        threads: threads of one synthesis.
        aliases: voices by other names, asked for first.
        most: voices held beside the server's own.
        idle_s: seconds without use after which a voice is dropped.
        load: opens a voice.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        own: VoiceRef,
        threads: int = 1,
        *,
        aliases: Mapping[str, str] | None = None,
        most: int = 2,
        idle_s: float = 600.0,
        load: Callable[[VoiceRef, int], Synthesizer] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.own = own
        self._threads = threads
        self._aliases = dict(aliases or {})
        self._most = most
        self._idle_s = idle_s
        self._load = load or _open
        self._clock = clock
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._loaded: OrderedDict[Path, _Loaded] = OrderedDict()
        self._loading: dict[Path, _Loading] = {}
        self._found: dict[str, VoiceRef] = {}
        self._closed = False

    @property
    def loaded(self) -> tuple[Path, ...]:
        """Files of the voices held now, the one that was not used for longest first."""
        with self._lock:
            return tuple(self._loaded)

    def find(self, name: str) -> VoiceRef:
        """The voice for a session that asks for this name: an alias, the server's own, one of OpenAI's names (which
        mean the server's own), or another voice that is installed. Paths are not taken: names come from clients.

        Raises:
            ConfigError: there is no such voice or speaker here, or it speaks another language than the server.
            ModelError: its description is damaged.
        """
        if name in self._aliases:
            name = self._aliases[name]
        elif not name or name == self.own.name or name in OPENAI_VOICES:
            return self.own
        elif len(name) > _MAX_NAME or "/" in name or "\\" in name or name[0] in ".~" or Path(name).exists():
            raise ConfigError(f"{name[:_MAX_NAME]!r} is no name of a voice", cure=self._choice())
        with self._lock:
            found = self._found.get(name)
        if found is None:
            found = self._checked(name)
            with self._lock:
                if len(self._found) >= _MAX_FOUND:
                    self._found.clear()
                self._found[name] = found
        return found

    def get(self, ref: VoiceRef) -> Synthesizer | None:
        """The voice if it is loaded; counts as a use."""
        with self._lock:
            held = self._loaded.get(ref.path)
            if held is None:
                return None
            held.used_s = self._clock()
            self._loaded.move_to_end(ref.path)
            return held.voice

    def request(self, ref: VoiceRef, ready: Callable[[Synthesizer | VoiceboxError], None]) -> None:
        """Load a voice and hand it, or why it cannot be loaded, to `ready`: at once if it is there, else from a thread.

        Raises:
            EngineError: the pool is closed.
        """
        voice = self.get(ref)
        if voice is not None:
            ready(voice)
            return
        with self._lock:
            if self._closed:
                raise EngineError("The voice is closed")
            loading = self._loading.get(ref.path)
            if loading is not None:
                loading.waiting.append(ready)
                return
            self._loading[ref.path] = _Loading([ready])
        threading.Thread(target=self._bring, args=(ref,), name="voicebox-voice", daemon=True).start()

    def sweep(self) -> float | None:
        """Drop what is idle; returns in how many seconds the next one will be, None if none is held."""
        with self._lock:
            now = self._clock()
            for path in [path for path, held in self._loaded.items() if now - held.used_s >= self._idle_s]:
                _log.info("The voice %s is idle and was unloaded", path.name)
                del self._loaded[path]
            first = next(iter(self._loaded.values()), None)
            return None if first is None else max(first.used_s + self._idle_s - now, 0.0)

    def close(self) -> None:
        """Drop all voices and load no more. Idempotent."""
        with self._lock:
            self._closed = True
            self._loaded.clear()

    def _bring(self, ref: VoiceRef) -> None:
        result: Synthesizer | VoiceboxError
        try:
            # Loads one after the other: a voice takes its memory twice for a moment.
            with self._one_at_a_time:
                result = self._load(ref, self._threads)
        except VoiceboxError as error:
            _log.warning("The voice %s cannot be loaded: %s", ref.name, error)
            result = error
        except Exception as error:
            _log.exception("a voice failed to load")
            result = ModelError(f"The voice {ref.name} cannot be loaded: {error}")
        with self._lock:
            waiting = self._loading.pop(ref.path).waiting
            if isinstance(result, VoiceboxError):
                # It may have been pulled again when it is asked for next.
                self._found = {name: found for name, found in self._found.items() if found.path != ref.path}
            elif not self._closed:
                self._loaded[ref.path] = _Loaded(result, self._clock())
                while len(self._loaded) > self._most:
                    self._loaded.popitem(last=False)
        for ready in waiting:
            ready(result)

    def _checked(self, name: str) -> VoiceRef:
        base, _ = _split(name)
        try:
            ref = find_voice(name)
        except ModelError as error:
            if base in catalog() or (store.models_dir() / base).exists():
                raise
            raise ConfigError(f"There is no voice {base!r} here", cure=self._choice()) from error
        if ref.file.language != self.own.file.language:
            raise ConfigError(
                f"The voice {name} speaks {ref.file.language!r}, but this server speaks {self.own.file.language!r}",
                cure=self._choice(),
            )
        return ref

    def _choice(self) -> str:
        others = [model.name for model in catalog().by_role("voice") if store.installed(model.name)]
        names = dict.fromkeys([self.own.name, *self._aliases, *others])
        return f"Installed: {', '.join(names)}."


def _open(ref: VoiceRef, threads: int) -> Synthesizer:
    return PiperSynthesizer(ref.file, threads, name=ref.name, speaker=ref.speaker)
