"""Words with times → segments that can be read as subtitles, and the files for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicebox.server.recordings import Heard
from voicebox.stt.types import Word

__all__ = ["Segment", "segments", "srt", "vtt"]

_MAX_CHARS = 84
"""Two lines of 42 characters, what subtitles usually hold."""
_MAX_S = 7.0
_GAP_S = 0.8
_SENTENCE = (".", "!", "?", "…", "。", "！", "？")


@dataclass(frozen=True, slots=True)
class Segment:
    """What is shown at once; the probabilities are those of the piece that it was recognised in."""

    start_s: float
    end_s: float
    text: str
    avg_logprob: float
    no_speech_prob: float


def segments(pieces: Iterable[Heard]) -> list[Segment]:
    """Segments in order: they end with a sentence, at a pause, and before they are too long to read."""
    found: list[Segment] = []
    for piece in pieces:
        hypothesis = piece.hypothesis
        known = (hypothesis.avg_logprob, hypothesis.no_speech_prob)
        if not piece.words:
            found.append(Segment(piece.start_s, piece.end_s, piece.text, *known))
            continue
        line: list[Word] = []
        for word in piece.words:
            if line and _full(line, word):
                found.append(_segment(line, known))
                line = []
            line.append(word)
        found.append(_segment(line, known))
    return found


def srt(lines: Sequence[Segment]) -> str:
    """SubRip."""
    blocks = (
        f"{number}\n{_time(line.start_s, ',')} --> {_time(line.end_s, ',')}\n{line.text}\n"
        for number, line in enumerate(lines, 1)
    )
    return "\n".join(blocks)


def vtt(lines: Sequence[Segment]) -> str:
    """WebVTT. What would be markup in it is escaped."""
    blocks = (
        f"{_time(line.start_s, '.')} --> {_time(line.end_s, '.')}\n"
        + line.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        + "\n"
        for line in lines
    )
    return "\n".join(("WEBVTT\n", *blocks))


def _full(line: Sequence[Word], word: Word) -> bool:
    characters = sum(len(other.text) + 1 for other in line) + len(word.text)
    return (
        line[-1].text.endswith(_SENTENCE)
        or word.start_s - line[-1].end_s > _GAP_S
        or word.end_s - line[0].start_s > _MAX_S
        or characters > _MAX_CHARS
    )


def _segment(line: Sequence[Word], known: tuple[float, float]) -> Segment:
    return Segment(line[0].start_s, line[-1].end_s, " ".join(word.text for word in line), *known)


def _time(seconds: float, point: str) -> str:
    ms = max(0, round(seconds * 1000))
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"
