"""Residual networks of SNGAN (Miyato 2018, appendix B.4), for images whose size has a pyramid.

The generator doubles with nearest-neighbour upsampling inside its blocks, the critic halves with average pooling.
Convolutions start as in the authors' code: Glorot uniform, times √2 on the residual branch, biases at 0. The paper's
architecture from 64 x 64 up doubles channels level by level, as here; its CIFAR one keeps them (`max_width=width`).
The critic carries no normalisation of its own: SNGAN adds spectral normalisation, WGAN-GP `norm="layer"`.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import init

from zerosum.errors import choose
from zerosum.networks.critic import Critic
from zerosum.networks.layers import Output, image_shape
from zerosum.networks.layers import norm as normalisation
from zerosum.networks.pyramid import OR_MLP, pyramid
from zerosum.spaces import Space

PoolName = Literal["sum", "flatten"]


class Residual(nn.Module):
    """branch(x) + shortcut(x), both `(n, channels, h, w)` to the same shape."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the two."""
        total: Tensor = self.branch(x) + self.shortcut(x)
        return total


class Generator(nn.Sequential):
    """Latents `(n, latent)` to images `(n, *space.shape)`.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        latent: dimensions of the latent.
        width: channels at full size, doubled at each level below.
        norm: `batch` or `none`, before every activation.
        max_width: at most so many channels.

    Raises:
        UserError: the space is not of images, or their size has no pyramid.
    """

    def __init__(
        self, space: Space, *, latent: int, width: int = 64, norm: str = "batch", max_width: int = 512
    ) -> None:
        channels, size = image_shape(space, "resnet")
        shape = pyramid(size, "resnet", OR_MLP)
        finest = shape.channels(width, max_width)
        widths = [min(2 * finest[-1], max_width), *finest[::-1]]
        bias = norm != "batch"  # batch normalisation behind the last block takes any shift away
        super().__init__(
            glorot(nn.Linear(latent, widths[0] * math.prod(shape.base))),
            nn.Unflatten(1, (widths[0], *shape.base)),
            *(up(a, b, norm, bias=bias) for a, b in pairwise(widths)),
            *(normalisation(norm, widths[-1]), nn.ReLU()),
            glorot(nn.Conv2d(widths[-1], channels, 3, padding=1)),
            Output(space),
        )


class ResNetCritic(Critic):
    """Images `(n, *space.shape)` to scores `(n,)`: a block a level that halves, then one that does not.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        width: channels of the first block, doubled at each level below.
        norm: `none`, `layer` or `batch`, before the convolutions of all blocks but the first.
        max_width: at most so many channels.
        pool: what becomes of the last level's values: their `sum` over positions (Miyato 2018), or all of them.

    Raises:
        UserError: as the generator's, or no such normalisation or pooling.
    """

    def __init__(
        self, space: Space, *, width: int = 64, norm: str = "none", max_width: int = 512, pool: PoolName = "sum"
    ) -> None:
        channels, size = image_shape(space, "resnet")
        shape = pyramid(size, "resnet", OR_MLP)
        widths = shape.channels(width, max_width)
        pooling, positions = choose("pooling", pool, POOLS)
        body = nn.Sequential(
            first(channels, widths[0]),
            *(_down(a, b, norm) for a, b in pairwise(widths)),
            level(widths[-1], norm),
            nn.ReLU(),
            pooling(),
        )
        super().__init__(body, widths[-1] * positions(shape.base))
        glorot(self.head)


class SumPool(nn.Module):
    """The sum over positions, in float32 at least."""

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, h, w) -> (n, channels)`."""
        return x.to(torch.promote_types(x.dtype, torch.float32)).sum((2, 3))


POOLS: dict[str, tuple[Callable[[], nn.Module], Callable[[tuple[int, int]], int]]] = {
    "sum": (SumPool, lambda base: 1),
    "flatten": (nn.Flatten, math.prod),
}
"""Poolings by name: the layer, and how many values a channel it leaves of a base."""


def up(before: int, after: int, norm_name: str, *, bias: bool) -> Residual:
    """Doubles."""
    branch = nn.Sequential(
        *(normalisation(norm_name, before), nn.ReLU(), nn.Upsample(scale_factor=2), conv3(before, after, bias=bias)),
        *(normalisation(norm_name, after), nn.ReLU(), conv3(after, after, bias=bias)),
    )
    return Residual(branch, nn.Sequential(nn.Upsample(scale_factor=2), conv1(before, after, bias=bias)))


def first(channels: int, width: int) -> Residual:
    """Halves, with no activation before its first convolution: it sees the samples themselves."""
    branch = nn.Sequential(conv3(channels, width), nn.ReLU(), conv3(width, width), nn.AvgPool2d(2))
    return Residual(branch, nn.Sequential(nn.AvgPool2d(2), conv1(channels, width)))


def _down(before: int, after: int, norm_name: str) -> Residual:
    branch = nn.Sequential(*_convolutions(before, after, norm_name), nn.AvgPool2d(2))
    return Residual(branch, nn.Sequential(conv1(before, after), nn.AvgPool2d(2)))


def level(width: int, norm_name: str) -> Residual:
    """Keeps the size."""
    return Residual(nn.Sequential(*_convolutions(width, width, norm_name)), nn.Identity())


def _convolutions(before: int, after: int, norm_name: str) -> list[nn.Module]:
    bias = norm_name != "batch"  # batch normalisation takes any shift away
    return [
        *(normalisation(norm_name, before), nn.ReLU(), conv3(before, before, bias=bias)),
        *(normalisation(norm_name, before), nn.ReLU(), conv3(before, after)),
    ]


def conv3(before: int, after: int, *, bias: bool = True) -> nn.Module:
    """A convolution of 3 x 3 on a residual branch."""
    return glorot(nn.Conv2d(before, after, 3, padding=1, bias=bias), gain=math.sqrt(2))


def conv1(before: int, after: int, *, bias: bool = True) -> nn.Module:
    """A convolution of 1 x 1 on a shortcut."""
    return glorot(nn.Conv2d(before, after, 1, bias=bias))


def glorot(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """The layer, its weight Glorot uniform times `gain`, its bias 0."""
    init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        init.zeros_(layer.bias)
    return layer
