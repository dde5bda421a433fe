"""Write docs/turn-machine.md: what the turn machine does with each fact, found by trying all of them.

python -m scripts.docs.turn_machine            write the page
python -m scripts.docs.turn_machine --check    exit 1 if it is not up to date

From the first state on, every kind of fact with every choice of its contents is given to the real `step`; each state
that comes of it and is of a new kind is taken further. Times, numbers and names make no new kind of state.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.docs.exploration import Explored, Outcome, explore
from voicebox.conversation import facts, states
from voicebox.conversation.states import Rules

PAGE = Path(__file__).parents[2] / "docs" / "turn-machine.md"

_VARIANTS = {
    "": Rules(),
    "push to talk": Rules(server_vad=False),
    "not interruptible": Rules(interruptible=False),
    "idle timeout": Rules(idle_timeout_s=10.0),
    "end of turn heard": Rules(judged=True),
}

_ORDER = ["Quiet", "Speech", "Speech, in a pause", "Closing, words awaited", "Closing, answer awaited"]

_HEAD = """\
# The turn machine

<!-- Written by `python -m scripts.docs.turn_machine` from voicebox/conversation. Do not edit. -->

`step(state, fact, now, rules) → (state, effects)` decides who speaks, when a turn is over and when the assistant must
be silent. It is a pure function: facts are what it is told, effects what it orders, and time is an argument.
`session.py` performs the effects. [turn-taking.md](turn-taking.md) says why it is as it is; this page says what it
does, found by trying: {steps:,} steps from {states:,} kinds of states.

A recorded session (`conversation.record_dir`) can be run through the machine again: `voicebox replay FILE` prints what
it was told and what it ordered, and checks that it orders the same today. A recording holds what people said.
"""

_TABLES = """
## What follows

For each state of the caller's side: which fact leads where, and what is ordered, in order. `(…)` names the rules under
which alone that happens. Facts that change nothing are left out; so are orders to wake up. Several lines are several
outcomes: which one depends on the words, on time, and on what is known of the turn.
"""


def render() -> str:
    """The whole page."""
    explored = {name: explore(rules) for name, rules in _VARIANTS.items()}
    base = explored[""]
    parts = [_HEAD.format(steps=sum(e.steps for e in explored.values()), states=len(base.kinds))]
    parts.append(_glossary("The caller's side", states, _members(states.Listening)))
    parts.append(_glossary("The assistant's side", states, _members(states.Voice)))
    parts.append(_glossary("Facts", facts, _members(facts.Fact)))
    parts.append(_glossary("Effects", facts, _members(facts.Effect)))
    parts.append(_TABLES)
    for caller in sorted(base.callers, key=_ORDER.index):
        parts.append(_table(caller, explored))
    return "".join(parts)


def _members(union: object) -> list[type]:
    return list(union.__args__)  # type: ignore[attr-defined]


def _glossary(title: str, module: object, kinds: list[type]) -> str:
    rows = [f"| `{kind.__name__}` | {_first_sentence(kind)} |\n" for kind in kinds]
    return "".join([f"\n## {title}\n\n| | |\n|---|---|\n", *rows])


def _first_sentence(kind: type) -> str:
    """The first paragraph of a docstring, on one line."""
    text = (kind.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(text.split()).replace("|", "\\|")


def _table(caller: str, explored: dict[str, Explored]) -> str:
    """One state of the caller's side: a row for each fact, and for each of the assistant's states that differ."""
    lines = [f"\n### {caller}\n\n| fact | while the assistant is | what follows |\n|---|---|---|\n"]
    for fact in explored[""].facts:
        found: dict[tuple[str, ...], list[str]] = {}
        for assistant in explored[""].assistants:
            outcomes = tuple(_outcomes(caller, assistant, fact, explored))
            if outcomes:
                found.setdefault(outcomes, []).append(assistant)
        for at, (outcomes, assistants) in enumerate(found.items()):
            all_of_them = assistants == _possible(caller, explored[""])
            who = "anything" if all_of_them else ", ".join(f"`{name}`" for name in assistants)
            lines.append(f"| {'' if at else f'`{fact}`'} | {who} | {'<br>'.join(outcomes)} |\n")
    return "".join(lines)


def _possible(caller: str, explored: Explored) -> list[str]:
    """The assistant's states beside which this one of the caller's can be."""
    return [name for name in explored.assistants if (caller, name) in explored.together]


def _outcomes(caller: str, assistant: str, fact: str, explored: dict[str, Explored]) -> list[str]:
    usual = explored[""].outcomes.get((caller, assistant, fact), set())
    texts = [_text(outcome, caller, assistant) for outcome in sorted(usual)]
    special: dict[Outcome, list[str]] = {}
    for variant in list(explored)[1:]:
        for outcome in explored[variant].outcomes.get((caller, assistant, fact), set()) - usual:
            special.setdefault(outcome, []).append(variant)
    return texts + [f"{_text(each, caller, assistant)} ({', '.join(special[each])})" for each in sorted(special)]


def _text(outcome: Outcome, caller: str, assistant: str) -> str:
    sides = ((outcome.caller, caller), (outcome.assistant, assistant))
    moved = [f"`{name}`" for name, before in sides if name != before]
    parts = [" and ".join(moved)] if moved else []
    if outcome.effects:
        parts.append(", ".join(outcome.effects))
    return ("→ " if moved else "") + ": ".join(parts)


def main() -> int:
    """Write or check the page."""
    page = render()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            print(f"{PAGE.name} is out of date: python -m scripts.docs.turn_machine")
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
