from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tts.dummy_voice import write_voice
from voicebox.errors import ConfigError, EngineError, ModelError, VoiceboxError
from voicebox.tts.piper import PiperSynthesizer
from voicebox.tts.types import Synthesizer
from voicebox.tts.voices import OPENAI_VOICES, VoicePool, VoiceRef, find_voice, open_voice, read_aliases

PoolOf = Callable[..., VoicePool]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_voice(tmp_path, "joe")
    write_voice(tmp_path, "many", speakers=(0.1, 0.2, 0.3), rate=16_000)
    write_voice(tmp_path, "amy")
    write_voice(tmp_path, "hans", language="de")
    return tmp_path


@pytest.fixture
def pool_of(folder: Path) -> PoolOf:
    def locate(name: str) -> Path:
        return folder / f"{name}.onnx"

    def make(own: str = "joe", **options: object) -> VoicePool:
        names = tuple(sorted(path.stem for path in folder.glob("*.onnx")))
        return VoicePool(find_voice(own, locate), locate=locate, installed=lambda: names, **options)  # type: ignore[arg-type]

    return make


def _bring(pool: VoicePool, name: str) -> Synthesizer | VoiceboxError:
    out: list[Synthesizer | VoiceboxError] = []
    there = threading.Event()

    def ready(result: Synthesizer | VoiceboxError) -> None:
        out.append(result)
        there.set()

    pool.request(pool.find(name), ready)
    assert there.wait(30)
    return out[0]


def test_openai_names_and_none_are_the_servers_own(pool_of: PoolOf) -> None:
    pool = pool_of()
    assert {pool.find(name).name for name in ("", "joe", *OPENAI_VOICES)} == {"joe"}


def test_an_alias_comes_before_openais_meaning(pool_of: PoolOf) -> None:
    pool = pool_of(aliases={"nova": "many:2", "joe": "amy"})
    assert (pool.find("nova").name, pool.find("nova").speaker) == ("many:2", 2)
    assert pool.find("joe").name == "amy"
    assert pool.find("alloy").name == "joe"
    assert [pool.known_as(name) for name in ("nova", "joe", "alloy", "many:1")] == ["nova", "joe", "joe", "many:1"]


def test_an_alias_may_name_a_file_which_clients_do_not_learn(folder: Path, tmp_path: Path) -> None:
    file = write_voice(tmp_path / "elsewhere", "eve")
    own = find_voice(str(tmp_path / "joe.onnx"), Path)
    pool = VoicePool(own, locate=Path, installed=lambda: (), aliases={"nova": str(file)})
    assert pool.find("nova").path == file
    assert pool.known_as("nova") == "nova"
    with pytest.raises(ConfigError, match="no voice") as caught:
        pool.find("bob")
    assert "eve" not in str(caught.value)


def test_another_voice_is_found_with_its_speaker(pool_of: PoolOf) -> None:
    pool = pool_of()
    assert pool.find("amy").speaker == 0
    assert [pool.find(f"many{speaker}").speaker for speaker in ("", ":0", ":2", ":p1")] == [0, 0, 2, 1]
    assert pool.find("many:1").path == pool.find("many:2").path


@pytest.mark.parametrize(
    "name", ["bob", "bob:1", "../joe", "/etc/passwd", "joe.onnx", "~", " ", "\0", "x" * 5_000, "\ud800"]
)
def test_what_is_not_installed_is_refused_with_what_is(pool_of: PoolOf, name: str) -> None:
    with pytest.raises(ConfigError, match=r"no voice .* here\. Installed: joe, nova, amy, hans, many\.") as caught:
        pool_of(aliases={"nova": "joe"}).find(name)
    assert len(str(caught.value)) < 400


