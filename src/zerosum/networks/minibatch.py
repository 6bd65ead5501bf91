"""Layers that show a critic how varied the batch is, besides each sample: they mix samples of one batch.

Each adds to the critic's features something that depends on the other samples, so that it can tell a batch of one and
the same sample from a varied one. Real and generated samples must come in batches of their own.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from zerosum.collectives import rows_of_all
from zerosum.errors import choose

MinibatchName = Literal["none", "discrimination", "deviation"]


class MixesSamples(nn.Module):
    """A layer whose output for a sample depends on the others of the batch.

    Attributes:
        added: channels (features) that it adds to those it is given.
    """

    added: int


class MinibatchDiscrimination(MixesSamples):
    """[f(xᵢ), o(xᵢ)] with o(xᵢ)_b = Σ_{j≠i} exp(-‖M_{i,b} - M_{j,b}‖₁) and Mᵢ = f(xᵢ) T (Salimans 2016, section 3.2).

    j runs over the batch of all processes. The sample itself, which adds 1 whatever it is, is left out as in the
    authors' code.

    Args:
        size: features A of a sample.
        kernels, dims: B and C of the tensor T, `(A, B, C)`, which starts as N(0, 1/A).
    """

    def __init__(self, size: int, *, kernels: int = 100, dims: int = 5) -> None:
        super().__init__()
        self.added = kernels
        self.T = nn.Parameter(torch.randn(size, kernels, dims) / size**0.5)

    def forward(self, features: Tensor) -> Tensor:
        """`(n, A) -> (n, A + B)`, float32 at least."""
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        with torch.autocast(features.device.type, enabled=False):
            M = (features @ self.T.flatten(1)).view(-1, *self.T.shape[1:])
            apart = (M[:, None] - rows_of_all(M)[None]).abs().sum(3)
            closeness = torch.exp(-apart).sum(1) - 1
        return torch.cat([features, closeness], dim=1)


class MinibatchDeviation(MixesSamples):
    """One channel more, constant over a group of samples: their standard deviation (Karras 2018, section 3).

    The deviation of every value over the group, averaged over all values. Groups are neighbours in the batch; one that
    groups do not divide is a group as a whole.

    Args:
        group: samples a group; 4 in the authors' code.
    """

    added = 1

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """`(n, c, …) -> (n, c + 1, …)`."""
        size = self.group if len(x) % self.group == 0 else len(x)
        groups = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(-1, size, x[0].numel())
        variance = (groups - groups.mean(1, keepdim=True)).square().mean(1)  # `var` is slow on a CPU
        deviation = (variance + 1e-8).sqrt().mean(1).to(x.dtype)
        channel = deviation.repeat_interleave(size).view(-1, *[1] * (x.ndim - 1)).expand(-1, 1, *x.shape[2:])
        return torch.cat([x, channel], dim=1)


LAYERS: dict[str, Callable[[int], MixesSamples] | None] = {
    "none": None,
    "discrimination": MinibatchDiscrimination,
    "deviation": lambda size: MinibatchDeviation(),
}
"""Layers by name, from a number of features."""


def minibatch_layer(name: str, size: int) -> MixesSamples | None:
    """The layer called `name` for `size` features; None for `none`, UserError if there is no such layer."""
    layer = choose("minibatch layer", name, LAYERS)
    return None if layer is None else layer(size)
