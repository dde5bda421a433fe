"""New labels begin where a regression on the finished encoder puts them, which takes seconds instead of epochs."""

# mypy: disable-error-code="misc,no-any-return,no-untyped-call,unused-ignore"

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812

from voicebox.train.examples import Example
from voicebox.train.net import IntentNet, encode_texts
from voicebox.train.wordpiece import WordPieces

__all__ = ["fit_new_labels"]

_DECAY = 1e-3
_STEPS = 100


def fit_new_labels(net: IntentNet, pieces: WordPieces, examples: Sequence[Example], new: Sequence[int]) -> None:
    """Set the head's rows of new labels by a softmax regression against the old ones, which stay as they are.

    Args:
        net: the model; changed in place.
        pieces: its tokenizer.
        examples: of new and old labels, normalized.
        new: the new labels' indices; nothing is done without.
    """
    if not new:
        return
    net.eval()
    states = encode_texts(net.encoder, pieces, [example.text for example in examples])
    wanted = torch.tensor([example.label for example in examples])
    weights = torch.tensor([example.weight for example in examples])
    with torch.no_grad():
        known = (states @ net.head.weight.T + net.head.bias)[:, :-1]
    centre, spread = states.mean(dim=0), states.std(dim=0).clamp_min(1e-6)
    inputs = (states - centre) / spread
    rows = torch.zeros(len(new), states.shape[1], requires_grad=True)
    biases = torch.zeros(len(new), requires_grad=True)
    columns = torch.tensor(list(new))
    optimizer = torch.optim.LBFGS([rows, biases], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = known.index_copy(1, columns, inputs @ rows.T + biases)
        loss = (F.cross_entropy(logits, wanted, reduction="none") * weights).mean() + _DECAY * rows.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        scaled = rows / spread
        net.head.weight[columns] = scaled
        net.head.bias[columns] = biases - scaled @ centre
