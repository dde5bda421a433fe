from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebox.cli.bench_endpoint import _Bench, add_arguments
from voicebox.cli.bench_endpoint_cases import Remembering, room_tone, split_points, with_pause
from voicebox.cli.bench_endpoint_plot import Curve, curves_png
from voicebox.cli.bench_endpoint_sweep import (
    Take,
    by_silence,
    by_voice,
    by_words,
    measure,
    play,
    scaled,
    silence_like,
)
from voicebox.cli.listening import HeardPause
from voicebox.cli.main import _Parser, main
from voicebox.conversation.endpoint import EndpointPolicy, Hints, Said
from voicebox.stt.types import Audio, Clip, Hypothesis, Word

RATE = 16_000
POLICY = EndpointPolicy(eagerness="medium")


def pause(
    at_s: float, text: str, gap_s: float | None = None, complete: float = 0.9, done: float | None = None
) -> HeardPause:
    resumed_s = None if gap_s is None else at_s + gap_s
    return HeardPause(at_s, at_s + 0.032, text, complete, Hints(Said.REQUEST), done, resumed_s)


ORDER = Take(0, (pause(1.0, "Get me a latte with", 0.8, 0.1), pause(2.0, "Get me a latte with milk.")))


# Cases


def tone(seconds: float, level: float = 0.3) -> Audio:
    return (level * np.sin(np.arange(round(seconds * RATE)) * 0.2)).astype(np.float32)


def hum(seconds: float) -> Audio:
    return (0.01 * np.random.default_rng(1).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_recordings_are_cut_where_it_is_quietest_between_two_words() -> None:
    audio = np.concatenate((tone(0.5), hum(0.06), tone(0.5)))
    (point,) = split_points(audio, [Word("one", 0.0, 0.45), Word("two", 0.6, 1.0)])
    assert 0.5 <= point / RATE <= 0.56


@pytest.mark.parametrize("words", [[], [Word("one", 0.0, 0.5)]])
def test_one_word_has_no_place_to_cut(words: list[Word]) -> None:
    assert split_points(tone(1.0), words) == []


def test_word_times_beyond_the_recording_are_no_places() -> None:
    assert all(0 <= p <= RATE for p in split_points(tone(1.0), [Word("a", 0.0, 0.9), Word("b", 5.0, 6.0)]))


def test_the_pause_sounds_like_the_room_and_is_as_long_as_asked() -> None:
    audio = np.concatenate((tone(0.5), hum(0.4), tone(0.5)))
    joined = with_pause(audio, RATE // 2, 700)
    assert len(joined) == len(audio) + round(0.7 * RATE)
    put_in = joined[RATE // 2 : RATE // 2 + round(0.7 * RATE)]
    assert 0.005 < np.sqrt(np.mean(put_in**2)) < 0.02
    assert audio[RATE // 2 - 1] != joined[RATE // 2 - 1] == 0.0, "faded"


@given(st.integers(0, 20_000), st.integers(1, 20_000))
def test_room_tone_has_any_length(samples: int, wanted: int) -> None:
    assert room_tone(np.ones(samples, np.float32), wanted).shape == (wanted,)


class Counting:
    """Counts what it decodes."""

    name = "counting"

    def __init__(self) -> None:
        self.decoded = 0

    def decode(self, clips: Sequence[Clip]) -> list[Hypothesis]:
        self.decoded += len(clips)
        return [Hypothesis(clip.prompt, 0.0, 0.0, "en", 1.0, 1.0) for clip in clips]


def test_equal_audio_is_decoded_once_until_the_next_recording() -> None:
    counting = Counting()
    memory = Remembering(counting)
    clips = [Clip(tone(0.1)), Clip(tone(0.1).copy()), Clip(tone(0.1), prompt="x"), Clip(tone(0.2))]
    assert [h.text for h in memory.decode(clips)] == ["", "", "x", ""]
    assert (counting.decoded, memory.name) == (3, "counting")
    memory.forget()
    memory.decode(clips[:1])
    assert counting.decoded == 4


# Policies


def test_who_goes_on_after_the_turn_was_ended_was_cut_off() -> None:
    outcome, _ = play(ORDER, by_silence(500))
    assert outcome.cut
    assert (outcome.ended_at, outcome.reason) == (0, "fixed")


def test_who_is_waited_for_has_the_wait_after_the_last_word() -> None:
    outcome, _ = play(ORDER, by_silence(900))
    assert not outcome.cut
    assert outcome.wait_ms == pytest.approx(900)
    outcome, _ = play(ORDER, by_words(POLICY))
    assert outcome.wait_ms == pytest.approx(200)


def test_a_breath_after_the_last_word_is_no_cut_off_and_its_wait_counts_from_the_word() -> None:
    take = Take(0, (pause(1.0, "Stop.", 0.3), pause(1.5, "stop")))
    assert take.last == 0
    assert play(take, by_silence(200))[0].wait_ms == pytest.approx(200)
    assert play(take, by_silence(400))[0].wait_ms == pytest.approx(900)


def test_a_pause_in_which_nothing_was_recognised_adds_no_words() -> None:
    assert Take(0, (pause(1.0, "Stop.", 0.3), pause(1.5, ""))).last == 0
    assert Take(0, (pause(1.0, "", 0.3), pause(1.5, "Stop."))).last == 1


def test_the_voice_holds_what_the_words_would_end() -> None:
    take = Take(0, (pause(1.0, "Get me a latte.", 0.4, 0.9, done=0.01), pause(2.0, "Get me a latte please.", done=0.9)))
    assert play(take, by_words(POLICY))[0].cut
    assert not play(take, by_words(POLICY, voice=True))[0].cut
    assert not play(take, by_voice(POLICY))[0].cut


def test_speakers_who_are_known_keep_their_habits() -> None:
    auto = by_words(EndpointPolicy(eagerness="auto"))
    halting = [Take(n, (pause(1.0, "Get me", 1.2, 0.01), pause(3.0, "Get me tea.")), "anna") for n in range(5)]
    fluent = [Take(n, (pause(1.0, "Get me tea."),), "ben") for n in range(5)]
    waits = [o.wait_ms for o in measure([*halting, *fluent], auto)[1]]
    assert waits[0] < waits[4]
    assert waits[5] > waits[9]
    strangers = [Take(t.row, t.pauses) for t in halting]
    assert len({o.wait_ms for o in measure(strangers, auto)[1]}) == 1


def test_the_figures_count_waits_of_those_who_were_not_cut_off() -> None:
    takes = [ORDER, Take(1, (pause(1.0, "Stop."),))]
    point, _ = measure(takes, by_silence(500))
    assert (point.cut_offs, point.mean_ms, point.n) == (0.5, 500, 2)
    point, _ = measure([ORDER], by_silence(500))
    assert (point.cut_offs, point.mean_ms) == (1.0, None)
    assert str(point) == "100.0% cut off, –"


def test_plain_vad_is_compared_at_the_same_wait_and_at_the_same_cut_offs() -> None:
    takes = [ORDER, Take(1, (pause(1.0, "Stop."),))]
    plain = silence_like(takes, measure(takes, by_words(POLICY))[0])
    assert plain["same_wait"][0] == 200
    assert plain["same_wait"][1].cut_offs == 0.5
    assert plain["same_cut_offs"][0] == 800
    assert plain["same_cut_offs"][1].cut_offs == 0.0


@given(st.floats(0.25, 4.0))
def test_a_pace_multiplies_every_wait(pace: float) -> None:
    policy = scaled(POLICY, pace)
    wait = policy.wait("Turn off", 0.01, hints=Hints(Said.REQUEST)).ms
    assert wait == pytest.approx(max(96, pace * POLICY.long_ms), abs=1)


# The picture


def test_curves_become_a_png_in_which_each_has_its_colour() -> None:
    curves = [Curve("plain VAD", [(200, 0.5), (1500, 0.1)]), Curve("words", [(100, 0.2), (9_000, 7.0)], [(300, 0.1)])]
    data = curves_png("a title", curves, x_label="ms", y_label="cut off", x_max=1500, y_max=0.5, goal=(350, 0.05))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks = {}
    at = 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += size + 12
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    pixels = rows[:, 1:].reshape(-1, 3)
    for colour in ((110, 110, 110), (31, 119, 180), (232, 245, 232)):
        assert (pixels == colour).all(axis=1).sum() > 100


# The command


def folder(tmp_path: Path, rows: list[dict[str, object]]) -> Path:
    (tmp_path / "manifest.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--pauses", "soon"], "not a list of milliseconds"),
        (["--pauses", "0"], "1 to 2000 ms"),
        (["--pauses", "90000"], "1 to 2000 ms"),
        (["--limit", "0"], "leaves nothing"),
        (["--turn-model", "no-such-model"], "no-such-model"),
    ],
)
def test_bad_flags_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: str) -> None:
    path = folder(tmp_path, [{"path": "a.wav", "text": "stop"}])
    assert main(["bench", "endpoint", str(path), *flags]) > 0
    assert words in capsys.readouterr().err


