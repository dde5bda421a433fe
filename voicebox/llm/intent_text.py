"""What the intent model reads: text normalization and the file contract, shared by the trainer and the runtime.

The GGUF is of the BERT architecture, with a "bert" vocabulary (word pieces; `[CLS]` and `[SEP]` around a text) and a
linear head. The mean of the last layer over all tokens of `normalize_text(text)`, with a one behind it, times the rows
of `KEY_HEAD` gives a logit per label and, last, that of "all is said":

- softmax over the labels' logits / `KEY_TEMPERATURE` is the distribution over the labels;
- the logistic function of the last logit / `KEY_COMPLETE_TEMPERATURE` is P(complete).

The text is in scope if 1 − P(`OUT_OF_SCOPE`) ≥ `KEY_THRESHOLD`. The metadata values are all strings.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = [
    "ENCODER_VERSION",
    "KEY_COMPLETE_TEMPERATURE",
    "KEY_HEAD",
    "KEY_LABELS",
    "KEY_TEMPERATURE",
    "KEY_THRESHOLD",
    "KEY_VERSION",
    "normalize_text",
]

ENCODER_VERSION = "2"
KEY_VERSION = "voicebox.intent.version"
"""`ENCODER_VERSION`; another version is refused (1 was a Llama that no release had)."""
KEY_HEAD = "voicebox.intent.head"
"""Base64 of little-endian float16, rows of width + 1 (the last is the bias), one per label and one more."""
KEY_LABELS = "voicebox.intent.labels"
"""JSON list of the label names, `OUT_OF_SCOPE` included."""
KEY_TEMPERATURE = "voicebox.intent.temperature"
KEY_COMPLETE_TEMPERATURE = "voicebox.intent.complete_temperature"
KEY_THRESHOLD = "voicebox.intent.threshold"

_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"[’‘`´ʼ]", "'"),
        (r"[−–—]", "-"),
        (r"⁄", "/"),
        # Numbers as recognisers write them.
        (r"(?<=\d),(?=\d{3}(?!\d))", ""),
        (r"(?<!\w)\.(?=\d)", "0."),
        (r"\$ ?(\d+(?:\.\d+)?)", r"\1 dollars "),
        (r"€ ?(\d+(?:\.\d+)?)", r"\1 euros "),
        (r"£ ?(\d+(?:\.\d+)?)", r"\1 pounds "),
        (r"%", " percent "),
        (r"°", " degrees "),
        (r"&", " and "),
        (r"\+", " plus "),
        (r"=", " equals "),
        (r"[×*]", " times "),
        (r"÷|(?<=\d)\s+/\s+(?=\d)", " divided by "),
        (r"(?<=\d)\s+-\s+(?=\d)|(?<![\w.])-(?=\d)", " minus "),
        (r"\b([ap])\.\s?m\b\.?", r"\1m"),
    )
)
_REGLUED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=\d) ?x ?(?=\d)"), " times "),
    (re.compile(r"(\d)([ap]m)\b"), r"\1 \2"),
)
"""Rules whose matches may only appear once punctuation is gone."""
_PLAIN = re.compile(r"[a-z]+(?:'[a-z]+)*(?: [a-z]+(?:'[a-z]+)*)*")
"""Most texts: nothing that any rule changes."""
_INSIDE_NUMBER = frozenset(".:/")


def normalize_text(text: str) -> str:
    """Bring text from people, recognisers and data sets into one form.

    Lower case (NFKC), no punctuation but apostrophes inside words and `.`, `:`, `/` inside numbers, single spaces.
    Digits stay digits ("10 minutes", "7:30 am"); symbols become words ("5%" → "5 percent"). Idempotent.
    """
    text = text.lower()
    if _PLAIN.fullmatch(text):
        return text
    text = unicodedata.normalize("NFKC", text).lower()
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = " ".join("".join(_keep(text, i) for i in range(len(text))).split())
    for pattern, replacement in _REGLUED:
        text = pattern.sub(replacement, text)
    return text


def _keep(text: str, i: int) -> str:
    """Character `i` if it belongs to a word or number, else a space."""
    char = text[i]
    if unicodedata.category(char)[0] in "LMN":
        return char
    before, after = text[i - 1 : i] if i else "", text[i + 1 : i + 2]
    if char == "'" and before.isalpha() and after.isalpha():
        return char
    if char in _INSIDE_NUMBER and before.isdecimal() and after.isdecimal():
        return char
    return " "
