"""The client's tools in a conversation: which calls were made, and what came back."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from voicebox.errors import VoiceboxError
from voicebox.llm.tools import ToolCall

__all__ = ["ToolLoop"]

_MAX_TURNS = 4
_MAX_CALLS = 8
"""Calls for one turn, after which it is answered in words: a model may go round in circles."""
_MAX_OUTPUT = 2000
"""Characters of a result: all of it is read before the answer begins."""


@dataclass(slots=True)
class _Turn:
    text: str
    calls: dict[str, ToolCall] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    fresh: bool = False
    """Whether results came that no reply has taken up."""


class ToolLoop:
    """The newest turns that used tools; older ones live on in the history only."""

    def __init__(self) -> None:
        self._turns: OrderedDict[str, _Turn] = OrderedDict()

    def called(self, turn: str, text: str, call: ToolCall) -> None:
        """A tool is being called for a turn, whose words are `text`."""
        entry = self._turns.setdefault(turn, _Turn(text))
        self._turns.move_to_end(turn)
        entry.calls[call.id] = call
        while len(self._turns) > _MAX_TURNS:
            self._turns.popitem(last=False)

    def result(self, call_id: str, output: str) -> tuple[str, ToolCall]:
        """A tool has answered; returns the turn that it was called for, and the call.

        Raises:
            VoiceboxError: no such call waits for a result.
        """
        for turn, entry in self._turns.items():
            call = entry.calls.get(call_id)
            if call is not None and call_id not in entry.results:
                entry.results[call_id] = output if len(output) <= _MAX_OUTPUT else f"{output[:_MAX_OUTPUT]} …"
                entry.fresh = True
                return turn, call
        raise VoiceboxError(
            f"no call {call_id[:100]!r} waits for a result", cure="Use the call_id of a function_call, once"
        )

    def waiting(self) -> tuple[str, str] | None:
        """The newest turn, and its words, with results that no reply has taken up."""
        return next(((turn, entry.text) for turn, entry in reversed(self._turns.items()) if entry.fresh), None)

    def exchange(self, turn: str) -> tuple[tuple[ToolCall, str], ...]:
        """The calls of a turn that were answered, each with its result, in order."""
        entry = self._turns.get(turn)
        if entry is None:
            return ()
        return tuple((call, entry.results[id]) for id, call in entry.calls.items() if id in entry.results)

    def may_call(self, turn: str) -> bool:
        """Whether another call for the turn is allowed."""
        entry = self._turns.get(turn)
        return entry is None or len(entry.calls) < _MAX_CALLS

    def taken_up(self, turn: str) -> None:
        """A reply is made from the turn's results."""
        if turn in self._turns:
            self._turns[turn].fresh = False

    def forget(self, call_id: str) -> None:
        """A call, and its result, were never there; what is not known is ignored."""
        for entry in self._turns.values():
            entry.calls.pop(call_id, None)
            entry.results.pop(call_id, None)
            entry.fresh = entry.fresh and bool(entry.results)
