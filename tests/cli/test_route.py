"""`voicebox route`, `route evaluate` and `classify`, with the shipped model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voicebox.audio.files import write_wav
from voicebox.cli.main import main
from voicebox.cli.route_evaluate import with_setting
from voicebox.config import load_settings
from voicebox.store.calls import CallStore

pytestmark = pytest.mark.models

TIERS = '[tiers.big]\nprovider = "openai"\nmodel = "m"\nprompt_usd = 1\ncompletion_usd = 4\n'


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def voicebox(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main([*words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def route(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    return voicebox(capsys, "route", *words)[-1]


def test_who_answers_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    Path("voicebox.toml").write_text(TIERS)
    assert route(capsys, "set a timer for ten minutes")["tier"] == "reflex"
    big = route(capsys, "compare heat pumps and gas boilers for an old house")
    assert (big["tier"], big["order"]) == ("big", ["big", "small"])
    assert "several steps (+1)" in big["reasons"]
    assert route(capsys, "i am a bit tired today")["tier"] == "small"
    assert route(capsys, "i am a bit tired today", "--routing.policy", "quality")["tier"] == "big"
    again = route(capsys, "are you sure", "--before", "who wrote the odyssey")
    assert "the last answer was rejected (+1)" in again["reasons"]


def test_a_threshold_is_measured_drawn_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("voicebox.toml").write_text(f"# mine\n[server]\nport = 1\n\n{TIERS}")
    rows = [("set a timer for ten minutes", "timer.set"), ("turn on the kitchen light", "home.light_on")] * 5
    rows += [("who painted the mona lisa", "oos"), ("is my flight on time", "oos")] * 5
    Path("rows.jsonl").write_text("\n".join(json.dumps({"text": t, "intent": i}) for t, i in rows))
    *points, summary = voicebox(
        capsys, "route", "evaluate", "rows.jsonl", "--plot", "curve.png", "--write", "voicebox.toml"
    )
    assert points[0]["out_of_scope_up"] == 0.0
    assert (summary["in_scope_up"], summary["out_of_scope_up"], summary["served"]) == (0.0, 1.0, 1.0)
    assert 0 < summary["usd_per_1000"] < summary["usd_per_1000_all_large"]
    assert summary["prices"] == "tiers.big"
    assert Path("curve.png").read_bytes().startswith(b"\x89PNG")
    settings = load_settings()
    assert settings.intent.accept == pytest.approx(summary["threshold"], abs=1e-3)
    assert settings.server.port == 1
    assert Path("voicebox.toml").read_text().startswith("# mine")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("evaluate", "none.jsonl"), "cannot be read"),
        (("evaluate", "bad.jsonl"), "without text and intent"),
        (("evaluate", "other.jsonl"), "no intent 'fly'"),
        (("evaluate", "rows.jsonl", "--max-escalated", "8"), "is no share"),
        (("evaluate", "rows.jsonl", "--tier", "big"), "tiers.big has no prices"),
        (("evaluate", "rows.jsonl", "--split", "val"), "no rows of the split 'val'"),
    ],
)
def test_what_cannot_be_evaluated(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str) -> None:
    Path("bad.jsonl").write_text('{"text": "x"}\n')
    Path("other.jsonl").write_text('{"text": "x", "intent": "fly"}\n')
    Path("rows.jsonl").write_text('{"text": "x", "intent": "oos"}\n')
    assert main(["route", *words]) != 0
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "[intent]\naccept = 0.5000\n"),
        ("[intent]\nthreads = 2 # two\n", "[intent]\naccept = 0.5000\nthreads = 2 # two\n"),
        ("[intent]\naccept = 0.1\n[stt]\naccept = 3\n", "[intent]\naccept = 0.5000\n[stt]\naccept = 3\n"),
        ("[stt]\nx = 1\n", "[stt]\nx = 1\n\n[intent]\naccept = 0.5000\n"),
    ],
)
def test_one_setting_is_written_and_nothing_else(text: str, wanted: str) -> None:
    assert with_setting(text, "intent", "accept", 0.5) == wanted


def classify(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    summary = voicebox(capsys, "classify", "in.jsonl", "--out", "out.jsonl", "--workers", "1", *more)[-1]
    return summary, [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]


def test_a_file_is_classified_and_a_stopped_run_goes_on(capsys: pytest.CaptureFixture[str], say: Any) -> None:
    write_wav("lights.wav", say("Turn on the lights in the kitchen."), 16_000)
    lines = [
        json.dumps({"id": 7, "text": "set a timer for ten minutes"}),
        "what is the capital of france",
        json.dumps({"audio": "lights.wav"}),
        json.dumps({"audio": "nowhere.wav"}),
        json.dumps({"text": ""}),
    ]
    Path("in.jsonl").write_text("\n".join(lines))
    summary, rows = classify(capsys, "--stt", "whisper-tiny.en")
    assert (summary["rows"], summary["classified"]) == (5, 5)
    timer, capital, lights, nowhere, empty = rows
    assert (timer["id"], timer["intent"], timer["slots"], timer["tier"]) == (
        7,
        "timer.set",
        {"duration": 600},
        "reflex",
    )
    assert (capital["text"], capital["intent"], capital["tier"]) == ("what is the capital of france", "oos", "small")
    assert (lights["intent"], lights["slots"]["room"]) == ("home.light_on", "kitchen")
    assert "kitchen" in lights["transcript"].lower()
    assert "nowhere.wav" in nowhere["error"]
    assert empty["intent"] == "oos"
    whole = Path("out.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(whole[: whole.index(b"\n") + 20])  # Killed in the middle of the second row.
    summary, rows = classify(capsys, "--stt", "whisper-tiny.en")
    assert summary["classified"] == 4
    assert [row.get("id") for row in rows] == [7, None, None, None, None]
    assert Path("out.jsonl").read_bytes() == whole


@pytest.mark.parametrize(
    ("text", "before", "says"),
    [
        ('{"text": 3}\n', "", "in.jsonl:1 has neither text nor audio"),
        ('{"text": \n', "", "in.jsonl:1 is no JSON"),
        ('{"text": "a"}\n', '{"text": "b", "intent": "oos"}\n', "are not those of"),
    ],
)
def test_what_cannot_be_classified(capsys: pytest.CaptureFixture[str], text: str, before: str, says: str) -> None:
    Path("in.jsonl").write_text(text)
    if before:
        Path("out.jsonl").write_text(before)
    assert main(["classify", "in.jsonl", "--out", "out.jsonl"]) != 0
    assert says in capsys.readouterr().err
    assert not before or Path("out.jsonl").read_text() == before


def test_stored_turns_are_decided_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    Path("voicebox.toml").write_text(f'[store]\npath = "{tmp_path / "calls.db"}"\n{TIERS}')
    assert main(["route", "replay"]) != 0
    assert "no database" in capsys.readouterr().err
    store = CallStore(tmp_path / "calls.db")
    store.began("a")
    for n, (text, tier) in enumerate(
        [("set a timer for ten minutes", "reflex"), ("no, five minutes", "reflex"), ("i am a bit tired", "small")]
    ):
        store.turn("a", f"turn_{n}", {"tier": tier, "transcript": text, "reply_text": "Okay."})
    store.close()
    [same] = voicebox(capsys, "route", "replay")
    assert (same["turns"], same["changed"]) == (3, 0)
    moved, summary = voicebox(capsys, "route", "replay", "--routing.policy", "quality")
    assert (moved["text"], moved["was"], moved["would_be"]) == ("i am a bit tired", "small", "big")
    assert summary["would_be"] == {"reflex": 2, "big": 1}