def test_an_own_voice_that_is_a_file_opens_no_others(pool_of: PoolOf, folder: Path) -> None:
    own = find_voice(str(folder / "joe.onnx"), Path)
    pool = VoicePool(own, locate=Path, installed=lambda: ())
    assert pool.find("alloy") is own
    with pytest.raises(ConfigError, match="no voice"):
        pool.find(str(folder / "amy.onnx"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("many:", "names no speaker"),
        ("many:3", "no speaker '3'"),
        ("amy:1", "one speaker"),
        ("hans", "speaks 'de', but"),
    ],
)
def test_what_does_not_fit_is_refused(pool_of: PoolOf, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pool_of().find(name)


def test_a_path_with_a_colon_is_a_path(tmp_path: Path) -> None:
    file = write_voice(tmp_path / "a:b", "joe", speakers=(0.1, 0.2))
    assert find_voice(str(file), Path).speaker == 0
    assert find_voice(f"{file}:1", Path).speaker == 1
    assert find_voice(str(file.parent), Path).path == file


def test_a_voice_is_loaded_once_and_shared_by_its_speakers(pool_of: PoolOf) -> None:
    loads: list[str] = []

    def load(ref: VoiceRef, threads: int) -> Synthesizer:
        loads.append(ref.name)
        return open_voice(ref, threads)

    pool = pool_of(load=load)
    assert pool.get(pool.find("many")) is None
    first, second = _bring(pool, "many:1"), _bring(pool, "many:2")
    assert first is second
    assert isinstance(first, PiperSynthesizer)
    assert first.rate == 16_000
    assert loads == ["many:1"]


def test_requests_during_a_load_share_it(pool_of: PoolOf) -> None:
    gate, loads = threading.Event(), []

    def load(ref: VoiceRef, threads: int) -> Synthesizer:
        loads.append(ref.name)
        assert gate.wait(30)
        return open_voice(ref, threads)

    pool = pool_of(load=load)
    out: list[object] = []
    both = threading.Semaphore(0)

    def ready(result: object) -> None:
        out.append(result)
        both.release()

    for _ in range(2):
        pool.request(pool.find("amy"), ready)
    assert not out
    gate.set()
    assert both.acquire(timeout=30)
    assert both.acquire(timeout=30)
    assert out[0] is out[1]
    assert loads == ["amy"]


def test_the_voice_that_was_not_used_for_longest_goes(pool_of: PoolOf, folder: Path) -> None:
    write_voice(folder, "eve")
    pool = pool_of(most=2)
    _bring(pool, "amy")
    _bring(pool, "many")
    assert pool.get(pool.find("amy")) is not None
    _bring(pool, "eve")
    assert [path.stem for path in pool.loaded] == ["amy", "eve"]


def test_an_idle_voice_is_dropped(pool_of: PoolOf) -> None:
    now = [0.0]
    pool = pool_of(idle_s=10.0, clock=lambda: now[0])
    assert pool.sweep() is None
    _bring(pool, "amy")
    now[0] = 4.0
    assert pool.sweep() == pytest.approx(6.0)
    assert pool.get(pool.find("amy")) is not None
    now[0] = 13.9
    assert pool.sweep() == pytest.approx(0.1)
    now[0] = 14.0
    assert pool.sweep() is None
    assert pool.loaded == ()


def test_no_other_voice_may_be_kept_at_all(pool_of: PoolOf) -> None:
    pool = pool_of(most=0)
    assert isinstance(_bring(pool, "amy"), PiperSynthesizer)
    assert pool.loaded == ()


def test_a_voice_that_cannot_be_loaded_says_so_and_can_be_replaced(pool_of: PoolOf, folder: Path) -> None:
    good = (folder / "amy.onnx").read_bytes()
    (folder / "amy.onnx").write_bytes(good[:1_000])
    pool = pool_of()
    error = _bring(pool, "amy")
    assert isinstance(error, ModelError)
    assert "amy.onnx" in str(error)
    assert pool.loaded == ()
    (folder / "amy.onnx").write_bytes(good)
    assert isinstance(_bring(pool, "amy"), PiperSynthesizer)


def test_a_voice_with_a_damaged_description_is_named(pool_of: PoolOf, folder: Path) -> None:
    (folder / "amy.onnx.json").write_text("{")
    with pytest.raises(ModelError, match=r"amy\.onnx\.json"):
        pool_of().find("amy")


def test_a_closed_pool_loads_nothing(pool_of: PoolOf) -> None:
    pool = pool_of()
    _bring(pool, "amy")
    pool.close()
    pool.close()
    assert pool.loaded == ()
    with pytest.raises(EngineError, match="closed"):
        pool.request(pool.find("amy"), lambda result: None)


def test_aliases_are_pairs() -> None:
    assert read_aliases(["nova = amy", "echo=many:2"]) == {"nova": "amy", "echo": "many:2"}
    for item in ("nova", "=amy", "nova="):
        with pytest.raises(ConfigError, match="no alias"):
            read_aliases([item])
