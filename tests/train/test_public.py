from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.train.public import load_rules, read_public
from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.skills.intents import BUILTIN_INTENTS

NAMES = {intent.name for intent in BUILTIN_INTENTS} | {OUT_OF_SCOPE}


def test_the_table_names_only_intents_that_skills_declare() -> None:
    for rules in load_rules().values():
        assert rules.intents <= NAMES


@pytest.mark.parametrize(
    ("source", "label", "text", "intent"),
    [
        ("clinc150", "timer", "start a countdown for 20 minutes", "timer.set"),
        ("clinc150", "timer", "how much time is left", None),
        ("clinc150", "date", "what day is it today", "clock.day"),
        ("clinc150", "date", "what is the date", "clock.date"),
        ("clinc150", "change_volume", "turn the volume to 4", "volume.set"),
        ("clinc150", "change_volume", "turn the volume up", "volume.up"),
        ("clinc150", "shopping_list_update", "take carrots off my list for shopping", "lists.remove"),
        ("clinc150", "smart_home", "set my oven to 350 please", OUT_OF_SCOPE),
        ("clinc150", "smart_home", "turn the fan to the on position", "home.device_on"),
        ("clinc150", "cancel", "i need you to stop talking now", "dialog.stop"),
        ("clinc150", "transfer", "move money to savings", OUT_OF_SCOPE),
        ("hwu64", "iot_coffee", "make me a cup of coffee", "coffee.order"),
        ("hwu64", "iot_coffee", "start the coffee machine", "home.device_on"),
        ("hwu64", "audio_volume_up", "please decrease the volume of this song", None),
        ("hwu64", "qa_maths", "convert ten miles to kilometers", "math.convert"),
        ("snips", "PlayMusic", "play jazz", OUT_OF_SCOPE),
    ],
)
def test_rules(source: str, label: str, text: str, intent: str | None) -> None:
    assert load_rules()[source].intent(label, text) == intent


def test_validation_rows_are_apart_from_training_rows(tmp_path: Path) -> None:
    rows = [
        {"text": "Set a timer!", "intent": "timer", "split": "train"},
        {"text": "Timer for 5 mins", "intent": "timer", "split": "val"},
        {"text": "Move 5 dollars.", "intent": "transfer", "split": "train"},
    ]
    (tmp_path / "clinc150.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train = [(row.text, row.intent, row.origin) for row in read_public(tmp_path)]
    assert train == [
        ("set a timer", "timer.set", "clinc150/timer"),
        ("move 5 dollars", OUT_OF_SCOPE, "clinc150/transfer"),
    ]
    assert [row.text for row in read_public(tmp_path, validation=True)] == ["timer for 5 mins"]


def test_other_assistants_names_are_dropped(tmp_path: Path) -> None:
    rows = [{"text": "hey olly, mute the speaker", "intent": "audio_volume_mute", "split": "train"}]
    (tmp_path / "hwu64.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row.text for row in read_public(tmp_path)] == ["mute the speaker"]
