"""Train an intent model: rows of text and intent → a quantized, calibrated, measured GGUF."""

# mypy: disable-error-code="misc,no-any-return,unused-ignore"

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from voicebox.train.batches import Batcher
from voicebox.train.calibrate import Calibration
from voicebox.train.encoder import Encoder, Shape
from voicebox.train.examples import Example, hold_out, label_names, make_examples
from voicebox.train.export import Trained
from voicebox.train.finish import finish
from voicebox.train.fit import Recipe, Targets, fit, seconds
from voicebox.train.net import IntentNet, encode_texts
from voicebox.train.rows import DataError, Row
from voicebox.train.teacher import HEAD_SCALE, EncoderTeacher, VectorCache, fit_head, head_logits
from voicebox.train.wordpiece import WordPieces, prune_vocabulary, train_vocabulary

__all__ = ["Progress", "Result", "Settings", "train_intent"]

Progress = Callable[[str, float, str], None]
"""Gets the stage ("teacher", "training", …), the share of it that is done, and a word about it."""

_FINISHING_S = 20.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Args:
        out: the GGUF to write.
        work: folder of checkpoints and of the teacher's vectors; a stopped run goes on from it.
        teacher: folder of a public BERT sentence encoder, which teaches and whose first layers the model starts from;
            without one it starts from nothing.
        minutes: bound for everything, of processor time (of time where a GPU trains).
        layers: layers of the model.
        vocabulary: word pieces of the model, at most.
        beginnings: beginnings of sentences per whole text in training.
        changed: share of the texts that are changed as recognisers mishear and people stumble, anew each time.
        holdout: share of the rows that calibrate instead of training.
        rejected: share of held-out in-scope rows that the threshold is to reject.
        limits: lowest and highest threshold.
        seed: of all chance.
        threads: threads of PyTorch.
        gpu: train on a GPU if PyTorch has one.
        recipe: numbers of the training loop.
    """

    out: Path
    work: Path
    teacher: Path | None = None
    minutes: float = 20.0
    layers: int = 3
    vocabulary: int = 12288
    beginnings: float = 1.0
    changed: float = 0.85
    holdout: float = 0.08
    rejected: float = 0.02
    limits: tuple[float, float] = (0.05, 0.9)
    seed: int = 7
    threads: int = 1
    gpu: bool = True
    recipe: Recipe = field(default_factory=Recipe)


@dataclass(frozen=True, slots=True)
class Result:
    """What came out: labels, number of texts that trained, texts that calibrated, time in seconds, size in bytes."""

    labels: list[str]
    trained: int
    held: list[tuple[str, str]]
    calibration: Calibration
    teacher: str
    device: str
    seconds: float
    size: int


def train_intent(rows: Sequence[Row], settings: Settings, progress: Progress) -> Result:
    """Train on the rows whose split is train, and write the model.

    Raises:
        DataError: nothing can be learned from the rows.
        ModelError: the teacher cannot be read.
    """
    torch.set_num_threads(settings.threads)
    device = torch.device("cuda" if settings.gpu and torch.cuda.is_available() else "cpu")
    began = seconds(device)
    settings.work.mkdir(parents=True, exist_ok=True)
    labels = label_names(rows)
    examples = make_examples((row for row in rows if row.split == "train"), labels)
    if len({example.label for example in examples}) < 2:
        raise DataError("All rows that train have the same intent", cure="Add rows of another intent.")
    fitted, held = hold_out(examples, settings.holdout, settings.seed)
    key = _key(examples, labels, settings)
    teacher = EncoderTeacher(settings.teacher, device) if settings.teacher else None

    plan = _Plan(settings.work / f"plan-{key}.json")
    cache = VectorCache(settings.work, teacher) if teacher else None
    targets = _targets(fitted, len(labels), cache, progress)
    torch.manual_seed(settings.seed)
    net, vocabulary = _start(teacher, [example.text for example in fitted], len(labels), settings)
    pieces = WordPieces(vocabulary)
    checkpoint = settings.work / f"checkpoint-{key}.pt"
    if teacher and not checkpoint.is_file():
        progress("first head", 0.0, "")
        _first_head(net.to(device), pieces, fitted, targets.labels)
    batcher = Batcher(fitted, pieces, len(labels), beginnings=settings.beginnings, changed=settings.changed)
    prepared = plan.keep("prepared_s", seconds(device) - began)
    budget = max(1.0, settings.minutes * 60.0 - prepared - min(_FINISHING_S, 6.0 * settings.minutes))
    net = fit(
        net.to(device),
        batcher,
        targets,
        budget_s=budget,
        checkpoint=checkpoint,
        seed=settings.seed,
        progress=lambda share, loss: progress("training", share, f"loss {loss:.3f}"),
        recipe=settings.recipe,
    )
    progress("calibration", 0.0, "")
    calibration = finish(
        Trained(net, vocabulary, labels),
        settings.out,
        work=settings.work,
        held=held,
        known=fitted,
        name=settings.out.stem,
        seed=settings.seed,
        rejected=settings.rejected,
        limits=settings.limits,
    )
    return Result(
        labels=labels,
        trained=len(fitted),
        held=[(example.text, labels[example.label]) for example in held],
        calibration=calibration,
        teacher=teacher.name if teacher else "",
        device=device.type,
        seconds=prepared + budget,
        size=settings.out.stat().st_size,
    )


class _Plan:
    """What the first run of a training decided, so that a resumed one decides the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, float] = json.loads(path.read_text()) if path.is_file() else {}

    def keep(self, name: str, value: float) -> float:
        """The value of the first run."""
        if name not in self._values:
            self._values[name] = value
            self._path.write_text(json.dumps(self._values))
        return self._values[name]


