"""Other ways to say a sentence, by rules that hold for most English requests: a few examples become many."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

__all__ = ["paraphrase"]

_WANT = ("i want", "i'd like", "i would like", "we'd like", "give me", "get me", "can i get", "can i have",
         "could i have", "could we have", "let me have", "let me get", "i'll have", "i'll take", "i need",
         "we need", "how about", "may i have", "i could use", "i feel like")  # fmt: skip
_WANT_TO = ("i want to", "i'd like to", "i would like to", "we want to", "i need to", "i have to", "can i", "could i",
            "could we", "may i", "let me", "let's", "is it possible to", "i'm going to",
            "i'm trying to")  # fmt: skip
_DO = ("can you", "could you", "could you please", "can you please", "would you", "please", "i want you to",
       "i need you to", "will you", "go ahead and", "would you mind to", "hey", "now", "just")  # fmt: skip
_TELL = ("tell me", "do you know", "can you tell me", "i want to know", "i'd like to know", "could you check",
         "let me know", "any idea", "find out", "look up", "remind me")  # fmt: skip
_ENDS = ("please", "thanks", "for me", "for me please", "right now", "now", "today", "if you can", "okay")
_STARTS = ("hey", "hi", "okay", "so", "um", "well", "yeah", "uh", "and", "oh", "alright", "hello", "actually")
_QUESTION = re.compile(
    r"(?:what|when|where|which|who|how|why|is|are|do|does|did|has|have|can|could|will|would|am|was|were|should)\b"
)
_DETERMINER = r"(?= (?:a|an|one|two|three|four|five|six|some|the|another|[0-9]+)\b)"
_WANTED = re.compile("^(?:" + "|".join(sorted(_WANT, key=len, reverse=True)) + ")" + _DETERMINER)
_WANTED_TO = re.compile("^(?:" + "|".join(sorted(_WANT_TO, key=len, reverse=True)) + r")(?= [a-z]+ )")
_ASKED = re.compile(r"^(?:can|could|would|will) (?:you|we|i) (?:please )?")
_NO_COMMAND = frozenset(
    "i i'd i'll i'm we we'd we'll you he she it it's there that this these those my our your the a an no not one two "
    "three four five six some any".split()
)
_SAME: tuple[tuple[str, ...], ...] = (
    ("what's", "what is"), ("where's", "where is"), ("when's", "when is"), ("i'm", "i am"), ("my", "our", "the"),
    ("show me", "tell me", "give me", "read me"), ("get", "have"), ("want", "need", "would like"),
    ("tonight", "this evening"), ("for", "to"), ("cancel", "call off", "drop"), ("check", "look at"),
    ("don't", "do not"), ("how much", "what amount of"), ("book", "reserve"), ("order", "get"), ("my", "that"),
    ("a", "another", "some"), ("send", "transfer", "move"), ("buy", "get"), ("is", "was"), ("will", "does"),
)  # fmt: skip
"""Words that often stand for one another, whatever the skill."""


def paraphrase(text: str, rng: random.Random, *, fixed: Sequence[str] = ()) -> str:
    """Another way to say a normalized sentence, at random; sometimes the same.

    Args:
        text: normalized words.
        rng: the only source of chance.
        fixed: words that stay as they are: values of slots.
    """
    text = _opened(text, rng)
    keep = {word for words in fixed for word in words.split()}
    if rng.random() < 0.5:
        same = rng.choice(_SAME)
        found = next((words for words in same if re.search(rf"\b{re.escape(words)}\b", text)), None)
        if found is not None and found not in keep:
            other = rng.choice([words for words in same if words != found])
            text = re.sub(rf"\b{re.escape(found)}(?!\w|')", other, text, count=1)
    words = text.split()
    if len(words) > 4 and rng.random() < 0.15:
        loose = [at for at, word in enumerate(words) if word not in keep and len(word) < 5]
        if loose:
            del words[rng.choice(loose)]
    text = " ".join(words)
    if rng.random() < 0.2:
        text = f"{rng.choice(_STARTS)} {text}"
    if rng.random() < 0.25 and not text.endswith(("please", "thanks")):
        text = f"{text} {rng.choice(_ENDS)}"
    return text


def _opened(text: str, rng: random.Random) -> str:
    """The sentence with another way to begin: what one wants, what one wants to do, a command, a question."""
    if rng.random() < 0.35:
        return text
    if _WANTED.match(text):
        return _WANTED.sub(rng.choice(_WANT), text)
    if _WANTED_TO.match(text):
        rest = _WANTED_TO.sub("", text).strip()
        return f"{rng.choice((*_WANT_TO, *_DO))} {rest}"
    if (asked := _ASKED.match(text)) is not None:
        rest = text[asked.end() :]
        return rest if rng.random() < 0.4 else f"{rng.choice((*_DO, *_WANT_TO))} {rest}"
    first = text.split(" ", 1)[0]
    if _QUESTION.match(text):
        return f"{rng.choice(_TELL)} {text}"
    if first in ("a", "an", "one", "two", "three", "four", "five", "six"):
        return f"{rng.choice(_WANT)} {text}"
    if first not in _NO_COMMAND and " " in text:
        return f"{rng.choice((*_DO, *_WANT_TO))} {text}"
    return text
