"""Multilayer perceptrons, the networks of Goodfellow 2014, for samples of any shape."""

import math
from itertools import pairwise

from torch import nn

from zerosum.networks.critic import Critic
from zerosum.networks.layers import FullLinear, Output
from zerosum.networks.layers import norm as normalisation
from zerosum.spaces import Points, Space


class Generator(nn.Sequential):
    """`depth` hidden layers of `width` ReLU units: latents `(n, latent)` to samples `(n, *space.shape)`.

    Args:
        space: what is made.
        latent: dimensions of the latent.
        width: units a hidden layer.
        norm: `none` or `batch`, behind every hidden layer.
        depth: hidden layers, at least 1.
    """

    def __init__(self, space: Space, *, latent: int, width: int = 256, norm: str = "none", depth: int = 3) -> None:
        hidden = pairwise([latent] + [width] * depth)
        super().__init__(
            *(layer for sizes in hidden for layer in _hidden(*sizes, norm, nn.ReLU())),
            outermost(space)(width, math.prod(space.shape)),
            nn.Unflatten(1, space.shape),
            Output(space),
        )


class MLPCritic(Critic):
    """`depth` hidden layers of `width` LeakyReLU(0.2) units: samples `(n, *space.shape)` to scores `(n,)`.

    Args:
        space: what is judged.
        width: units a hidden layer, and features.
        depth: hidden layers, at least 1.
        norm: `none`, `layer` or `batch`, behind every hidden layer but the first.
    """

    def __init__(self, space: Space, *, width: int = 256, depth: int = 3, norm: str = "none") -> None:
        first = [nn.Flatten(), outermost(space)(math.prod(space.shape), width), nn.LeakyReLU(0.2)]
        rest = [layer for _ in range(depth - 1) for layer in _hidden(width, width, norm, nn.LeakyReLU(0.2))]
        super().__init__(nn.Sequential(*first, *rest), width)


def outermost(space: Space) -> type[nn.Linear]:
    """The layer that makes samples, or sees them: points are told apart by less than bfloat16 can say."""
    return FullLinear if isinstance(space, Points) else nn.Linear


def _hidden(before: int, after: int, norm_name: str, activation: nn.Module) -> list[nn.Module]:
    bias = norm_name != "batch"  # batch normalisation takes any shift away
    return [nn.Linear(before, after, bias=bias), normalisation(norm_name, after), activation]
