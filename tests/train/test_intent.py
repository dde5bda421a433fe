"""From rows to a model that the server's engine runs. Needs the `train` extra."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from voicebox.errors import ModelError  # noqa: E402
from voicebox.llm.intent_encoder import EncoderIntentModel  # noqa: E402
from voicebox.train.encoder import Encoder, Shape, read_encoder  # noqa: E402
from voicebox.train.export import Trained, quantize, read_intent_gguf, write_intent_gguf  # noqa: E402
from voicebox.train.finetune import finetune  # noqa: E402
from voicebox.train.fit import Recipe  # noqa: E402
from voicebox.train.intent import Result, Settings, train_intent  # noqa: E402
from voicebox.train.made import made_small  # noqa: E402
from voicebox.train.net import IntentNet, pad  # noqa: E402
from voicebox.train.report import measure_and_describe  # noqa: E402
from voicebox.train.rows import DataError, Row  # noqa: E402
from voicebox.train.scoring import score_texts  # noqa: E402
from voicebox.train.wordpiece import WordPieces, train_vocabulary  # noqa: E402

RECIPE = Recipe(batch=16, rate=2e-3, head_rate=1e-2, warm_steps=5, save_every_s=0.2)


def _rows() -> list[Row]:
    rng = random.Random(1)
    rows = []
    for _ in range(40):
        rows += [
            Row(f"set a timer for {rng.randint(1, 59)} minutes", "timer", origin="own", licence="CC0"),
            Row(f"turn the {rng.choice(['red', 'big', 'old'])} lights {rng.choice(['on', 'off'])}", "light"),
            Row(f"who {rng.choice(['wrote', 'sang', 'made'])} the {rng.choice(['book', 'song'])}", "oos"),
        ]
    validation = [("set a timer for 61 minutes", "timer"), ("turn the lights off", "light"), ("who made it", "oos")]
    return [*rows, *(Row(text, label, split="val") for text, label in validation)]


def _settings(folder: Path, **changes: object) -> Settings:
    settings = Settings(
        out=folder / "model.gguf", work=folder / "work", minutes=0.06, layers=1, vocabulary=400, gpu=False,
        recipe=RECIPE,
    )  # fmt: skip
    return replace(settings, **changes)  # type: ignore[arg-type]


def _quiet(stage: str, share: float, word: str) -> None:
    pass


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights in the public files' form."""
    folder = tmp_path_factory.mktemp("encoder")
    vocabulary = train_vocabulary([row.text for row in _rows()], 300)
    torch.manual_seed(3)
    shape = Shape(vocab=len(vocabulary), width=64, layers=2, heads=4, ff=128, context=64)
    encoder = Encoder(shape)
    names = {
        "token_embd": "embeddings.word_embeddings", "position_embd": "embeddings.position_embeddings",
        "token_types": "embeddings.token_type_embeddings", "token_embd_norm": "embeddings.LayerNorm",
        "attn_q": "attention.self.query", "attn_k": "attention.self.key", "attn_v": "attention.self.value",
        "attn_output": "attention.output.dense", "attn_output_norm": "attention.output.LayerNorm",
        "ffn_up": "intermediate.dense", "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm",
    }  # fmt: skip
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, value in encoder.state_dict().items():
        *path, module, part = name.split(".")
        theirs = ".".join([*(["encoder.layer", path[1]] if path else []), names[module], part])
        raw = value.numpy().astype(np.float32).tobytes()
        header[theirs] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    config = {
        "model_type": "bert", "vocab_size": len(vocabulary), "hidden_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 128, "max_position_embeddings": 64, "layer_norm_eps": 1e-12,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, teacher: Path) -> tuple[Settings, Result]:
    settings = _settings(tmp_path_factory.mktemp("trained"), teacher=teacher)
    return settings, train_intent(_rows(), settings, _quiet)


def _net(vocabulary: list[str], labels: int) -> IntentNet:
    torch.manual_seed(1)
    net = IntentNet(Encoder(Shape(vocab=len(vocabulary), width=64, layers=2, heads=4, ff=128)), labels)
    with torch.no_grad():
        net.head.weight.normal_()
        net.head.bias.normal_()
    return net.eval()


def test_llama_cpp_computes_what_torch_computes(tmp_path: Path) -> None:
    texts = ["set a timer for 7:30 am", "what's the time", "o'clock zebra", "x", "café in the são paulo"]
    vocabulary = train_vocabulary(texts, 200)
    labels = ["a", "b", "oos"]
    net = _net(vocabulary, 3)
    path = tmp_path / "tiny.gguf"
    calibration: dict[str, str | float] = {"temperature": 1.0, "complete_temperature": 1.0, "threshold": 0.5}
    write_intent_gguf(path, Trained(net, vocabulary, labels), calibration, name="tiny")
    pieces = WordPieces(vocabulary)
    with torch.no_grad():
        logits = net(*pad([pieces.encode(text) for text in texts], pieces.pad))[1]
    model = EncoderIntentModel(path)
    try:
        scored = score_texts(model, texts)
    finally:
        model.close()
    np.testing.assert_allclose(scored.labels, torch.softmax(logits[:, :-1], dim=1).numpy(), atol=5e-3)
    np.testing.assert_allclose(scored.complete, torch.sigmoid(logits[:, -1]).numpy(), atol=5e-3)


def test_llama_cpp_cuts_texts_into_the_same_pieces(tmp_path: Path) -> None:
    texts = ["turn on the lights", "what's on the 7:30 list", "naïve café", "unbelievably light timers", "5.5 percent"]
    vocabulary = train_vocabulary(texts, 150)
    path = tmp_path / "tiny.gguf"
    calibration: dict[str, str | float] = {"temperature": 1.0, "complete_temperature": 1.0, "threshold": 0.5}
    write_intent_gguf(path, Trained(_net(vocabulary, 2), vocabulary, ["a", "oos"]), calibration, name="tiny")
    model = EncoderIntentModel(path)
    pieces = WordPieces(vocabulary)
    try:
        for text in [*texts, "light ten zebra", "unlights", "7 percents"]:
            assert model._model.tokenize(text) == pieces.encode(text)[1:-1]
    finally:
        model.close()


def test_a_model_can_be_read_back(tmp_path: Path) -> None:
    vocabulary = train_vocabulary(["turn on the lights", "stop"], 100)
    net = _net(vocabulary, 2)
    plain, small = tmp_path / "plain.gguf", tmp_path / "small.gguf"
    write_intent_gguf(plain, Trained(net, vocabulary, ["a", "oos"]), {"threshold": 0.5}, name="tiny")
    quantize(plain, small)
    for path, tolerance in ((plain, 1e-6), (small, 0.02)):
        back = read_intent_gguf(path)
        assert back.vocabulary == vocabulary
        assert back.labels == ["a", "oos"]
        for name, value in net.encoder.state_dict().items():
            torch.testing.assert_close(back.net.encoder.state_dict()[name], value, atol=tolerance, rtol=0)
        torch.testing.assert_close(back.net.head.weight, net.head.weight, atol=2e-3, rtol=0)


def test_what_is_no_such_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        read_intent_gguf(tmp_path / "missing.gguf")
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(ModelError, match="cannot be read"):
        read_intent_gguf(tmp_path / "text.gguf")


def test_a_public_encoder_that_is_damaged_is_refused(tmp_path: Path, teacher: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks config\.json"):
        read_encoder(tmp_path)
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((teacher / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes((teacher / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be read"):
        read_encoder(tmp_path)


def test_a_tiny_data_set_trains_in_seconds_and_classifies(trained: tuple[Settings, Result]) -> None:
    settings, result = trained
    model = EncoderIntentModel(settings.out)
    try:
        assert list(model.labels) == ["light", "timer", "oos"] == result.labels
        for text, label in (("set a timer for 12 minutes", "timer"), ("turn the red lights on", "light")):
            score = model.score(text, session="a").result()
            assert score.intent == label
            assert score.accepted
        assert not model.score("who wrote the book", session="a").result().accepted
        done = model.score("turn the red lights on", session="a").result().complete
        assert done > model.score("turn the", session="a").result().complete
    finally:
        model.close()


def test_the_card_says_what_was_measured(trained: tuple[Settings, Result]) -> None:
    settings, result = trained
    more = {"more.jsonl": [Row("set the timer for 5 minutes", "timer", split="val")]}
    report = measure_and_describe(made_small(result, settings), _rows(), more, "voicebox train intent …", _quiet)
    card = settings.out.with_suffix(".md").read_text()
    assert report.sets["validation rows"].n == 3
    assert report.sets["more.jsonl"].n == 1
    assert "| own | CC0 | 40 | 0 |" in card
    assert f"| {100 * report.sets['validation rows'].accuracy:.1f} % |" in card
    assert "voicebox train intent …" in card
    plot = settings.out.with_suffix(".svg").read_text()
    assert plot.startswith("<svg")
    assert not list(settings.out.parent.glob("*.tmp"))


class StoppedError(Exception):
    pass


def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, teacher: Path) -> None:
    settings = _settings(tmp_path, teacher=teacher)
    shares: list[float] = []

    def stop(stage: str, share: float, word: str) -> None:
        if stage == "training":
            shares.append(share)
            if share > 0.6:
                raise StoppedError

    with pytest.raises(StoppedError):
        train_intent(_rows(), settings, stop)
    assert not settings.out.exists()
    resumed: list[float] = []
    train_intent(_rows(), settings, lambda stage, share, word: resumed.append(share) if stage == "training" else None)
    assert shares[0] < 0.3 < resumed[0]
    assert settings.out.is_file()


def test_without_a_teacher_it_starts_from_nothing(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    result = train_intent(_rows(), settings, _quiet)
    assert result.teacher == ""
    model = EncoderIntentModel(settings.out)
    assert model.score("turn the red lights off", session="a").result().intent == "light"
    model.close()


def test_rows_of_one_intent_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="same intent"):
        train_intent([Row("a", "x"), Row("b", "x")], _settings(tmp_path), _quiet)
    assert not (tmp_path / "model.gguf").exists()


def test_a_finished_model_learns_another_intent_and_keeps_the_old_ones(
    tmp_path: Path, trained: tuple[Settings, Result]
) -> None:
    settings, _ = trained
    before = settings.out.read_bytes()
    pizza = [Row(f"order a {size} {kind} pizza", "pizza") for size in ("big", "small") for kind in "abcdefgh"]
    out = tmp_path / "more.gguf"
    finetune(settings.out, [*_rows(), *pizza], out, cpu_s=2.0, recipe=RECIPE)
    assert settings.out.read_bytes() == before
    model = EncoderIntentModel(out)
    try:
        assert list(model.labels) == ["light", "pizza", "timer", "oos"]
        for text, label in (("order a big z pizza", "pizza"), ("set a timer for 12 minutes", "timer")):
            assert model.score(text, session="a").result().intent == label
    finally:
        model.close()
