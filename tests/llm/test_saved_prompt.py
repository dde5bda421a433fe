from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.llm import tiny_arch
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.prompt_cache import PromptCache

TIMEOUT_S = 60
TOKENS = [5, 9, 7, 30, 31, 32, 40, 41, 42, 43, 44, 45, 50, 51, 52, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72]


@pytest.fixture(scope="module", params=["gemma3", "phi3", "qwen3"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_arch.build(tmp_path_factory.mktemp("gguf") / "m.gguf", request.param)


@pytest.fixture
def start(path: Path) -> Iterator[Callable[[], LlamaEngine]]:
    engines: list[LlamaEngine] = []

    def start() -> LlamaEngine:
        engines.append(LlamaEngine(path, n_ctx=512, max_sessions=3))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def logits(engine: LlamaEngine, session: str) -> list[float]:
    found = engine.score([*TOKENS, 80, 81], (3, 1, 4), session=session).result(TIMEOUT_S)
    return [float(value) for value in found]


def test_the_next_run_computes_nothing_and_scores_the_same(start: Callable[[], LlamaEngine], tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "cache")
    first = start()
    first.pin(TOKENS, cache=cache).result(TIMEOUT_S)
    assert (first.stats.decoded_tokens, first.stats.restored_tokens) == (len(TOKENS), 0)
    expected = logits(first, "a")
    second = start()
    second.pin(TOKENS, cache=cache).result(TIMEOUT_S)
    assert (second.stats.decoded_tokens, second.stats.restored_tokens) == (0, len(TOKENS))
    for session in ("a", "b"):
        assert logits(second, session) == pytest.approx(expected, abs=0.02)
        second.release(session)
    assert second.stats.decoded_tokens == 2 * 2


def test_other_tokens_are_another_entry(start: Callable[[], LlamaEngine], tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "cache")
    engine = start()
    for tokens in (TOKENS, [*TOKENS[:9], 99], TOKENS):
        engine.pin(tokens, cache=cache).result(TIMEOUT_S)
    assert len(list(cache.folder.iterdir())) == 2
    assert engine.stats.decoded_tokens == len(TOKENS) + 1
    assert engine.stats.restored_tokens == len(TOKENS)
    assert logits(engine, "a") == pytest.approx(logits(start(), "a"), abs=0.02)


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"\xff" * 5000])
def test_an_entry_that_llama_cpp_refuses_is_made_again(
    start: Callable[[], LlamaEngine], tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    cache = PromptCache(tmp_path / "cache")
    start().pin(TOKENS, cache=cache).result(TIMEOUT_S)
    (file,) = cache.folder.iterdir()
    good = cache.get(file.stem)
    cache.put(file.stem, content)
    engine = start()
    engine.pin(TOKENS, cache=cache).result(TIMEOUT_S)
    assert "made again" in caplog.text
    assert engine.stats.decoded_tokens == len(TOKENS)
    assert logits(engine, "a") == pytest.approx(logits(start(), "a"), abs=0.02)
    assert good is not None
    assert len(cache.get(file.stem) or b"") == len(good)


def test_a_damaged_file_is_made_again(start: Callable[[], LlamaEngine], tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "cache")
    start().pin(TOKENS, cache=cache).result(TIMEOUT_S)
    (file,) = cache.folder.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    engine = start()
    engine.pin(TOKENS, cache=cache).result(TIMEOUT_S)
    assert engine.stats.decoded_tokens == len(TOKENS)
    assert cache.get(file.stem) is not None
