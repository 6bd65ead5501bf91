"""How far a classifier's logits are from the classes, one value a sample, in float32 at least."""

import math

import torch.nn.functional as F
from torch import Tensor

from zerosum.losses.adversarial import precise


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """-log P(y | x) = log Σ_c exp(logit_c) - logit_y, `(n,)`, of logits `(n, classes)` and classes y `(n,)`, int64."""
    return F.cross_entropy(precise(logits), label, reduction="none")


def entropy(logits: Tensor) -> Tensor:
    """H(P(y | x)) = -Σ_c P(c | x) log P(c | x), `(n,)`, of logits `(n, classes)`."""
    logs = F.log_softmax(precise(logits), dim=1)
    return -(logs.exp() * logs).sum(1)


def gaussian_nll(mean: Tensor, log_deviation: Tensor, value: Tensor) -> Tensor:
    """-log N(c; μ, σ²) = ½ ((c - μ) / σ)² + log σ + ½ log 2π, summed over dimensions: `(n, d)` each to `(n,)`."""
    mean, log_deviation, value = precise(mean), precise(log_deviation), precise(value)
    standard = (value - mean) * (-log_deviation).exp()
    return (standard.square() / 2 + log_deviation + math.log(2 * math.pi) / 2).sum(1)


def accuracy(logits: Tensor, label: Tensor) -> Tensor:
    """Whether the largest logit is the class's, 0 or 1, `(n,)`, float32; no loss: it has no gradient."""
    return (logits.argmax(1) == label).float()
