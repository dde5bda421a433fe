"""Skills that users write: one file each, TOML or Python, in the skills folder.

A Python file makes one `Skill` and adds intents to it; this is all that it needs:

    from voicebox.skills.own import Plan, Request, Skill, Slot

A Python skill runs with all that the server may do: only files that their user trusts belong in the folder.
"""

from __future__ import annotations

from voicebox.skills.own.define import Request, Skill, Slot
from voicebox.skills.types import Plan

__all__ = ["Plan", "Request", "Skill", "Slot"]
