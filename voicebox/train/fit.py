"""The training loop: distillation, beginnings, completeness; bounded in time, checkpointed, resumable."""

# mypy: disable-error-code="misc,no-any-return,no-untyped-call,unused-ignore"

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from voicebox.train.batches import Batch, Batcher
from voicebox.train.net import IntentNet

__all__ = ["Recipe", "Targets", "fit", "seconds"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Numbers of the training loop.

    `soft` is the weight of the teacher's distribution at `temperature` against the true label (Hinton, Vinyals and
    Dean, 2015), `semantic` that of its vectors, `prefix` and `complete` those of beginnings and of P(all is said).
    `rate` is the highest learning rate of the encoder, `head_rate` that of the heads; both fall linearly to zero.
    """

    batch: int = 64
    rate: float = 2e-4
    head_rate: float = 1e-3
    soft: float = 0.7
    temperature: float = 2.0
    semantic: float = 1.0
    prefix: float = 0.4
    complete: float = 1.0
    decay: float = 0.01
    warm_steps: int = 100
    save_every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Targets:
    """What is known of every example.

    `labels` (n,) int64; from a teacher, if there is one, `logits` (n, labels) and `vectors` (n, width) of the text as
    it was written. `taught` (n,) bool says for which examples the teacher's logits count; for all if it is None.
    """

    labels: Tensor
    logits: Tensor | None = None
    vectors: Tensor | None = None
    taught: Tensor | None = None


def seconds(device: torch.device) -> float:
    """The clock that bounds training: this process's CPU time, or the time of day where a GPU computes."""
    return time.process_time() if device.type == "cpu" else time.monotonic()


def fit(
    net: IntentNet,
    batcher: Batcher,
    targets: Targets,
    *,
    budget_s: float,
    checkpoint: Path,
    seed: int,
    progress: Callable[[float, float], None],
    recipe: Recipe | None = None,
) -> IntentNet:
    """Train until `budget_s` seconds of `seconds()` are spent, the time before a resume included.

    Args:
        net: the model, on the device that is to train it; changed in place.
        batcher: makes batches.
        targets: labels and teacher of the batcher's examples.
        budget_s: how long; the learning rate falls to zero over it.
        checkpoint: written now and then, read at the start where it is there; the caller removes it.
        seed: of all chance.
        progress: gets the share of the time that is spent and the running loss.
        recipe: numbers; the default ones if None.

    Returns:
        The exponential moving average of the weights, on the CPU, in evaluation mode.
    """
    recipe = recipe or Recipe()
    device = net.head.weight.device
    heads = [parameter for name, parameter in net.named_parameters() if not name.startswith("encoder.")]
    optimizer = torch.optim.AdamW(
        [
            {"params": list(net.encoder.parameters()), "peak": recipe.rate},
            {"params": heads, "peak": recipe.head_rate},
        ],
        weight_decay=recipe.decay,
        betas=(0.9, 0.98),
    )
    average = copy.deepcopy(net)
    spent, step, running = 0.0, 0, 0.0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step, running = state["spent"], state["step"], state["running"]
    rng = random.Random(seed + step)
    torch.manual_seed(seed + step)
    saved = spent
    net.train()
    while spent < budget_s:
        began = seconds(device)
        factor = min(1.0, (step + 1) / recipe.warm_steps) * max(0.0, 1.0 - spent / budget_s)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        loss = _loss(net, batcher.draw(recipe.batch, rng), targets, recipe, device)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        _follow(average, net, step)
        spent += seconds(device) - began
        progress(min(1.0, spent / budget_s), running)
        if spent - saved > recipe.save_every_s or spent >= budget_s:
            saved = spent
            _save(checkpoint, net, average, optimizer, {"spent": spent, "step": step, "running": running})
    return average.cpu().eval()


def _loss(net: IntentNet, batch: Batch, targets: Targets, recipe: Recipe, device: torch.device) -> Tensor:
    states, out = net(batch.tokens.to(device), batch.mask.to(device))
    logits, complete = out[:, :-1], out[:, -1]
    full = len(batch.examples)
    losses = F.cross_entropy(logits[:full], targets.labels[batch.examples].to(device), reduction="none")
    if targets.logits is not None:
        heat = recipe.temperature
        teacher = F.softmax(targets.logits[batch.examples].to(device) / heat, dim=-1)
        soft = F.kl_div(F.log_softmax(logits[:full] / heat, dim=-1), teacher, reduction="none").sum(dim=-1) * heat**2
        share = torch.full_like(losses, recipe.soft)
        if targets.taught is not None:
            share = share * targets.taught[batch.examples].to(device)
        losses = (1.0 - share) * losses + share * soft
    loss = losses.mean()
    if targets.vectors is not None and net.semantic is not None:
        wanted = targets.vectors[batch.examples].to(device, torch.float32)
        loss = loss + recipe.semantic * (1.0 - F.cosine_similarity(net.semantic(states[:full]), wanted, dim=-1).mean())
    if len(batch.prefix_labels):
        loss = loss + recipe.prefix * F.cross_entropy(logits[full:], batch.prefix_labels.to(device))
    return loss + recipe.complete * F.binary_cross_entropy_with_logits(complete, batch.complete.to(device))


def _follow(average: IntentNet, net: IntentNet, step: int) -> None:
    """Every fifth step, move the average towards the weights; fast at first."""
    if step % 5 == 0:
        with torch.no_grad():
            for mean, value in zip(average.parameters(), net.parameters(), strict=True):
                mean.lerp_(value, max(0.03, 10.0 / (step + 10)))


def _save(
    checkpoint: Path, net: IntentNet, average: IntentNet, optimizer: torch.optim.Optimizer, rest: dict[str, float]
) -> None:
    temporary = checkpoint.with_suffix(".tmp")
    states = {"net": net.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**states, **rest}, temporary)
    temporary.replace(checkpoint)
