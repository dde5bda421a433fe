"""How English text is read out."""

from __future__ import annotations

import re

from voicebox.tts.english.addresses import ADDRESSES
from voicebox.tts.english.amounts import AMOUNTS
from voicebox.tts.english.dates import DATES
from voicebox.tts.english.formulas import FORMULAS
from voicebox.tts.english.short_forms import SHORT, SHORT_FORMS
from voicebox.tts.rules import rewrite

__all__ = ["english"]

_RULES = (*ADDRESSES, *DATES, *AMOUNTS, *FORMULAS, *SHORT_FORMS)
_SPECIAL = "|".join(re.escape(word) for word in SHORT)
_PLAIN = re.compile(rf"(?:(?:I|a|A|(?!(?:{_SPECIAL})\b)[A-Z]?[a-z]{{2,}}(?:['’][a-z]{{1,2}})?)[,;:]?(?: |[.?!]?$))*")
"""Words in which no rule finds anything: most of what is said. The rules cost a millisecond."""


def english(text: str) -> str:
    """The text with symbols, numbers and short forms as a person reads them."""
    return text if _PLAIN.fullmatch(text) else rewrite(text, _RULES)
