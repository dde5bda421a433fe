"""What is written for eyes only: Markdown, HTML, pictures. It is the same in every language."""

from __future__ import annotations

import html
import unicodedata

from voicebox.tts.rules import rewrite, rule

__all__ = ["without_markup"]

_MARKUP = (
    rule(r"&(?:[a-z]{2,8}|#\d{1,6});", lambda m: html.unescape(m[0])),
    rule(r"</?[a-zA-Z][^<>]{0,200}>|<!--[^<>]{0,200}-->", " "),
    rule(r"!?\[([^\]]*)\]\([^)\s]*\)", r"\1"),
    rule(r"```\w*|`|\*\*|__|~~", ""),
    rule(r"(?m)^\s*(?:#{1,6}|[-*+•>])\s+", ""),
    rule(r"(?m)^\s*[-=_*|:][-=_*|:\s]{2,}$", " "),
    rule(r"(?<![\w*])[*_](?=\S)|(?<=\S)[*_](?![\w*])", ""),
    rule(r"\s*\|\s*", " "),
    rule(r"[®™]", ""),
)

_READ_OUT = frozenset("°№©")


def without_markup(text: str) -> str:
    """The text without markup, pictures and control characters; white space becomes single spaces."""
    text = rewrite(text, _MARKUP)
    return " ".join("".join(c for c in text if not _is_picture(c)).split())


def _is_picture(char: str) -> bool:
    """Emoji, dingbats, their modifiers, and control characters; not the symbols that are read out."""
    if char.isascii():
        return (char < " " and char not in "\t\n\r") or char == "\x7f"
    if 0xFE00 <= ord(char) <= 0xFE0F or char == "\u20e3":
        return True
    # Combining accents belong to letters: NFD text, Devanagari, Arabic.
    return char not in _READ_OUT and unicodedata.category(char) in ("So", "Sk", "Cc", "Cf", "Co", "Cs")
