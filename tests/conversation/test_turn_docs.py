from __future__ import annotations

from typing import get_args

from scripts.docs.exploration import explore
from scripts.docs.turn_machine import PAGE, render
from voicebox.conversation import facts as f
from voicebox.conversation.states import Rules


def test_the_page_is_what_the_machine_does() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m scripts.docs.turn_machine"


def test_the_exploration_finds_every_effect_that_there_is() -> None:
    found = explore(Rules(idle_timeout_s=10.0, judged=True))
    ordered = {effect for outcomes in found.outcomes.values() for outcome in outcomes for effect in outcome.effects}
    assert ordered == {kind.__name__ for kind in get_args(f.Effect)} - {"WakeAt"}
    assert {fact for _, _, fact in found.outcomes} >= {"VoiceStarted", "Heard", "Tick", "Nudged", "Truncated"}
