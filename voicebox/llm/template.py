"""A GGUF's own chat template: from messages to tokens, so that nothing a caller says can become a control token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from voicebox.errors import ModelError
from voicebox.llm.gguf import GgufModel
from voicebox.llm.types import Message

__all__ = ["ChatTemplate"]

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


class ChatTemplate:
    """Renders messages with the template of the model's file.

    The template is rendered with a mark in place of every message's text; the text between the marks is tokenized
    with control tokens, the messages themselves without.

    Args:
        model: an instruct model.

    Raises:
        ModelError: the file has no chat template (a base model), or one that cannot be used.
    """

    def __init__(self, model: GgufModel) -> None:
        self._model = model
        source = model.chat_template
        if source is None:
            raise ModelError(f"{model.path} has no chat template: it is not an instruct model", cure=_CURE)
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals.update(raise_exception=_refuse, strftime_now=lambda form: datetime.now().strftime(form))
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise ModelError(f"The chat template of {model.path} is broken: {error}", cure=_CURE) from error
        self._bos, self._eos = model.spelling("bos"), model.spelling("eos")
        self._system = True
        try:
            self._render([Message("system", "s"), Message("user", "u")])
        except ModelError:
            # Some models (Gemma) know no system role: its text then opens the first user message.
            self._system = False
            self._render([Message("system", "s"), Message("user", "u")])

    def tokens(self, messages: Sequence[Message], *, open_end: bool = False) -> list[int]:
        """The prompt's tokens, up to where the assistant's next message begins.

        `open_end` stops behind the text of the last message instead: the prompt of a message that still grows.

        Raises:
            ModelError: the template refuses these messages (their order of roles, for example).
        """
        rendered = self._render(messages)
        tokens: list[int] = []
        end = 0
        for mark in _MARK.finditer(rendered):
            tokens += self._model.tokenize(rendered[end : mark.start()], special=True)
            tokens += self._model.tokenize(_clean(messages[int(mark[1])].content))
            end = mark.end()
        if not open_end:
            tokens += self._model.tokenize(rendered[end:], special=True)
        bos = self._model.bos
        return [bos, *tokens] if bos is not None and tokens[:1] != [bos] else tokens

    def _render(self, messages: Sequence[Message]) -> str:
        marked = [
            {"role": message.role, "content": f"{_OPEN}{i}{_CLOSE}"}
            for i, message in enumerate(messages)
            if _clean(message.content)
        ]
        if not self._system:
            marked = _fold_system(marked)
        try:
            rendered = self._template.render(
                messages=marked, add_generation_prompt=True, bos_token=self._bos, eos_token=self._eos
            )
        except (TemplateError, TypeError, ValueError) as error:
            raise ModelError(f"The chat template of {self._model.name} refuses the messages: {error}") from error
        found = [int(mark[1]) for mark in _MARK.finditer(rendered)]
        if found != [i for i, message in enumerate(messages) if _clean(message.content)]:
            raise ModelError(f"The chat template of {self._model.name} does not show every message once", cure=_CURE)
        return rendered


def _fold_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """Move leading system text into the first user message."""
    system = [message["content"] for message in messages if message["role"] == "system"]
    rest = [dict(message) for message in messages if message["role"] != "system"]
    if system and rest and rest[0]["role"] == "user":
        rest[0]["content"] = "\n\n".join([*system, rest[0]["content"]])
    elif system:
        rest.insert(0, {"role": "user", "content": "\n\n".join(system)})
    return rest


def _clean(text: str) -> str:
    return text.replace(_OPEN, "").replace(_CLOSE, "").strip()


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


_CURE = "Choose an instruct model: see `voicebox models list`."
