"""Networks for points: distributions with separate modes, much smaller than the space between them.

Perceptrons learn low frequencies first (Rahaman 2019). The critic sees its samples through sines and cosines of rising
frequency (Tancik 2020), in units of the space's extent. The generator's part is done by its prior
(`zerosum.priors.Coins`).
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from zerosum.errors import UserError
from zerosum.networks.critic import Critic
from zerosum.networks.layers import FullLinear, Output
from zerosum.networks.layers import norm as normalisation
from zerosum.spaces import Points, Space

OCTAVES = 8


class Waves(nn.Module):
    """[x, aₖ sin(π 2ᵏ x), aₖ cos(π 2ᵏ x), …] of x = points / extent: `(n, d)` to `(n, d (1 + 2 octaves))`.

    Beyond the fourth octave the amplitude aₖ falls by 2^(-1/10) an octave: with all waves alike the critic is rough
    before it knows where the modes are.
    """

    frequencies: Tensor
    amplitudes: Tensor

    def __init__(self, extent: float, octaves: int = OCTAVES) -> None:
        super().__init__()
        octave = torch.arange(octaves)
        self.register_buffer("frequencies", math.pi / extent * 2.0**octave)
        self.register_buffer("amplitudes", (2.0 ** ((3 - octave) / 10)).clamp_max(1.0))
        self.extent = extent

    def forward(self, points: Tensor) -> Tensor:
        """The points and their waves."""
        phases = points[:, :, None] * self.frequencies
        waves = [(wave * self.amplitudes).flatten(1) for wave in (phases.sin(), phases.cos())]
        return torch.cat([points / self.extent, *waves], dim=1)


class Scale(nn.Module):
    """Multiplies by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """X times the factor."""
        return x * self.factor


class Generator(nn.Sequential):
    """`depth` hidden layers of `width` LeakyReLU(0.2) units: latents `(n, latent)` to points `(n, d)`.

    Args:
        space: points.
        latent: dimensions of the latent.
        width: units a hidden layer.
        norm: `none` or `batch`, behind every hidden layer.
        depth: hidden layers, at least 1.

    Raises:
        UserError: the samples are no points.
    """

    def __init__(self, space: Space, *, latent: int, width: int = 128, norm: str = "none", depth: int = 3) -> None:
        points = as_points(space)
        super().__init__(
            *hidden([latent] + [width] * depth, norm),
            FullLinear(width, points.shape[0]),
            Output(space),
            Scale(points.extent),
        )


class PointCritic(Critic):
    """Waves and `depth` hidden layers of `width` LeakyReLU(0.2) units: points `(n, d)` to scores `(n,)`.

    Args:
        space: points.
        width: units a hidden layer, and features.
        norm: `none`, `layer` or `batch`, behind every hidden layer.
        depth: hidden layers, at least 1.

    Raises:
        UserError: the samples are no points.
    """

    def __init__(self, space: Space, *, width: int = 128, norm: str = "none", depth: int = 3) -> None:
        points = as_points(space)
        inputs = points.shape[0] * (1 + 2 * OCTAVES)
        super().__init__(nn.Sequential(Waves(points.extent), *hidden([inputs] + [width] * depth, norm)), width)


def hidden(sizes: list[int], norm_name: str) -> list[nn.Module]:
    """Hidden layers between sizes."""
    bias = norm_name != "batch"  # batch normalisation takes any shift away
    return [
        layer
        for before, after in pairwise(sizes)
        for layer in (nn.Linear(before, after, bias=bias), normalisation(norm_name, after), nn.LeakyReLU(0.2))
    ]


def as_points(space: Space) -> Points:
    """The space, if its samples are points."""
    if not isinstance(space, Points):
        raise UserError(f"Network 'points' is for points; these are {space.kind}. Use network 'auto' or 'mlp'.")
    return space
