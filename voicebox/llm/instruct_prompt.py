"""What an instruct model is asked when it stands in for an intent model: the skills' declarations as a short prompt.

Everything that is the same for all texts comes first, so that its KV is computed once. A chat model gets it as its
system message in its own template; a base model gets lines that go on by themselves.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from voicebox.errors import ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.llm.intent_text import normalize_text
from voicebox.llm.sequences import common_prefix
from voicebox.llm.template import ChatTemplate
from voicebox.llm.types import OUT_OF_SCOPE, Message
from voicebox.skills.templates import Sentence, expand, sample
from voicebox.skills.types import Intent

__all__ = ["NOTHING", "Example", "InstructPrompt", "examples"]

NOTHING = "none"
"""How the prompt names what is out of scope."""

_ELSEWHERE = (
    "what's the weather like tomorrow", "who won the game last night", "book me a flight to paris",
    "send a message to anna", "how do i cook rice", "tell me a joke", "what's the capital of peru",
    "translate hello to french", "how much money is in my account", "why is the sky blue",
    "find me a good restaurant nearby", "i had a terrible day at work", "call my brother",
    "play some jazz", "is my credit card lost", "how do plants grow", "what should i wear tonight",
    "where is my package",
)  # fmt: skip
"""Things that most skills do not do; those that share a word with a skill's declaration are not used."""
_SHOWN_ELSEWHERE = 4
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence and its label."""

    text: str
    label: str


def examples(intents: Sequence[Intent], *, shown: int = 1, kept: int = 1) -> tuple[list[Example], list[Example]]:
    """Example sentences from the declarations, always the same: those for the prompt, and others kept back from it.

    Args:
        intents: what the skills declare.
        shown: sentences of each intent for the prompt: the first of its examples.
        kept: sentences of each intent to calibrate with: spread over the rest of its examples.
    """
    rng = random.Random(0)
    prompt: list[Example] = []
    rest: list[Example] = []
    for intent in intents:
        count = len(intent.examples)
        # Where there are no others, those that are shown must do.
        first = min(shown, max(count - 1, 0))
        spread = [intent.examples[first + (count - first) * i // kept] for i in range(kept)] if count else []
        prompt += [Example(_sentence(intent, template, rng), intent.name) for template in intent.examples[:shown]]
        rest += [Example(_sentence(intent, template, rng), intent.name) for template in spread]
    known = {word for item in (*prompt, *rest) for word in _WORD.findall(item.text)}
    known |= {word for intent in intents for word in _WORD.findall(intent.description.lower())}
    elsewhere = [Example(text, OUT_OF_SCOPE) for text in _ELSEWHERE if not known & set(_WORD.findall(text))]
    prompt += elsewhere[:_SHOWN_ELSEWHERE]
    rest += elsewhere[_SHOWN_ELSEWHERE:]
    # In the order of the declarations a model goes on with the intent that comes next.
    rng.shuffle(prompt)
    return prompt, rest


def _sentence(intent: Intent, template: str, rng: random.Random) -> str:
    try:
        return normalize_text(sample(intent, rng, example=template).text)
    except KeyError:
        # Free text of a user's own skill, for which there are no words to choose from.
        bare: Sentence = next(expand(template))
        return normalize_text(bare.text.replace("{", " ").replace("}", " "))


class InstructPrompt:
    """Prompts of one model for a set of intents.

    Args:
        model: a chat model, or a base model.
        intents: what the skills declare; their names become the labels.
        shown: the sentences that the prompt shows.

    Raises:
        ModelError: the chat template cannot be used, or the tokenizer cannot write the labels.
    """

    def __init__(self, model: GgufModel, intents: Sequence[Intent], shown: Sequence[Example]) -> None:
        self._model = model
        self.labels = (*(intent.name for intent in intents), OUT_OF_SCOPE)
        self._template = ChatTemplate(model) if model.chat_template is not None else None
        spoken = {OUT_OF_SCOPE: NOTHING}
        listing = "\n".join(f"{item.text} -> {spoken.get(item.label, item.label)}" for item in shown)
        self._system = f"{_TASK}\n{listing}"
        space = "" if self._template is not None else " "
        self.label_tokens = tuple(model.tokenize(space + spoken.get(name, name)) for name in self.labels)
        newline = model.tokenize("\n")
        if not newline or not all(self.label_tokens) or len(set(map(tuple, self.label_tokens))) < len(self.labels):
            raise ModelError(f"The tokenizer of {model.path} cannot write the names of the intents", cure=_CURE)
        first, second = (self.tokens(word) for word in ("a", "b"))
        self.pinned = tuple(first[: common_prefix(first, second)])
        self.end = newline[0]
        self.ends = self._ends()

    def tokens(self, text: str, *, open_end: bool = False) -> list[int]:
        """The prompt for a text, up to where the label begins; with `open_end` up to the end of the text."""
        if self._template is not None:
            messages = (Message("system", self._system), Message("user", text))
            return self._template.tokens(messages, open_end=open_end)
        bos = self._model.bos
        head = self._model.tokenize(f"{self._system}\n", special=False)
        tail = [] if open_end else self._model.tokenize(_ARROW)
        return [*([bos] if bos is not None else []), *head, *self._model.tokenize(text), *tail]

    def _ends(self) -> tuple[int, ...]:
        """Tokens that come where a sentence is over: a full stop and its like, and what the template has there."""
        closing = self.tokens("a")[len(self.tokens("a", open_end=True)) :]
        marks = [self._model.tokenize(mark) for mark in (".", "?", "!", "\n")]
        found = [tokens[0] for tokens in marks if len(tokens) == 1]
        return tuple(dict.fromkeys([*closing[:1], *found]))


_TASK = "Name the intent of what the user says, or none. Examples:"
_ARROW = " ->"
_CURE = "Choose an instruct model: see `voicebox models list`."


def check_room(prompt: InstructPrompt, *, room: int, name: str) -> None:
    """Raise ModelError if the prompt leaves no room for a text in a context of `room` tokens."""
    if len(prompt.pinned) + 64 > room:
        raise ModelError(
            f"{name} takes {room} tokens, the skills' declarations have {len(prompt.pinned)}",
            cure="Enable fewer skills, or choose a model with a longer context.",
        )
