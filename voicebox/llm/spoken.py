"""What an instruct model writes, as something that can be said aloud: no markdown, a few sentences, then silence."""

from __future__ import annotations

import re

__all__ = ["SpokenText"]

_TIMES = re.compile(r"(?<=\d) *\* *(?=\d)")
_MARKUP = re.compile(r"[*_`#~|>]+|(?:\A|(?<=\n))[ \t]*[-•](?=\s)|(?<=\n)[ \t]*\d{1,2}[.)](?=\s)")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*\s+(?=\S)")
_NO_END = re.compile(r"(?:\b(?:\w|Dr|Mr|Mrs|Ms|St|vs|etc|No|approx))\.$", re.IGNORECASE)
_FENCE = "```"


class SpokenText:
    """Cleans a reply piece by piece.

    Text is handed on up to the last whole word, so that markup which arrives in pieces is seen whole. The reply is over
    when it has `max_sentences`, or when it turns to code.

    Args:
        max_sentences: after the end of this many sentences nothing more is handed on.
    """

    def __init__(self, *, max_sentences: int = 3) -> None:
        self._max_sentences = max_sentences
        self._raw = ""
        self._said = ""
        self.done = False

    def feed(self, text: str) -> str:
        """Take the next text and return what can be said of it now."""
        if self.done:
            return ""
        self._raw += text
        fence = self._raw.find(_FENCE)
        if fence >= 0:
            return self._say(self._raw[:fence], over=True)
        # The last word may still grow into markup or a number.
        whole = max(self._raw.rfind(" "), self._raw.rfind("\n"))
        return self._say(self._raw[: whole + 1], over=False) if whole > 0 else ""

    def finish(self) -> str:
        """What is left when the model is done."""
        return "" if self.done else self._say(self._raw, over=True)

    def _say(self, raw: str, *, over: bool) -> str:
        text = " ".join(_MARKUP.sub(" ", _TIMES.sub(" times ", raw)).split())
        text = re.sub(r" +([.,!?;:])", r"\1", text)
        sentences = 0
        for end in _SENTENCE_END.finditer(text):
            if _NO_END.search(text[: end.start() + 1]):
                continue
            sentences += 1
            if sentences >= self._max_sentences:
                text, over = text[: end.end()].rstrip(), True
                break
        self.done = over
        if not text.startswith(self._said):
            return ""
        new, self._said = text[len(self._said) :], text
        return new
