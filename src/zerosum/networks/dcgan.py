"""DCGAN: deep convolutional networks by the guidelines of Radford 2016 (section 3).

Strided convolutions down and transposed ones up in place of pooling; batch normalisation in both networks, but not
behind the generator's output layer nor the critic's input layer; no fully connected hidden layer; ReLU in the
generator with tanh (or what the value range asks for) at its end, LeakyReLU(0.2) in the critic; weights N(0, 0.02)
where layers are normalised.
Kernels are 4 x 4 (5 x 5 in the paper), which stride 2 divides: every output pixel is touched equally often.
"""

import math
from itertools import pairwise

from torch import nn

from zerosum.networks.critic import Critic
from zerosum.networks.initialisation import initialise
from zerosum.networks.layers import Output, image_shape
from zerosum.networks.layers import norm as normalisation
from zerosum.networks.pyramid import OR_MLP, pyramid
from zerosum.spaces import Space


class Generator(nn.Sequential):
    """Latents `(n, latent)` to images `(n, *space.shape)`.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        latent: dimensions of the latent.
        width: channels at the finest hidden level (half the full size), doubled at each level below.
        norm: `batch` or `none`, behind every layer but the last.
        max_width: at most so many channels.

    Raises:
        UserError: the space is not of images, or their size has no pyramid.
    """

    def __init__(
        self, space: Space, *, latent: int, width: int = 64, norm: str = "batch", max_width: int = 512
    ) -> None:
        channels, size = image_shape(space, "dcgan")
        shape = pyramid(size, "dcgan", OR_MLP)
        widths = shape.channels(width, max_width)[::-1]
        super().__init__(
            nn.Linear(latent, widths[0] * math.prod(shape.base), bias=norm != "batch"),
            nn.Unflatten(1, (widths[0], *shape.base)),
            *(normalisation(norm, widths[0]), nn.ReLU()),
            *(layer for a, b in pairwise(widths) for layer in _up(a, b, norm)),
            nn.ConvTranspose2d(widths[-1], channels, 4, stride=2, padding=1),
            Output(space),
        )
        initialise(self, start_of(norm))


class DCGANCritic(Critic):
    """Images `(n, *space.shape)` to scores `(n,)`; its features are the last level's, flattened.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        width: channels of the first level, doubled at each level below.
        norm: `batch`, `layer` (for penalties on each sample's slope) or `none`, in all levels but the first.
        max_width: at most so many channels.

    Raises:
        UserError: as the generator's, or no such normalisation.
    """

    def __init__(self, space: Space, *, width: int = 64, norm: str = "batch", max_width: int = 512) -> None:
        channels, size = image_shape(space, "dcgan")
        shape = pyramid(size, "dcgan", OR_MLP)
        widths = shape.channels(width, max_width)
        body = nn.Sequential(
            *(nn.Conv2d(channels, widths[0], 4, stride=2, padding=1), nn.LeakyReLU(0.2)),
            *(layer for a, b in pairwise(widths) for layer in _down(a, b, norm)),
            nn.Flatten(),
        )
        super().__init__(body, widths[-1] * math.prod(shape.base))
        initialise(self, start_of(norm))


def start_of(norm_name: str) -> str:
    """How weights start: N(0, 0.02) relies on normalisation to restore the scale; without one, He's deviation does."""
    return "he" if norm_name == "none" else "dcgan"


def _up(before: int, after: int, norm_name: str) -> list[nn.Module]:
    bias = norm_name != "batch"  # batch normalisation takes any shift away
    convolution = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias)
    return [convolution, normalisation(norm_name, after), nn.ReLU()]


def _down(before: int, after: int, norm_name: str) -> list[nn.Module]:
    bias = norm_name != "batch"
    convolution = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=bias)
    return [convolution, normalisation(norm_name, after), nn.LeakyReLU(0.2)]
