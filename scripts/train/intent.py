"""Train the intent model that ships: declarations and public data → a quantized GGUF with calibration.

    python scripts/train/intent.py --out models/voicebox-intent.gguf --minutes 40 --work DIR --data FOLDER \
        --teacher FOLDER

`--data` holds the public sets (`clinc150.jsonl`, `hwu64.jsonl`, `snips.jsonl`); sets that are missing are left out.
`--teacher` holds all-MiniLM-L6-v2's published files; without it nothing is distilled and embeddings start at random.
A run that was stopped goes on where it was when it is called again with the same `--work`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from rich.progress import Progress, TimeElapsedColumn
from tokenizers import Tokenizer

from scripts.train.batches import Batcher, WordTokenizer
from scripts.train.calibrate import Calibration, Scorer, calibrate, measure, measure_beginnings
from scripts.train.dataset import Example, build, label_names, slot_values
from scripts.train.export import quantize, rewrite_metadata, write_gguf
from scripts.train.fit import Targets, fit
from scripts.train.model import IntentNet, Shape
from scripts.train.public import read_public
from scripts.train.teacher import SentenceEncoder, fit_head
from scripts.train.tokenizer import special_tokens, token_id, train_tokenizer
from voicebox.llm.intent_text import END, INTENT_VERSION, WAIT, label_token
from voicebox.skills.intents import BUILTIN_INTENTS
from voicebox.train.prefixes import Path as PrefixPath
from voicebox.train.prefixes import PrefixTree, path_of

SEED = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages: data, teacher, student, export, calibration, figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the GGUF to write")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--data", type=Path, default=Path("data/text"), help="folder of the public sets")
    parser.add_argument("--teacher", type=Path, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--minutes", type=float, default=40.0, help="CPU minutes for everything")
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vocab", type=int, default=12288)
    parser.add_argument("--per-intent", type=int, default=900)
    parser.add_argument("--out-of-scope", type=int, default=16000, help="sentences from our own templates")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    began = time.process_time()

    examples = build(
        BUILTIN_INTENTS, options.data, per_intent=options.per_intent, out_of_scope=options.out_of_scope, seed=SEED
    )
    train = [example for example in examples if example.split == "train"]
    held = [example for example in examples if example.split == "held"]
    labels = label_names(BUILTIN_INTENTS)
    print(f"{len(train)} sentences to train, {len(held)} held out, {len(labels)} labels", flush=True)

    key = _key(train, labels, options)
    encoder = SentenceEncoder(options.teacher) if options.teacher else None
    tokenizer = _tokenizer(options.work / f"tokenizer-{key}.json", train, encoder, labels, options.vocab)
    net, targets = _prepare(options, key, train, labels, tokenizer, encoder)
    values = slot_values(train)
    paths = [path_of(e.text.split(), e.spans, values) for e in train]
    batcher = Batcher(train, WordTokenizer(tokenizer), _tree(train, paths, labels), paths)
    partial = _pauses(train, held, labels)
    prepared = _spent(options.work / f"spent-{key}.json", time.process_time() - began)
    cpu_s = options.minutes * 60.0 - prepared - 45.0
    with _progress() as progress:
        task = progress.add_task("training", total=1.0)
        net = fit(
            net, batcher, targets, cpu_s=max(30.0, cpu_s), checkpoint=options.work / f"checkpoint-{key}.pt", seed=SEED,
            progress=lambda share, loss: progress.update(task, completed=share, description=f"training {loss:.3f}"),
        )  # fmt: skip
    figures = _finish(options, net, tokenizer, labels, held, partial)
    figures["sentences"] = len(train)
    figures["cpu_s"] = round(time.process_time() - began, 1)
    (options.work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures))
    return 0


def _key(train: Sequence[Example], labels: Sequence[str], options: argparse.Namespace) -> str:
    """Names everything that a checkpoint depends on."""
    digest = hashlib.sha256(json.dumps([labels, options.layers, options.vocab, options.minutes]).encode())
    for example in train:
        digest.update(f"{example.text}\t{example.intent}\n".encode())
    return digest.hexdigest()[:12]


def _spent(path: Path, seconds: float) -> float:
    """CPU seconds that the stages before training took the first time; a resumed run finds their results."""
    if path.is_file():
        return float(json.loads(path.read_text()))
    path.write_text(json.dumps(seconds))
    return seconds


def _tokenizer(
    path: Path, train: Sequence[Example], encoder: SentenceEncoder | None, labels: Sequence[str], size: int
) -> Tokenizer:
    if not path.is_file():
        words = encoder.words if encoder else []
        train_tokenizer([example.text for example in train], words, labels, size).save(str(path))
    return Tokenizer.from_file(str(path))


def _prepare(
    options: argparse.Namespace, key: str, train: Sequence[Example], labels: Sequence[str], tokenizer: Tokenizer,
    encoder: SentenceEncoder | None,
) -> tuple[IntentNet, Targets]:  # fmt: skip
    torch.manual_seed(SEED)
    targets = torch.tensor([labels.index(example.intent) for example in train])
    origins = sorted({example.origin for example in train if example.origin.startswith(("clinc150", "hwu64", "snips"))})
    of = {origin: index for index, origin in enumerate(origins)}
    shape = Shape(vocab=tokenizer.get_vocab_size(), layers=options.layers)
    if encoder is None:
        vectors = logits = None
        table, adapter = torch.zeros(shape.vocab, 1), torch.zeros(1, shape.width)
    else:
        vectors = _encode(options.work / "vectors.pt", encoder, [example.text for example in train])
        weights = torch.tensor([example.weight for example in train])
        head = fit_head(vectors, targets, weights, len(labels))
        logits = torch.cat((vectors * 10.0, torch.ones(len(vectors), 1)), dim=1) @ head
        print(f"teacher on its training sentences: {(logits.argmax(1) == targets).float().mean():.4f}", flush=True)
        table, adapter = _embeddings(encoder, tokenizer, shape.width)
    net = IntentNet(shape, table, adapter, max(1, len(origins)))
    return net, Targets(
        targets, logits, vectors, torch.tensor([of.get(example.origin, -100) for example in train]),
        torch.tensor([token_id(tokenizer, label_token(label)) for label in labels]),
        torch.tensor([token_id(tokenizer, END), token_id(tokenizer, WAIT)]),
    )  # fmt: skip


def _encode(path: Path, encoder: SentenceEncoder, texts: Sequence[str]) -> torch.Tensor:
    """The teacher's vectors; those of texts that an earlier run encoded are read from `path`."""
    known: dict[str, int] = {}
    vectors = torch.zeros(0, encoder.width)
    if path.is_file():
        stored = torch.load(path, weights_only=True)
        known, vectors = {text: row for row, text in enumerate(stored["texts"])}, stored["vectors"]
    new = [text for text in texts if text not in known]
    if new:
        with _progress() as progress:
            task = progress.add_task("teacher", total=len(new))
            fresh = encoder.encode(new, lambda done: progress.update(task, completed=done))
        known |= {text: len(vectors) + row for row, text in enumerate(new)}
        vectors = torch.cat((vectors, fresh))
        torch.save({"texts": list(known), "vectors": vectors}, path)
    return vectors[[known[text] for text in texts]]


