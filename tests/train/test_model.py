"""The trained network and the file that llama.cpp runs are the same function. Needs the `train` extra."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tokenizers import Tokenizer  # noqa: E402

from scripts.train.batches import Batcher, WordTokenizer  # noqa: E402
from scripts.train.calibrate import Calibration, Scorer, calibrate, measure  # noqa: E402
from scripts.train.dataset import Example  # noqa: E402
from scripts.train.export import quantize, rewrite_metadata, write_gguf  # noqa: E402
from scripts.train.fit import Targets, fit  # noqa: E402
from scripts.train.model import IntentNet, Shape  # noqa: E402
from scripts.train.tokenizer import special_tokens, token_id, train_tokenizer  # noqa: E402
from voicebox.llm.intent_text import END, WAIT, label_token  # noqa: E402
from voicebox.train.prefixes import PrefixTree, path_of  # noqa: E402

LABELS = ["light", "timer", "oos"]
ROWS = [
    ("set a timer for ten minutes", "timer"), ("start the timer", "timer"), ("what's left on the timer", "timer"),
    ("turn on the lights", "light"), ("dim the lights to 50 percent", "light"), ("lights off", "light"),
    ("tell me a joke", "oos"), ("who wrote hamlet", "oos"), ("it is 7:30 am in são paulo", "oos"),
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer([text for text, _ in ROWS], ["timer", "light", "minutes"], LABELS, 330)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [Example(text, label, "skills", text, "train") for text, label in ROWS]


@pytest.fixture
def net(tokenizer: Tokenizer) -> IntentNet:
    torch.manual_seed(1)
    shape = Shape(vocab=tokenizer.get_vocab_size(), layers=2, ff=256)
    table = torch.randn(shape.vocab, 24) * (torch.arange(shape.vocab) > 20).unsqueeze(1)
    return IntentNet(shape, table, torch.randn(24, shape.width) * 0.1, aux_labels=1)


@pytest.fixture
def batcher(tokenizer: Tokenizer, examples: list[Example]) -> Batcher:
    paths = [path_of(e.text.split(), e.spans, {}) for e in examples]
    tree = PrefixTree(zip(paths, (LABELS.index(e.intent) for e in examples), [1.0] * len(paths), strict=True), 3)
    return Batcher(examples, WordTokenizer(tokenizer), tree, paths)


def _targets(tokenizer: Tokenizer) -> Targets:
    labels = torch.tensor([LABELS.index(label) for _, label in ROWS])
    return Targets(
        labels, None, None, torch.full((len(ROWS),), -100),
        torch.tensor([token_id(tokenizer, label_token(label)) for label in LABELS]),
        torch.tensor([token_id(tokenizer, END), token_id(tokenizer, WAIT)]),
    )  # fmt: skip


def test_word_by_word_tokenization_is_the_tokenization_of_the_text(tokenizer: Tokenizer) -> None:
    words = WordTokenizer(tokenizer)
    for text, _ in ROWS:
        pieces = words.encode(text.split())
        assert [token for piece in pieces for token in piece] == tokenizer.encode(text).ids


def test_llama_cpp_computes_what_torch_computes(
    net: IntentNet, tokenizer: Tokenizer, batcher: Batcher, tmp_path: Path
) -> None:
    net.eval()
    path = tmp_path / "tiny.gguf"
    write_gguf(path, net, tokenizer, special_tokens(LABELS), {"labels": json.dumps(LABELS), "temperature": 1.0})
    scorer = Scorer(path)
    targets = _targets(tokenizer)
    batch = batcher.make(range(len(ROWS)), random.Random(3), strength=0.0)
    wanted = torch.cat((targets.label_tokens, targets.end_wait))
    with torch.no_grad():
        hidden = net(batch.tokens, batch.positions, batch.mask, batch.asks)
        logits = net.logits(hidden, wanted).numpy()
    for row, (column, ask) in enumerate(batch.asks.tolist()):
        seen = int(batch.positions[column, ask])
        text = tokenizer.decode(batch.tokens[column, 1:seen].tolist())
        np.testing.assert_allclose(scorer.logits(text), logits[row], atol=2e-3)
    assert len(batch.asks) > len(ROWS)
    scorer.close()


def test_metadata_are_replaced_and_tensors_stay(net: IntentNet, tokenizer: Tokenizer, tmp_path: Path) -> None:
    plain, small, final = (tmp_path / name for name in ("plain.gguf", "small.gguf", "final.gguf"))
    write_gguf(plain, net, tokenizer, special_tokens(LABELS), {"labels": json.dumps(LABELS), "temperature": 1.0})
    quantize(plain, small)
    rewrite_metadata(small, final, {"temperature": 0.75})
    assert small.stat().st_size < 0.5 * plain.stat().st_size
    before, after = Scorer(small), Scorer(final)
    np.testing.assert_array_equal(before.logits("turn on the lights"), after.logits("turn on the lights"))
    assert after._llama.metadata["voicebox.intent.temperature"] == "0.75"
    assert json.loads(after._llama.metadata["voicebox.intent.labels"]) == LABELS


def test_training_learns_resumes_and_calibrates(
    net: IntentNet, tokenizer: Tokenizer, batcher: Batcher, tmp_path: Path
) -> None:
    losses: list[float] = []

    def run(seconds: float) -> IntentNet:
        return fit(
            net, batcher, _targets(tokenizer), cpu_s=seconds, checkpoint=tmp_path / "checkpoint.pt", seed=2,
            progress=lambda share, loss: losses.append(loss), batch_size=9, save_every_s=1.0,
        )  # fmt: skip

    run(4.0)
    steps = len(losses)
    assert losses[-1] < 0.7 * losses[0]
    trained = run(6.0)
    assert losses[steps] < 1.2 * losses[steps - 1]
    path = tmp_path / "trained.gguf"
    write_gguf(path, trained, tokenizer, special_tokens(LABELS), {"labels": json.dumps(LABELS)})
    scorer = Scorer(path)
    calibration = calibrate(scorer, ROWS, [(text, 1.0) for text, _ in ROWS] + [("turn on", 0.0)])
    figures = measure(scorer, ROWS, Calibration(calibration.temperature, 1.0, 0.5))
    assert figures.in_scope_accuracy > 0.8
    assert figures.n == len(ROWS)
