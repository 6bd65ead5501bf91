"""The growing networks of Karras 2018 (table 2), for images whose size has a pyramid.

3 x 3 convolutions with equalised learning rate and leaky ReLU, two a level; the generator normalises every pixel, the
critic nothing, but it sees the deviation over the minibatch. Pictures are made and seen by 1 x 1 convolutions, a pair a
level; nothing bounds them.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from zerosum.networks.critic import Critic
from zerosum.networks.equalised import HE, SLOPE, ChannelBias, EqualisedConv2d, EqualisedLinear, PixelNorm
from zerosum.networks.families import Family
from zerosum.networks.growing import Growing, downwards, upwards
from zerosum.networks.layers import image_shape
from zerosum.networks.minibatch import MinibatchDeviation
from zerosum.networks.pyramid import pyramid
from zerosum.spaces import Space

INSTEAD = "Take another recipe."


class ProgressiveGenerator(Growing):
    """Latents `(n, latent)` to images `(n, *space.shape)`.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        latent: dimensions of the latent, which is brought to the length √latent.
        width: channels at full size, doubled at each level below.
        max_width: at most so many channels.

    Raises:
        UserError: the space is not of images, or their size has no pyramid.
    """

    def __init__(self, space: Space, *, latent: int, width: int = 16, max_width: int = 512) -> None:
        channels, size = image_shape(space, "progressive", INSTEAD)
        shape = pyramid(size, "progressive")
        super().__init__(shape.levels)
        widths = widths_of(shape.levels, width, max_width)
        self.start = nn.Sequential(
            PixelNorm(),
            EqualisedLinear(latent, widths[0] * math.prod(shape.base), bias=False, gain=HE / 4),  # as the authors' code
            nn.Unflatten(1, (widths[0], *shape.base)),
            *(ChannelBias(widths[0]), nn.LeakyReLU(SLOPE), PixelNorm()),
            *_made(widths[0], widths[0]),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), *_made(a, b), *_made(b, b)) for a, b in pairwise(widths)
        )
        self.pictures = nn.ModuleList(EqualisedConv2d(width, channels, 1) for width in widths)

    def forward(self, z: Tensor) -> Tensor:
        """Samples, in float32 at least."""
        x = upwards(self.start(z), self.stage(), list(self.blocks), list(self.pictures))
        return x.to(torch.promote_types(x.dtype, torch.float32))


class ProgressiveBody(Growing):
    """Images of full size to features `(n, size)`.

    Args:
        channels: of the images.
        base: height and width at level 0.
        widths: channels of level 0, 1 …
        group: samples over which the deviation is taken.
        smoothing: makes what comes before a convolution whose output is halved.
    """

    def __init__(
        self,
        channels: int,
        base: tuple[int, int],
        widths: list[int],
        group: int,
        smoothing: Callable[[], nn.Module],
    ) -> None:
        super().__init__(len(widths) - 1)
        self.size = widths[0]
        self.views = nn.ModuleList(
            nn.Sequential(EqualisedConv2d(channels, width, 1, gain=HE), nn.LeakyReLU(SLOPE)) for width in widths
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*_seen(b, b), smoothing(), *_seen(b, a), nn.AvgPool2d(2)) for a, b in pairwise(widths)
        )
        self.end = nn.Sequential(
            MinibatchDeviation(group),
            *_seen(widths[0] + MinibatchDeviation.added, widths[0]),
            nn.Flatten(),
            EqualisedLinear(widths[0] * math.prod(base), self.size, gain=HE),
            nn.LeakyReLU(SLOPE),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features."""
        return cast(Tensor, self.end(downwards(x, self.stage(), list(self.blocks), list(self.views))))


class ProgressiveCritic(Critic):
    """Images `(n, *space.shape)` to scores `(n,)`.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        width: channels at full size, doubled at each level below.
        max_width: at most so many channels.
        group: samples over which the deviation is taken.
        smoothing: makes what comes before a convolution whose output is halved; nothing by default.

    Raises:
        UserError: as the generator's.
    """

    def __init__(
        self,
        space: Space,
        *,
        width: int = 16,
        max_width: int = 512,
        group: int = 4,
        smoothing: Callable[[], nn.Module] = nn.Identity,
    ) -> None:
        channels, size = image_shape(space, "progressive", INSTEAD)
        shape = pyramid(size, "progressive")
        body = ProgressiveBody(channels, shape.base, widths_of(shape.levels, width, max_width), group, smoothing)
        super().__init__(body, body.size)
        self.head = EqualisedLinear(body.size, 1)


def _generator(space: Space, *, latent: int, width: int, norm: str) -> ProgressiveGenerator:
    assert norm == "none", "the networks have their own"
    return ProgressiveGenerator(space, latent=latent, width=width)


def _critic(space: Space, *, width: int, norm: str) -> ProgressiveCritic:
    assert norm == "none", "nothing may mix samples but the deviation"
    return ProgressiveCritic(space, width=width)


PROGRESSIVE = Family(_generator, _critic, latent=512, width=16, generator_norm="none", critic_norm="none")
"""Both, as a pair."""


def widths_of(levels: int, width: int, max_width: int) -> list[int]:
    """Channels of level 0, 1 … `levels`: `width` at the last, doubled at each level below, at most `max_width`.

    >>> widths_of(3, 16, 64)
    [64, 64, 32, 16]
    """
    return [min(width << (levels - level), max_width) for level in range(levels + 1)]


def _made(before: int, after: int) -> list[nn.Module]:
    return [EqualisedConv2d(before, after, 3, gain=HE), nn.LeakyReLU(SLOPE), PixelNorm()]


def _seen(before: int, after: int) -> list[nn.Module]:
    return [EqualisedConv2d(before, after, 3, gain=HE), nn.LeakyReLU(SLOPE)]