def _embeddings(encoder: SentenceEncoder, tokenizer: Tokenizer, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The teacher's input vectors for our tokens, and their principal directions, scaled to a spread of about 0.1."""
    words = []
    for token in range(tokenizer.get_vocab_size()):
        text = tokenizer.decode([token], skip_special_tokens=False).strip()
        words.append("" if text.startswith("<") else text)
    table = encoder.word_vectors(words)
    known = table[table.abs().sum(dim=1) > 0]
    directions = torch.linalg.svd(known, full_matrices=False).Vh[:width].T
    spread = (known @ directions).std()
    return table, directions * (0.1 / spread)


def _progress() -> Progress:
    return Progress(*Progress.get_default_columns(), TimeElapsedColumn())


def _finish(
    options: argparse.Namespace, net: IntentNet, tokenizer: Tokenizer, labels: Sequence[str], held: Sequence[Example],
    partial: Sequence[tuple[str, float]],
) -> dict[str, Any]:  # fmt: skip
    """Export, quantize, calibrate, measure; returns the figures."""
    plain, small = options.work / "intent-f32.gguf", options.work / "intent-q8_0.gguf"
    metadata: dict[str, str | float] = {
        "version": INTENT_VERSION, "labels": json.dumps(labels), "temperature": 1.0, "complete_temperature": 1.0,
        "threshold": 0.5,
    }  # fmt: skip
    write_gguf(plain, net, tokenizer, special_tokens(labels), metadata)
    quantize(plain, small)
    scorer = Scorer(small)
    rng = random.Random(SEED)
    in_scope = [(example.text, example.intent) for example in held if example.intent != "oos"]
    outside = [(example.text, "oos") for example in held if example.intent == "oos"]
    sample = rng.sample(in_scope, min(1500, len(in_scope))) + rng.sample(outside, min(1200, len(outside)))
    calibration = calibrate(scorer, sample, partial)
    people = [(e.text, e.intent) for e in held if e.origin.startswith(("clinc", "hwu")) and e.intent != "oos"]
    sets = {
        "held_out": sample,
        "held_out_public": people + outside[:600],
        "clinc150_val": [(row.text, row.intent) for row in read_public(options.data, validation=True)],
        "clinc150_val_own_oos": people + [
            (row.text, row.intent) for row in read_public(options.data, validation=True) if row.origin.endswith("/oos")
        ],
    }  # fmt: skip
    figures: dict[str, Any] = {name: asdict(measure(scorer, rows, calibration)) for name, rows in sets.items() if rows}
    figures["beginnings"] = measure_beginnings(scorer, rng.sample(in_scope, min(600, len(in_scope))), calibration)
    scorer.close()
    figures["calibration"] = asdict(calibration)
    _write(small, options.out, calibration)
    figures["bytes"] = options.out.stat().st_size
    return figures


def _tree(examples: Sequence[Example], paths: Sequence[PrefixPath], labels: Sequence[str]) -> PrefixTree:
    rows = ((path, labels.index(e.intent), e.weight) for e, path in zip(examples, paths, strict=True))
    return PrefixTree(rows, len(labels))


def _pauses(train: Sequence[Example], held: Sequence[Example], labels: Sequence[str]) -> list[tuple[str, float]]:
    """Held-out sentences and beginnings of them, with P(complete) by what all sentences say about these places."""
    values = slot_values([*train, *held])
    paths = [path_of(e.text.split(), e.spans, values) for e in [*train, *held]]
    tree = _tree([*train, *held], paths, labels)
    rng = random.Random(SEED)
    out: list[tuple[str, float]] = []
    for example, path in rng.sample(list(zip(held, paths[len(train) :], strict=True)), min(1500, len(held))):
        words = example.text.split()
        out.append((example.text, tree.complete(path)))
        if len(words) > 1:
            cut = rng.randrange(1, len(words))
            out.append((" ".join(words[:cut]), tree.complete(path[: cut + 1])))
    return out


def _write(source: Path, target: Path, calibration: Calibration) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    rewrite_metadata(
        source, temporary,
        {
            "temperature": calibration.temperature, "complete_temperature": calibration.complete_temperature,
            "threshold": calibration.threshold,
        },
    )  # fmt: skip
    temporary.replace(target)


if __name__ == "__main__":
    raise SystemExit(main())
