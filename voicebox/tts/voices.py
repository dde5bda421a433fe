"""Several voices in one process: found by name, loaded when first asked for, shared, and dropped when idle."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from voicebox.errors import ConfigError, EngineError, ModelError, VoiceboxError
from voicebox.tts.piper import PiperSynthesizer
from voicebox.tts.types import Synthesizer
from voicebox.tts.voice_file import VoiceFile, read_voice

__all__ = ["OPENAI_VOICES", "VoicePool", "VoiceRef", "find_voice", "open_voice", "read_aliases"]

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
    def base(self) -> str:
        """The name without the speaker."""
        return _split(self.name)[0]

    @property
    def path(self) -> Path:
        """The model file: voices that differ in the speaker only share it."""
        return self.file.model


def find_voice(name: str, locate: Callable[[str], Path]) -> VoiceRef:
    """A voice by name, with `:SPEAKER` behind it if it has several. The model itself is not opened.

    Args:
        name: what `locate` knows, and perhaps a speaker's name or number.
        locate: gives the voice's file or folder.

    Raises:
        ModelError: there is no such voice, it is not pulled, or its description is damaged.
        ConfigError: the voice has no such speaker.
    """
    base, speaker = _split(name)
    file = read_voice(locate(base))
    return VoiceRef(name, file, file.speaker(speaker))


def read_aliases(items: Iterable[str]) -> dict[str, str]:
    """Other names of voices, from items as "nova=piper-en_GB-alba-medium".

    Raises:
        ConfigError: an item is not of that form.
    """
    out = {}
    for item in items:
        alias, _, voice = (part.strip() for part in item.partition("="))
        if not alias or not voice:
            raise ConfigError(f"tts.aliases: {item!r} is no alias", cure="Write it as nova=piper-en_GB-alba-medium.")
        out[alias] = voice
    return out


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
        locate: gives the file of a voice by name.
        installed: the names that `locate` finds here.
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
        locate: Callable[[str], Path],
        installed: Callable[[], Sequence[str]],
        aliases: Mapping[str, str] | None = None,
        most: int = 2,
        idle_s: float = 600.0,
        load: Callable[[VoiceRef, int], Synthesizer] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.own = own
        self._threads = threads
        self._locate = locate
        self._installed = installed
        self._aliases = dict(aliases or {})
        self._most = most
        self._idle_s = idle_s
        self._load = load or open_voice
        self._clock = clock
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._loaded: OrderedDict[Path, _Loaded] = OrderedDict()
        self._loading: dict[Path, _Loading] = {}
        self._found: dict[tuple[str, bool], VoiceRef] = {}
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
        known = name in self._aliases
        if known:
            name = self._aliases[name]
        elif not name or name == self.own.name or name in OPENAI_VOICES:
            return self.own
        with self._lock:
            found = self._found.get((name, known))
        if found is None:
            found = self._checked(name, known)
            with self._lock:
                if len(self._found) >= _MAX_FOUND:
                    self._found.clear()
                self._found[name, known] = found
        return found

    def known_as(self, name: str) -> str:
        """What a client is told of the voice that `find` gives it, and may ask for again: an alias stays one.

        Raises:
            ConfigError, ModelError: as `find`.
        """
        ref = self.find(name)
        return name if name in self._aliases else ref.name

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

    def _checked(self, name: str, known: bool) -> VoiceRef:
        """`known`: the server's settings name it, and may name a file; others must be installed."""
        base, _ = _split(name)
        if not known and base not in (self.own.base, *self._installed()):
            raise ConfigError(f"There is no voice {base[:_MAX_NAME]!r} here", cure=self._choice())
        ref = find_voice(name, self._locate)
        if ref.file.language != self.own.file.language:
            raise ConfigError(
                f"The voice {name} speaks {ref.file.language!r}, but this server speaks {self.own.file.language!r}",
                cure=self._choice(),
            )
        return ref

    def _choice(self) -> str:
        names = dict.fromkeys([self.own.name, *self._aliases, *self._installed()])
        return f"Installed: {', '.join(names)}."


def open_voice(ref: VoiceRef, threads: int = 1) -> PiperSynthesizer:
    """Load a voice.

    Raises:
        ModelError: its model is damaged, or not the one that its description describes.
    """
    return PiperSynthesizer(ref.file, threads, name=ref.name, speaker=ref.speaker)
