"""The training loop: distillation, prefix labels, completeness; bounded in CPU time, checkpointed, resumable."""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from scripts.train.batches import Batch, Batcher
from scripts.train.model import IntentNet

__all__ = ["Targets", "fit"]

TEMPERATURE = 2.0
"""Of teacher and student in the distillation term (Hinton, Vinyals and Dean, 2015)."""
HARD_SHARE = 0.5
"""Weight of the true label against the teacher's distribution."""
_EMA = 0.98
_EMA_EVERY = 10


@dataclass(frozen=True, slots=True)
class Targets:
    """What is known of every training example.

    `labels` (n,) int64; `teacher` (n, labels) logits, or None without a teacher; `vectors` (n, width) of the teacher,
    or None; `origins` (n,) int64 class of the source's own intent, −100 where it has none; `label_tokens` (labels,)
    and `end_wait` (2,) are token ids.
    """

    labels: Tensor
    teacher: Tensor | None
    vectors: Tensor | None
    origins: Tensor
    label_tokens: Tensor
    end_wait: Tensor


def _loss(net: IntentNet, batch: Batch, targets: Targets) -> Tensor:
    hidden = net(batch.tokens, batch.positions, batch.mask, batch.asks)
    logits = net.logits(hidden, targets.label_tokens)
    rows = batch.examples
    full, partial = logits[: len(rows)], logits[len(rows) :]
    hard = F.cross_entropy(full, targets.labels[rows])
    if targets.teacher is None:
        loss = hard
    else:
        teacher = F.softmax(targets.teacher[rows] / TEMPERATURE, dim=-1)
        soft = F.kl_div(F.log_softmax(full / TEMPERATURE, dim=-1), teacher, reduction="batchmean") * TEMPERATURE**2
        loss = HARD_SHARE * hard + (1.0 - HARD_SHARE) * soft
    if len(partial):
        loss = loss + 0.4 * F.cross_entropy(partial, batch.prefix_labels)
    end, wait = net.logits(hidden, targets.end_wait).unbind(-1)
    loss = loss + 1.5 * F.binary_cross_entropy_with_logits(end - wait, batch.complete)
    origins = targets.origins[rows]
    if bool((origins >= 0).any()):
        loss = loss + 0.15 * F.cross_entropy(net.aux(hidden[: len(rows)]), origins)
    if targets.vectors is not None:
        cosine = F.cosine_similarity(net.semantic(hidden[: len(rows)]), targets.vectors[rows], dim=-1)
        loss = loss + 1.0 * (1.0 - cosine.mean())
    return loss


def fit(
    net: IntentNet, batcher: Batcher, targets: Targets, *, cpu_s: float, checkpoint: Path, seed: int,
    progress: Callable[[float, float], None], batch_size: int = 96, peak: float = 1.5e-3, save_every_s: float = 60.0,
) -> IntentNet:  # fmt: skip
    """Train until `cpu_s` seconds of this process's CPU time are spent, the time before a resume included.

    Args:
        net: the model; changed in place.
        batcher: makes batches.
        targets: labels and teacher of the batcher's examples.
        cpu_s: CPU seconds; the learning rate falls to zero over them.
        checkpoint: written every `save_every_s`, read at the start where it is there, removed by nobody.
        seed: of all chance.
        progress: gets the share of the time that is spent and the running loss.
        batch_size: sentences per step.
        peak: highest learning rate.
        save_every_s: CPU seconds between checkpoints.

    Returns:
        The exponential moving average of the weights.
    """
    slow = [net.delta]
    fast = [parameter for name, parameter in net.named_parameters() if name != "delta"]
    optimizer = torch.optim.AdamW(
        [{"params": fast, "weight_decay": 0.02, "scale": 1.0}, {"params": slow, "weight_decay": 0.02, "scale": 1.0}],
        lr=peak, betas=(0.9, 0.98),
    )  # fmt: skip
    average = copy.deepcopy(net)
    rng = random.Random(seed)
    torch.manual_seed(seed)
    spent, step, running = 0.0, 0, 0.0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"], strict=False)
        average.load_state_dict(state["average"], strict=False)
        optimizer.load_state_dict(state["optimizer"])
        spent, step, running = state["spent"], state["step"], state["running"]
        rng.seed(seed + step)
        torch.manual_seed(seed + step)
    saved = spent
    net.train()
    while spent < cpu_s:
        began = time.process_time()
        share = spent / cpu_s
        warm = min(1.0, (step + 1) / 200)
        rate = peak * warm * (0.5 + 0.5 * math.cos(math.pi * share)) + 1e-6
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        loss = _loss(net, batcher.draw(batch_size, rng), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % _EMA_EVERY == 0:
            with torch.no_grad():
                for mean, value in zip(average.parameters(), net.parameters(), strict=True):
                    mean.lerp_(value, 1.0 - min(_EMA, step / (step + 100)))
        spent += time.process_time() - began
        progress(min(1.0, spent / cpu_s), running)
        if spent - saved > save_every_s or spent >= cpu_s:
            saved = spent
            _save(checkpoint, net, average, optimizer, {"spent": spent, "step": step, "running": running})
    average.eval()
    return average


def _save(
    checkpoint: Path, net: IntentNet, average: IntentNet, optimizer: torch.optim.Optimizer, rest: dict[str, float]
) -> None:
    temporary = checkpoint.with_suffix(".tmp")
    states = {"net": net.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**states, **rest}, temporary)
    temporary.replace(checkpoint)