def _key(examples: Sequence[Example], labels: Sequence[str], settings: Settings) -> str:
    """Names everything that a checkpoint depends on."""
    chosen = asdict(replace(settings, out=Path(), work=Path(), threads=1))
    digest = hashlib.sha256(json.dumps([labels, chosen], default=str, sort_keys=True).encode())
    for example in examples:
        digest.update(f"{example.text}\t{example.label}\t{example.weight:.4f}\n".encode())
    return digest.hexdigest()[:12]


def _targets(fitted: Sequence[Example], labels: int, cache: VectorCache | None, progress: Progress) -> Targets:
    wanted = torch.tensor([example.label for example in fitted])
    if cache is None:
        return Targets(wanted)
    texts = [example.text for example in fitted]
    vectors = cache.encode(texts, lambda share: progress("teacher", share, f"{len(texts)} texts"))
    progress("teacher's head", 0.0, "")
    head = fit_head(vectors, wanted, torch.tensor([example.weight for example in fitted]), labels)
    logits = head_logits(vectors, head)
    right = float((logits.argmax(dim=1) == wanted).float().mean())
    progress("teacher's head", 1.0, f"right on {100 * right:.1f} % of them")
    return Targets(wanted, logits, vectors)


def _first_head(net: IntentNet, pieces: WordPieces, fitted: Sequence[Example], labels: torch.Tensor) -> None:
    """Let the head begin with the softmax regression on the encoder's first states: most of the way in seconds."""
    net.eval()
    states = encode_texts(net.encoder, pieces, [example.text for example in fitted])
    norm = float(states.norm(dim=-1).mean())
    weights = torch.tensor([example.weight for example in fitted])
    # The regression sees vectors of length one; those of a text differ little in length.
    head = fit_head(states / norm, labels, weights, net.labels)
    with torch.no_grad():
        net.head.weight[:-1] = (head[:-1].T * (HEAD_SCALE / norm)).to(net.head.weight.device)
        net.head.bias[:-1] = head[-1].to(net.head.bias.device)


def _start(
    teacher: EncoderTeacher | None, texts: Sequence[str], labels: int, settings: Settings
) -> tuple[IntentNet, list[str]]:
    if teacher is None:
        vocabulary = train_vocabulary(texts, settings.vocabulary)
        encoder = Encoder(Shape(vocab=len(vocabulary), width=256, layers=settings.layers, heads=4, ff=1024))
        return IntentNet(encoder, labels), vocabulary
    kept = prune_vocabulary(teacher.vocabulary, texts, settings.vocabulary)
    vocabulary = [teacher.vocabulary[index] for index in kept]
    encoder = teacher.encoder.cpu().cut(min(settings.layers, teacher.encoder.shape.layers), kept)
    return IntentNet(encoder, labels, semantic=teacher.width), vocabulary
