from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voicebox.errors import EngineError, ModelError
from voicebox.llm.jobs import Generation
from voicebox.llm.llama import LlamaEngine
from voicebox.llm.sampling import Sampling

IDS = (3, 1, 4, 150)
TIMEOUT_S = 60


def prompt(text: str, engine: LlamaEngine) -> list[int]:
    return engine.model.tokenize(text)


@pytest.fixture(scope="module")
def fresh_logits(tiny_model: Path) -> Iterator[Any]:
    """Logits of a prompt from an empty cache, alone in its batch."""
    engine = LlamaEngine(tiny_model, n_ctx=1024, max_sessions=8)

    def logits(tokens: list[int]) -> NDArray[np.float32]:
        result = engine.score(tokens, IDS, session="fresh").result(TIMEOUT_S)
        engine.release("fresh")
        return result

    yield logits
    engine.close()


def close_to(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    """Equal but for the KV cache's 16-bit floats."""
    return bool(np.allclose(a, b, atol=0.02))


class Gate:
    """Holds the engine's thread inside a generation until it is opened, so that jobs pile up behind it."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.future: Future[Generation] = engine.generate(
            [1, 2], session="gate", max_tokens=8, grammar='root ::= "g"', on_text=self._on_text
        )
        assert self.reached.wait(TIMEOUT_S)

    def _on_text(self, _: str) -> bool:
        self.reached.set()
        assert self.opened.wait(TIMEOUT_S)
        return True

    def open(self) -> None:
        self.opened.set()


TEXTS = ["set a timer", "set the timer for ten minutes", "what time is it", "set a", "turn on the light", "hello there"]


def test_sessions_in_one_batch_score_as_they_do_alone(engine: LlamaEngine, fresh_logits: Any) -> None:
    gate = Gate(engine)
    futures = [engine.score(prompt(text, engine), IDS, session=text) for text in TEXTS]
    steps = engine.stats.steps
    gate.open()
    for text, future in zip(TEXTS, futures, strict=True):
        assert close_to(future.result(TIMEOUT_S), fresh_logits(prompt(text, engine)))
    assert engine.stats.steps == steps + 1


def test_growing_partials_reuse_their_kv_and_score_as_fresh(engine: LlamaEngine, fresh_logits: Any) -> None:
    words = "turn on the kitchen light to thirty percent please".split()
    fed = 0
    for count in range(1, len(words) + 1):
        tokens = [*prompt(" ".join(words[:count]), engine), 266]
        result = engine.score(tokens, IDS, session="a").result(TIMEOUT_S)
        assert close_to(result, fresh_logits(tokens))
        fed += len(tokens)
    assert engine.stats.decoded_tokens + engine.stats.reused_tokens == fed
    assert engine.stats.decoded_tokens < fed / 3


def test_changed_and_shortened_prompts_score_as_fresh(engine: LlamaEngine, fresh_logits: Any) -> None:
    for text in ("set the timer", "set the alarm for seven", "set", "set", "the timer"):
        tokens = prompt(text, engine)
        assert close_to(engine.score(tokens, IDS, session="a").result(TIMEOUT_S), fresh_logits(tokens))


def test_pinned_prompt_is_computed_once(engine: LlamaEngine, fresh_logits: Any) -> None:
    shared = prompt("you are a friendly assistant that answers in one sentence", engine)
    engine.pin(shared).result(TIMEOUT_S)
    before = engine.stats.decoded_tokens
    for session in ("a", "b", "c"):
        tokens = [*shared, *prompt(session, engine)]
        assert close_to(engine.score(tokens, IDS, session=session).result(TIMEOUT_S), fresh_logits(tokens))
    assert engine.stats.decoded_tokens == before + 3


def test_generation_is_the_same_alone_and_beside_others(engine: LlamaEngine) -> None:
    alone = [
        engine.generate(prompt(text, engine), session=text, max_tokens=24).result(TIMEOUT_S).text for text in TEXTS
    ]
    for text in TEXTS:
        engine.release(text)
    gate = Gate(engine)
    together = [engine.generate(prompt(text, engine), session=text, max_tokens=24) for text in TEXTS]
    gate.open()
    assert [future.result(TIMEOUT_S).text for future in together] == alone
    assert len(set(alone)) > 1


def test_generation_streams_what_it_returns_and_counts(engine: LlamaEngine) -> None:
    pieces: list[str] = []
    result = engine.generate(
        prompt("hello", engine), session="a", max_tokens=16, on_text=lambda text: bool(pieces.append(text))
    ).result(TIMEOUT_S)
    assert "".join(pieces) == result.text
    assert (result.finish, result.tokens, result.prompt_tokens, result.reused_tokens) == ("length", 16, 5, 0)
    assert 0 < result.first_token_ms <= result.total_ms


def test_sampling_by_temperature_depends_on_the_seed_alone(engine: LlamaEngine) -> None:
    def text(seed: int) -> str:
        sampling = Sampling(temperature=1.5, seed=seed)
        future = engine.generate(prompt("hello", engine), session="a", max_tokens=24, sampling=sampling)
        return future.result(TIMEOUT_S).text

    assert text(1) == text(1)
    assert len({text(seed) for seed in range(4)}) > 1


def test_cancel_stops_a_generation_within_one_step(engine: LlamaEngine) -> None:
    running: list[Future[Generation]] = []
    started = threading.Event()
    calls = 0

    def on_text(_: str) -> bool:
        nonlocal calls
        calls += 1
        assert started.wait(TIMEOUT_S)
        if calls == 2:
            running[0].cancel()
        return False

    running.append(engine.generate(prompt("hello", engine), session="a", max_tokens=200, on_text=on_text))
    started.set()
    with pytest.raises(CancelledError):
        running[0].result(TIMEOUT_S)
    engine.score([1], IDS, session="b").result(TIMEOUT_S)
    assert calls == 2
    assert engine.stats.generated_tokens < 10


def test_cancelled_waiting_job_is_never_run(engine: LlamaEngine) -> None:
    gate = Gate(engine)
    future = engine.score(prompt("never", engine), IDS, session="a")
    assert future.cancel()
    decoded = engine.stats.decoded_tokens
    gate.open()
    engine.score([1], IDS, session="b").result(TIMEOUT_S)
    assert engine.stats.decoded_tokens == decoded + 1


def test_scores_go_before_replies_and_replies_before_prefills(tiny_model: Path) -> None:
    engine = LlamaEngine(tiny_model, n_ctx=512, max_sessions=8, step_tokens=4)
    try:
        gate = Gate(engine)
        order: list[str] = []

        def note(name: str, future: Future[Any]) -> None:
            future.add_done_callback(lambda _: order.append(name))

        futures: list[Future[Any]] = [
            engine.prefill([1, 2, 3, 4], session="p"),
            engine.generate([2, 2, 3, 4], session="g", max_tokens=1),
            engine.score([3, 2, 3, 4], IDS, session="s"),
        ]
        for name, future in zip(("prefill", "generate", "score"), futures, strict=True):
            note(name, future)
        gate.open()
        wait(futures, TIMEOUT_S)
        assert order == ["score", "generate", "prefill"]
    finally:
        engine.close()


def test_newer_jobs_replace_prefills_and_waiting_scores(engine: LlamaEngine) -> None:
    gate = Gate(engine)
    prefill = engine.prefill(prompt("set", engine), session="a")
    second = engine.prefill(prompt("set a", engine), session="a")
    reply = engine.generate(prompt("set a timer", engine), session="a", max_tokens=2)
    old, new = (engine.score(prompt(text, engine), IDS, session="b") for text in ("old", "new"))
    gate.open()
    assert reply.result(TIMEOUT_S).tokens == 2
    assert new.result(TIMEOUT_S).shape == (len(IDS),)
    assert prefill.cancelled()
    assert second.cancelled()
    assert old.cancelled()


def test_prefill_leaves_only_the_last_token_to_a_reply(engine: LlamaEngine) -> None:
    tokens = prompt("tell me a story about the sea", engine)
    engine.prefill(tokens, session="a").result(TIMEOUT_S)
    engine.prefill(tokens, session="a").result(TIMEOUT_S)
    result = engine.generate(tokens, session="a", max_tokens=1).result(TIMEOUT_S)
    assert result.reused_tokens == len(tokens) - 1


def test_full_cache_evicts_idle_sessions_and_answers_stay_right(tiny_model: Path, fresh_logits: Any) -> None:
    engine = LlamaEngine(tiny_model, n_ctx=256, max_sessions=8)
    try:
        prompts = [[i, *range(1, 80)] for i in range(8)]
        for number, tokens in [*enumerate(prompts), *enumerate(prompts)]:
            result = engine.score(tokens, IDS, session=str(number)).result(TIMEOUT_S)
            assert close_to(result, fresh_logits(tokens))
        assert engine.stats.evictions > 5
        assert engine.stats.preemptions == 0
    finally:
        engine.close()


def test_more_sessions_than_sequences_take_turns(tiny_model: Path, fresh_logits: Any) -> None:
    engine = LlamaEngine(tiny_model, n_ctx=512, max_sessions=2)
    try:
        gate = Gate(engine)
        futures = {i: engine.score([i, 5, 6], IDS, session=str(i)) for i in range(9)}
        gate.open()
        for i, future in futures.items():
            assert close_to(future.result(TIMEOUT_S), fresh_logits([i, 5, 6]))
    finally:
        engine.close()


def test_replies_that_do_not_fit_together_are_made_one_after_the_other(tiny_model: Path) -> None:
    engine = LlamaEngine(tiny_model, n_ctx=256, max_sessions=4)
    try:
        prompts = [[i, *range(1, 90)] for i in (7, 8, 9)]
        alone = []
        for tokens in prompts:
            alone.append(engine.generate(tokens, session="alone", max_tokens=60).result(TIMEOUT_S).text)
            engine.release("alone")
        gate = Gate(engine)
        futures = [engine.generate(tokens, session=str(tokens[0]), max_tokens=60) for tokens in prompts]
        gate.open()
        assert [future.result(TIMEOUT_S).text for future in futures] == alone
        assert engine.stats.preemptions > 0
        assert engine.stats.failures == 0
    finally:
        engine.close()


def test_reply_ends_where_the_cache_ends(tiny_model: Path) -> None:
    engine = LlamaEngine(tiny_model, n_ctx=256, max_sessions=2)
    try:
        engine.pin(list(range(1, 101))).result(TIMEOUT_S)
        result = engine.generate([5] * 100, session="a", max_tokens=500).result(TIMEOUT_S)
        assert result.finish == "length"
        assert 50 <= result.tokens <= 57
        beside = engine.generate([5] * 200, session="a", max_tokens=500)
        with pytest.raises(EngineError, match="too many beside the pinned prompt"):
            beside.result(TIMEOUT_S)
        assert engine.score([1, 2], IDS, session="b").result(TIMEOUT_S).shape == (len(IDS),)
    finally:
        engine.close()


def test_impossible_requests_are_refused_at_once(engine: LlamaEngine) -> None:
    # The model was trained on 512 tokens, less than the cache holds.
    assert engine.max_prompt == 512
    with pytest.raises(EngineError, match="has 513 tokens"):
        engine.score([1] * 513, IDS, session="a")
    with pytest.raises(EngineError, match="has 512 tokens"):
        engine.generate([1] * 512, session="a", max_tokens=1)
    with pytest.raises(EngineError, match="empty"):
        engine.prefill([], session="a")
    for bad in (-1, engine.model.n_vocab):
        with pytest.raises(EngineError, match=f"Token {bad}"):
            engine.score([1, bad], IDS, session="a")
        with pytest.raises(EngineError, match=f"Token {bad}"):
            engine.score([1], [bad], session="a")
    with pytest.raises(EngineError, match="at least one token"):
        engine.generate([1], session="a", max_tokens=0)
    assert engine.score([1] * 512, IDS, session="a").result(TIMEOUT_S).shape == (len(IDS),)


def test_bounded_queue(tiny_model: Path) -> None:
    engine = LlamaEngine(tiny_model, n_ctx=256, max_sessions=2, max_pending=3)
    try:
        gate = Gate(engine)
        futures = [engine.score([1], IDS, session=str(i)) for i in range(2)]
        with pytest.raises(EngineError, match="3 jobs waiting"):
            engine.score([1], IDS, session="c")
        gate.open()
        wait(futures, TIMEOUT_S)
        gate.future.result(TIMEOUT_S)
        assert engine.score([1], IDS, session="c").result(TIMEOUT_S).shape == (len(IDS),)
    finally:
        engine.close()


def test_failing_receiver_fails_its_job_alone(engine: LlamaEngine) -> None:
    def broken(_: str) -> bool:
        raise ValueError("receiver")

    gate = Gate(engine)
    bad = engine.generate(prompt("hello", engine), session="a", max_tokens=8, on_text=broken)
    good = engine.generate(prompt("hello", engine), session="b", max_tokens=8)
    gate.open()
    with pytest.raises(EngineError, match="receiver"):
        bad.result(TIMEOUT_S)
    assert good.result(TIMEOUT_S).tokens == 8
    assert engine.generate(prompt("hello", engine), session="a", max_tokens=8).result(TIMEOUT_S).tokens == 8


def test_batch_that_llama_refuses_fails_its_jobs_and_the_engine_lives(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch, fresh_logits: Any
) -> None:
    tokens = prompt("hello", engine)
    engine.score(tokens, IDS, session="a").result(TIMEOUT_S)
    with monkeypatch.context() as patch:
        patch.setattr(engine._stepper._context, "decode", lambda: -3)
        with pytest.raises(EngineError, match=r"code -3"):
            engine.score([*tokens, 1], IDS, session="a").result(TIMEOUT_S)
    assert close_to(engine.score(tokens, IDS, session="a").result(TIMEOUT_S), fresh_logits(tokens))


def test_unexpected_failure_of_a_step_fails_the_jobs_and_the_engine_lives(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch, fresh_logits: Any
) -> None:
    def broken() -> int:
        raise RuntimeError("in the step")

    tokens = prompt("hello", engine)
    engine.pin(tokens).result(TIMEOUT_S)
    with monkeypatch.context() as patch:
        patch.setattr(engine._stepper._context, "decode", broken)
        with pytest.raises(EngineError, match="in the step"):
            engine.score([*tokens, 1], IDS, session="a").result(TIMEOUT_S)
    assert close_to(engine.score(tokens, IDS, session="a").result(TIMEOUT_S), fresh_logits(tokens))


def test_release_cancels_and_forgets(engine: LlamaEngine) -> None:
    gate = Gate(engine)
    future = engine.generate(prompt("hello", engine), session="a", max_tokens=100)
    engine.release("a")
    after = engine.generate(prompt("hello", engine), session="a", max_tokens=2)
    gate.open()
    assert after.result(TIMEOUT_S).reused_tokens == 0
    assert future.cancelled()


def test_jobs_of_a_session_run_in_order(engine: LlamaEngine) -> None:
    gate = Gate(engine)
    done: list[int] = []
    futures = [engine.generate([5, 6, i], session="a", max_tokens=3) for i in range(4)]
    for i, future in enumerate(futures):
        future.add_done_callback(lambda _, i=i: done.append(i))
    gate.open()
    wait(futures, TIMEOUT_S)
    assert done == [0, 1, 2, 3]


def test_close_fails_what_is_unfinished(tiny_model: Path) -> None:
    engine = LlamaEngine(tiny_model, n_ctx=256, max_sessions=2)
    gate = Gate(engine)
    future = engine.generate([1, 2, 3], session="a", max_tokens=100)
    closer = threading.Thread(target=engine.close)
    closer.start()
    gate.open()
    closer.join(TIMEOUT_S)
    with pytest.raises(EngineError, match="closed"):
        future.result(TIMEOUT_S)
    with pytest.raises(EngineError, match="closed"):
        engine.score([1], IDS, session="a")
    with pytest.raises(EngineError, match="closed"):
        engine.model.tokenize("hello")
    engine.release("a")
    engine.close()


def test_many_threads_ask_at_once(engine: LlamaEngine, fresh_logits: Any) -> None:
    expected = {text: fresh_logits(prompt(text, engine)) for text in TEXTS}

    def ask(number: int) -> bool:
        text = TEXTS[number % len(TEXTS)]
        session = f"s{number % 11}"
        if number % 7 == 0:
            engine.release(session)
        try:
            if number % 3 == 0:
                reply = engine.generate(prompt(text, engine), session=session, max_tokens=5)
                return reply.result(TIMEOUT_S).tokens == 5
            result = engine.score(prompt(text, engine), IDS, session=session).result(TIMEOUT_S)
        except CancelledError:
            return True
        return close_to(result, expected[text])

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(ask, [number for number in range(240) if number % 21]))
    assert engine.stats.failures == 0


def test_missing_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model file"):
        LlamaEngine(tmp_path / "none.gguf")


def test_impossible_context_frees_the_model(tiny_model: Path) -> None:
    with pytest.raises(EngineError, match="301 sequences"):
        LlamaEngine(tiny_model, max_sessions=300)
