"""Teach a finished intent model more: other labels, other rows, without unlearning what it knows.

Rows of labels that the model has are learned against its own former answers as well as their label (Li and Hoiem, 2016,
Learning without Forgetting); rows of new labels against their label alone.
"""

# mypy: disable-error-code="misc,no-any-return,unused-ignore"

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from voicebox.llm.types import OUT_OF_SCOPE
from voicebox.train.batches import Batcher
from voicebox.train.calibrate import Calibration
from voicebox.train.examples import Example, hold_out, make_examples
from voicebox.train.export import Trained, read_intent_gguf
from voicebox.train.extra import require_training_libraries
from voicebox.train.finish import finish
from voicebox.train.first_head import fit_new_labels
from voicebox.train.fit import Recipe, Targets, fit
from voicebox.train.net import IntentNet, pad
from voicebox.train.rows import Row, check_rows
from voicebox.train.wordpiece import WordPieces

__all__ = ["FINETUNE_RECIPE", "finetune"]

FINETUNE_RECIPE = Recipe(rate=1e-4, head_rate=2e-3, soft=0.5, warm_steps=30)
_UNKNOWN = -20.0
"""Logit of a label that the former model did not have."""


def finetune(
    model: Path,
    rows: Sequence[Row],
    out: Path,
    *,
    cpu_s: float = 120.0,
    new_labels: Sequence[str] = (),
    work: Path | None = None,
    recipe: Recipe = FINETUNE_RECIPE,
    rejected: float = 0.02,
    limits: tuple[float, float] = (0.05, 0.9),
    threads: int = 1,
    seed: int = 7,
    progress: Callable[[float, float], None] = lambda share, loss: None,
) -> Calibration:
    """Continue the training of an intent GGUF (version 2) and write a new one.

    Args:
        model: the GGUF to start from; it is not changed, and may be `out`.
        rows: what to train on: rows of the new labels, and enough rows of the old ones (and out of scope) to keep them;
            rows whose split is val are not used.
        out: the GGUF to write; it appears whole or not at all.
        cpu_s: CPU seconds of the training loop. Export and calibration add about 10.
        new_labels: labels to add beside those that the rows have.
        work: folder for what is in between; a stopped run goes on from it. A temporary one if None.
        recipe: numbers of the training loop.
        rejected: share of held-out in-scope rows that the threshold is to reject.
        limits: lowest and highest threshold.
        threads: threads of PyTorch.
        seed: of all chance.
        progress: gets the share of the time that is spent and the running loss.

    Raises:
        DataError: nothing can be learned from the rows.
        ModelError: the model cannot be read, or is of another kind.
        VoiceboxError: the `train` extra is not installed.
    """
    require_training_libraries()
    check_rows(rows, "the rows")
    torch.set_num_threads(threads)
    old = read_intent_gguf(model)
    trained = [row for row in rows if row.split == "train"]
    labels = [*sorted({*old.labels, *(row.intent for row in trained), *new_labels} - {OUT_OF_SCOPE}), OUT_OF_SCOPE]
    fitted, held = hold_out(make_examples(trained, labels), 0.08, seed)
    torch.manual_seed(seed)
    net = old.net.grown(len(labels), [labels.index(label) for label in old.labels])
    pieces = WordPieces(old.vocabulary)
    targets = _targets(old, labels, fitted, pieces)
    fit_new_labels(net, pieces, fitted, [at for at, label in enumerate(labels) if label not in old.labels])
    folder = work or Path(tempfile.mkdtemp(prefix="voicebox-finetune-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        net = fit(
            net,
            Batcher(fitted, pieces, len(labels)),
            targets,
            budget_s=cpu_s,
            checkpoint=folder / f"finetune-{_key(model, rows, cpu_s, seed)}.pt",
            seed=seed,
            progress=progress,
            recipe=recipe,
        )
        return finish(
            Trained(net, old.vocabulary, labels),
            out,
            work=folder,
            held=held,
            known=fitted,
            name=out.stem,
            seed=seed,
            rejected=rejected,
            limits=limits,
        )
    finally:
        if work is None:
            shutil.rmtree(folder, ignore_errors=True)


def _key(model: Path, rows: Sequence[Row], cpu_s: float, seed: int) -> str:
    """Names everything that a checkpoint depends on."""
    digest = hashlib.sha256(f"{cpu_s} {seed}".encode())
    digest.update(model.read_bytes())
    for row in rows:
        digest.update(f"{row.text}\t{row.intent}\t{row.weight}\n".encode())
    return digest.hexdigest()[:12]


def _targets(old: Trained, labels: Sequence[str], fitted: Sequence[Example], pieces: WordPieces) -> Targets:
    """Labels, and the former model's logits for examples whose label it knew."""
    known = {labels.index(label) for label in old.labels}
    targets = torch.tensor([example.label for example in fitted])
    taught = torch.tensor([example.label in known for example in fitted])
    logits = torch.full((len(fitted), len(labels)), _UNKNOWN)
    columns = torch.tensor([labels.index(label) for label in old.labels])
    rows = torch.nonzero(taught).squeeze(1)
    if len(rows):
        answers = _logits(old.net, pieces, [fitted[int(row)].text for row in rows])
        logits[rows.unsqueeze(1), columns.unsqueeze(0)] = answers
    return Targets(targets, logits, taught=taught)


def _logits(net: IntentNet, pieces: WordPieces, texts: Sequence[str], *, batch: int = 64) -> torch.Tensor:
    """The labels' logits, (n, labels)."""
    ids = [pieces.encode(text) for text in texts]
    out = torch.zeros(len(ids), net.labels)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    net.eval()
    with torch.no_grad():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            out[rows] = net(*pad([ids[row] for row in rows], pieces.pad))[1][:, :-1]
    return out
