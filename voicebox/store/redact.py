"""Words without what would tell who said them: digits, addresses, what was spelt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["redacted"]

_EMAIL = re.compile(r"\b[\w.+-]+(?:@| at )[\w-]+(?:(?:\.| dot )[\w-]+)+", re.IGNORECASE)
_SPELT = re.compile(r"\b(?:[A-Za-z][ ,.-]+){3,}[A-Za-z]\b")
_DIGITS = re.compile(r"\d")
_NUMBER = "zero|oh|one|two|three|four|five|six|seven|eight|nine"
_SPOKEN = re.compile(rf"\b(?:(?:{_NUMBER})[ ,-]+){{3,}}(?:{_NUMBER})\b", re.IGNORECASE)


def redacted(value: Any) -> Any:
    """A value of JSON with its texts redacted: e-mail addresses, spelt words, digits, and four spoken ones in a row.

    Names and places stay: nothing here knows them. What must not be kept at all is not to be stored.
    """
    if isinstance(value, str):
        text = _EMAIL.sub("[address]", value)
        text = _SPELT.sub("[spelt]", text)
        return _DIGITS.sub("#", _SPOKEN.sub("[number]", text))
    if isinstance(value, Mapping):
        return {key: redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value if value is None or isinstance(value, bool) else "#"
