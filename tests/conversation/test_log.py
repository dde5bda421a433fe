from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conversation.call import Call
from tests.conversation.records import Lines
from tests.conversation.test_turn_properties import FACTS, RULES, SECONDS
from voicebox.conversation import facts as f
from voicebox.conversation.log import VERSION, End, Header, LogError, NewRules, Recorder, Step, read
from voicebox.conversation.ports import SessionOptions
from voicebox.conversation.replay import replay
from voicebox.conversation.states import Rules, State
from voicebox.conversation.turn import step

HEADER = Header("sess_1", "2026-05-04T12:00:00", "0.1.0")


def _recorded(story: list[tuple[f.Fact, float]], rules: Rules) -> tuple[Lines, State]:
    sink = Lines()
    recorder, state, now = Recorder(sink, HEADER), State(), 0.0
    for fact, seconds in story:
        now += seconds
        after, effects = step(state, fact, now, rules)
        recorder.step(state, fact, now, rules, after, effects)
        state = after
    recorder.end(now)
    return sink, state


STORY: list[tuple[f.Fact, float]] = [
    (f.VoiceStarted(0.0), 0.1),
    (f.Tick(), 0.032),
    (f.VoicePaused(0.6), 0.5),
    (f.Heard("turn_1", f.Kind.PAUSE, 1, "what time is it", 1.0), 0.1),
    (f.Tick(), 1.0),
    (f.ReplyReady("turn_1"), 0.1),
]


def test_a_recording_holds_what_happened() -> None:
    sink, _ = _recorded(STORY, Rules())
    log = read(sink.lines)
    assert log.header == HEADER
    assert log.entries[0][1] == NewRules(0.1, Rules())
    assert [entry.fact for _, entry in log.entries if isinstance(entry, Step)] == [
        fact for at, (fact, _) in enumerate(STORY) if at != 1
    ]
    assert isinstance(log.entries[-1][1], End)
    assert log.ended
    assert not log.cut_off
    assert sink.closed


@given(st.lists(st.tuples(FACTS, SECONDS), max_size=40), RULES)
def test_any_recording_gives_the_same_effects_again(story: list[tuple[f.Fact, float]], rules: Rules) -> None:
    sink, state = _recorded(story, rules)
    result = replay(read(sink.lines))
    assert result.difference is None
    assert result.state == state


def test_rules_are_written_where_they_change() -> None:
    sink = Lines()
    recorder, rules = Recorder(sink, HEADER), [Rules(), Rules(server_vad=False)]
    for at, held in enumerate([rules[0], rules[0], rules[1]]):
        recorder.step(State(), f.Configured(), float(at), held, State(), ())
    entries = [entry for _, entry in read(sink.lines).entries]
    assert [entry for entry in entries if isinstance(entry, NewRules)] == [
        NewRules(0.0, rules[0]),
        NewRules(2.0, rules[1]),
    ]


async def test_a_session_records_itself() -> None:
    sink = Lines()
    call = Call(SessionOptions(idle_timeout_ms=5000), record=sink)
    await call.speak("turn on the light")
    await call.wait(8.0)
    call.session.configure(SessionOptions(eagerness="low"))
    await call.speak("turn on the fan", 0.5)
    await call.session.close()
    result = replay(read(sink.lines))
    assert result.difference is None
    assert result.state.turns == 2
    assert result.state == call.session._state
    assert sink.closed
    kinds = {type(entry.fact) for _, entry in read(sink.lines).entries if isinstance(entry, Step)}
    assert {f.VoiceStarted, f.VoicePaused, f.Heard, f.ReplyReady, f.Queued, f.Said, f.Nudged} <= kinds


def test_a_machine_that_does_otherwise_is_found_where_it_does() -> None:
    sink, _ = _recorded(STORY, Rules())
    rows = [json.loads(line) for line in sink.lines]
    at = next(at for at, row in enumerate(rows) if any("StartReply" in effect for effect in row.get("effects", ())))
    rows[at]["effects"] = []
    difference = replay(read(json.dumps(row) for row in rows)).difference
    assert difference is not None
    assert difference.line == at + 1
    assert difference.recorded == ()
    assert any(isinstance(effect, f.StartReply) for effect in difference.replayed)


def _lines(*rows: Any) -> list[str]:
    head = {"voicebox_log": VERSION, "session": "s", "started": "now", "voicebox": "0.1.0"}
    return [json.dumps(row) + "\n" for row in (head, *rows)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "it is empty"),
        (["\n"], "Line 1 is not JSON"),
        (["[]\n"], "first line is no header"),
        (['{"t": 0}\n'], "first line is no header"),
        (['{"voicebox_log": 99, "voicebox": "7.0"}\n'], "version 99; .*the voicebox that wrote it .7.0"),
        (['{"voicebox_log": "x"}\n'], "version 'x'"),
        (['{"voicebox_log": 1}\n'], "Line 1: .*'session' is missing"),
        ([*_lines(), "{\n", "{}\n"], "Line 2 is not JSON"),
        (_lines([]), "Line 2: not an object"),
        (_lines({"t": 0}), "Line 2: neither rules, a fact nor the end: nothing"),
        (_lines({"t": 0, "x": 1}), "Line 2: .*x"),
        (_lines({"t": "0", "end": True}), "Line 2: t: '0' is not float"),
        (_lines({"end": True}), "Line 2: t: None is not float"),
        (_lines({"t": 0, "fact": {"Nonsense": {}}, "effects": []}), "Line 2: unknown name 'Nonsense'"),
        (_lines({"t": 0, "fact": {"Tick": {}}, "effects": {}}), "Line 2: effects: not a list"),
        (_lines({"t": 0, "rules": {"server_vad": 1}}), "Line 2: Rules.server_vad: 1 is not bool"),
    ],
)
def test_what_cannot_be_read_is_named_by_line(lines: list[str], message: str) -> None:
    with pytest.raises(LogError, match=message):
        read(lines)


TICK = {"t": 1.0, "fact": {"Tick": {}}, "effects": []}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([TICK], "Line 2: a fact before any rules"),
        ([{"t": 2.0, "rules": {}}, TICK], "Line 3: its time, 1.0 s, is earlier"),
        ([{"t": float("nan"), "rules": {}}], "Line 2: its time"),
        ([{"t": 0.0, "rules": {}}, {"t": 0.5, "end": True}, TICK], "Line 4: the session had ended"),
    ],
)
def test_a_recording_out_of_order_is_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(LogError, match=message):
        replay(read(_lines(*rows)))


@given(st.integers(1, 2_000))
def test_a_recording_that_was_cut_off_is_read_up_to_there(kept: int) -> None:
    sink, _ = _recorded(STORY, Rules())
    text = "".join(line + "\n" for line in sink.lines)
    first = len(sink.lines[0])
    cut = text[: min(len(text) - 1, first + kept)]
    log = read(cut.splitlines(keepends=True))
    assert replay(log).difference is None
    whole = {line.rstrip("\n") for line in cut.splitlines()} <= set(sink.lines)
    assert log.cut_off == (not whole)
    assert not log.ended or len(cut) >= len(text) - 1
