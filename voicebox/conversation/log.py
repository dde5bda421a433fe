"""A conversation as a file of JSON lines: what the turn machine was told, under which rules, and what it ordered.

The first line is the header. Each other line is a `NewRules`, a `Step`, or the `End`. Ticks that changed nothing are
left out: without them the machine does the same. The log holds what people said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from voicebox.conversation import facts as f
from voicebox.conversation.codec import CodecError, decode, decode_tagged, encode, encode_tagged
from voicebox.conversation.states import Rules, State
from voicebox.errors import VoiceboxError

__all__ = ["VERSION", "End", "Entry", "Header", "Log", "LogError", "NewRules", "Recorder", "Sink", "Step", "read"]

VERSION = 1
_MARK = "voicebox_log"


class LogError(VoiceboxError):
    """A file that is no log, or one with a line that cannot be read."""


class Sink(Protocol):
    """Where lines go; must not block."""

    def write(self, line: str) -> None:
        """Take a line, without its end."""

    def close(self) -> None:
        """Nothing more comes."""


@dataclass(frozen=True, slots=True)
class Header:
    """Whose conversation it is; `started` is a date in ISO 8601, `voicebox` the version of the program."""

    session: str
    started: str
    voicebox: str


@dataclass(frozen=True, slots=True)
class NewRules:
    """From here on these rules hold."""

    at_s: float
    rules: Rules


@dataclass(frozen=True, slots=True)
class Step:
    """The machine was told a fact at session time `at_s`, and ordered effects."""

    at_s: float
    fact: f.Fact
    effects: tuple[f.Effect, ...]


@dataclass(frozen=True, slots=True)
class End:
    """The session was closed."""

    at_s: float


Entry = NewRules | Step | End


@dataclass(frozen=True, slots=True)
class Log:
    """A whole recording; `entries` are (number of the line, entry). `cut_off`: the last line was not written whole."""

    header: Header
    entries: Sequence[tuple[int, Entry]]
    cut_off: bool = False

    @property
    def ended(self) -> bool:
        """Whether the recording goes on to the end of the session."""
        return bool(self.entries) and isinstance(self.entries[-1][1], End)


def _line(entry: Entry) -> str:
    match entry:
        case NewRules(at_s, rules):
            row: dict[str, Any] = {"t": at_s, "rules": encode(rules)}
        case Step(at_s, fact, effects):
            row = {"t": at_s, "fact": encode_tagged(fact), "effects": [encode_tagged(effect) for effect in effects]}
        case End(at_s):
            row = {"t": at_s, "end": True}
    return _json(row)


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


class Recorder:
    """Writes one session's log; what is written is never read back."""

    def __init__(self, sink: Sink, header: Header) -> None:
        self._sink = sink
        self._rules: Rules | None = None
        self._closed = False
        sink.write(_json({_MARK: VERSION} | encode(header)))

    def step(
        self, before: State, fact: f.Fact, now: float, rules: Rules, after: State, effects: tuple[f.Effect, ...]
    ) -> None:
        """Write what the machine did with a fact."""
        if self._closed or (isinstance(fact, f.Tick) and after is before and not effects):
            return
        if rules is not self._rules:
            self._rules = rules
            self._sink.write(_line(NewRules(now, rules)))
        self._sink.write(_line(Step(now, fact, effects)))

    def end(self, now: float) -> None:
        """The session is closed. Idempotent."""
        if not self._closed:
            self._closed = True
            self._sink.write(_line(End(now)))
            self._sink.close()


def read(lines: Iterable[str]) -> Log:
    """Read a log. Lines may end in a newline; the last one is taken as cut off where it does not and is no JSON.

    Raises:
        LogError: with the number of the line and what is wrong with it.
    """
    header: Header | None = None
    entries: list[tuple[int, Entry]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError:
            if header is not None and not line.endswith("\n"):
                return Log(header, entries, cut_off=True)
            raise LogError(f"Line {number} is not JSON") from None
        try:
            if header is None:
                header = _header(row)
            else:
                entries.append((number, _entry(row)))
        except CodecError as error:
            raise LogError(f"Line {number}: {error}") from None
    if header is None:
        raise LogError("This is no recording of a session: it is empty")
    return Log(header, entries)


def _header(row: Any) -> Header:
    if not isinstance(row, dict) or _MARK not in row:
        raise LogError("This is no recording of a session: its first line is no header")
    version = row[_MARK]
    if version != VERSION:
        raise LogError(
            f"This recording has version {version!r}; this voicebox reads version {VERSION}",
            cure="Replay it with the voicebox that wrote it" + (f" ({row['voicebox']})" if "voicebox" in row else ""),
        )
    return decode(Header, {key: value for key, value in row.items() if key != _MARK})


def _entry(row: Any) -> Entry:
    if not isinstance(row, dict):
        raise CodecError("not an object")
    at_s = decode(float, row.get("t"), at="t")
    match sorted(row.keys() - {"t"}):
        case ["rules"]:
            return NewRules(at_s, decode(Rules, row["rules"]))
        case ["effects", "fact"]:
            if not isinstance(row["effects"], list):
                raise CodecError("effects: not a list")
            effects = tuple(decode_tagged(f.Effect, effect) for effect in row["effects"])
            return Step(at_s, decode_tagged(f.Fact, row["fact"]), effects)
        case ["end"]:
            return End(at_s)
        case other:
            raise CodecError(f"neither rules, a fact nor the end: {', '.join(other) or 'nothing'}")