def test_an_empty_manifest_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "endpoint", str(folder(tmp_path, []))]) == 2
    assert "no rows" in capsys.readouterr().err


def bench(tmp_path: Path, *flags: str) -> _Bench:
    from voicebox.cli.manifest import Row

    parser = _Parser()
    add_arguments(parser)
    args = parser.parse_args([str(tmp_path), "--turn-model", "none", *flags])
    made = _Bench(args, [Row(Path("a.wav"), "one"), Row(Path("b.wav"), "two")])
    for condition in made._conditions.values():
        condition.takes += [ORDER, Take(1, (pause(1.0, "Stop."),))]
    return made


def test_the_report_has_curves_and_plain_vad_for_each_condition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench(tmp_path, "--json", "--pauses", "500").report("tiny", {"natural": 1})
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(summary["conditions"]) == ["natural", "500 ms", "all"]
    natural = summary["conditions"]["natural"]
    assert natural["policy"]["cut_offs"] == 0.0
    assert natural["policy"]["wrong_results"] == 1
    assert natural["inner_pauses"] == 1
    assert natural["plain_vad_same_wait"]["cut_offs"] == 0.5
    assert natural["curves"]["plain VAD"][0]["setting"] == "200 ms"
    assert summary["conditions"]["all"]["policy"]["n"] == 4
    assert summary["model"] == "tiny"


def test_people_get_a_table_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "curve.png"
    bench(tmp_path, "--plot", str(picture)).report("tiny", {})
    out = capsys.readouterr().out
    assert "natural" in out
    assert "plain VAD" in out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    from voicebox.errors import ConfigError

    with pytest.raises(ConfigError, match="cannot be written"):
        bench(tmp_path, "--plot", str(tmp_path / "none" / "curve.png")).report("tiny", {})
