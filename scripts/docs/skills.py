"""Write docs/skills.md from the declarations of the built-in skills.

python -m scripts.docs.skills            write the page
python -m scripts.docs.skills --check    exit 1 if it is not up to date
"""

from __future__ import annotations

import sys
from pathlib import Path

from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.skills.syntax import Choice, Node, SlotRef, parse
from voicebox.skills.types import Intent, Slot, SlotKind

PAGE = Path(__file__).parents[2] / "docs" / "skills.md"
_SHOWN_VALUES = 8
_SHOWN_EXAMPLES = 3

_HEAD = """\
# Skills

<!-- Written by `python -m scripts.docs.skills` from the declarations in voicebox/skills/intents. Do not edit. -->

What voicebox does by itself, without a language model. Every intent is declared once, in `voicebox/skills/intents/`;
this page, the training data of the intent model, the recogniser's bias and the matching of slot values come from there.

A slot's value is, by kind:

| kind | said | value |
|---|---|---|
| choice | one of the declared values, by spelling and by sound | the canonical value |
| duration | "an hour and a half" | 5400 (seconds) |
| time | "half past seven tomorrow", "next friday" | "2026-03-05T07:30:00", or "2026-03-06" for a day alone |
| date | "next friday", "on the 12th" | "2026-03-06" |
| number | "forty two point five" | 42.5 |
| percent | "half", "thirty percent" | 50, 30 |
| money | "twenty dollars and fifty cents" | 20.5 |
| quantity | "three and a half miles" | {"value": 3.5, "unit": "mile"} |
| expression | "seventeen times three plus one" | "17*3+1" |
| text | free words, found by the example sentences around them | the words |

Required slots that were not said are asked for. *Read-only* intents change nothing. *Amendable* intents take fragments
after them ("no, ten minutes", "with milk"): the last command is then undone and done anew. "Never mind" takes back a
command within a minute.
"""


def render() -> str:
    """The whole page."""
    parts = [_HEAD]
    skill = ""
    for intent in BUILTIN_INTENTS:
        name = intent.name.partition(".")[0]
        if name != skill:
            skill = name
            parts.append(f"\n## {name}\n\n| intent | does | slots | says, for example |\n|---|---|---|---|\n")
        parts.append(_row(intent))
    return "".join(parts)


def _row(intent: Intent) -> str:
    marks = [word for word, is_so in (("read-only", intent.read_only), ("amendable", intent.amendable)) if is_so]
    does = intent.description + (f" *({', '.join(marks)})*" if marks else "")
    slots = "any slot of the amended intent" if intent.name == "dialog.correct" else _slots(intent)
    examples = "<br>".join(f"“{_shortest(parse(example))}”" for example in _spread(intent.examples))
    return f"| `{intent.name}` | {does} | {slots or '–'} | {examples} |\n"


def _slots(intent: Intent) -> str:
    return "<br>".join(_slot(slot) for slot in intent.slots)


def _slot(slot: Slot) -> str:
    kind = str(slot.kind)
    if slot.kind is SlotKind.CHOICE:
        values = list(slot.values)
        more = f", … ({len(values)})" if len(values) > _SHOWN_VALUES else ""
        kind = ", ".join(values[:_SHOWN_VALUES]) + more
    return f"**{slot.name}**{', required' if slot.required else ''}: {kind}"


def _spread(examples: tuple[str, ...]) -> list[str]:
    """A few examples from all over the list."""
    step = max(1, len(examples) // _SHOWN_EXAMPLES)
    return list(examples[::step][:_SHOWN_EXAMPLES])


def _shortest(nodes: tuple[Node, ...]) -> str:
    """The first reading of a template, optional words left out."""
    words: list[str] = []
    for node in nodes:
        if isinstance(node, Choice):
            words.append(_shortest(min(node.options, key=bool)))
        else:
            words.append(f"{{{node.name}}}" if isinstance(node, SlotRef) else node.text)
    return " ".join(word for word in words if word)


def main() -> int:
    """Write or check the page."""
    page = render()
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            print(f"{PAGE.name} is out of date: python -m scripts.docs.skills")
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
