"""Residual networks with self-attention, of SAGAN and BigGAN, for images whose size has a pyramid.

Blocks as in `resnet`, but the critic's have their further channels from the first convolution on, and channels follow
the authors' tables (Brock 2019, appendix B): they double to 16 times the width, and from 256 x 256 on the eightfold
come twice. With `width` 96 the networks of BigGAN at 128 x 128 have the parameters that the authors' code prints.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from zerosum.errors import UserError
from zerosum.networks.attention import SelfAttention
from zerosum.networks.critic import Critic
from zerosum.networks.layers import Output, image_shape
from zerosum.networks.layers import norm as normalisation
from zerosum.networks.pyramid import Pyramid, pyramid
from zerosum.networks.resnet import Residual, SumPool, conv1, conv3, first, glorot, level, up
from zerosum.spaces import Space

INSTEAD = "Take recipe 'r3gan'."


class Generator(nn.Sequential):
    """Latents `(n, latent)` to images `(n, *space.shape)`.

    Args:
        space: images of any channel count whose size has a pyramid of two levels or more.
        latent: dimensions of the latent.
        width: channels at full size.
        norm: `batch` or `none`, before every activation.
        attention: height at which positions attend to each other; by default half the full height.

    Raises:
        UserError: the space is not of such images, or has no pictures of such a height inside.
    """

    def __init__(
        self, space: Space, *, latent: int, width: int = 64, norm: str = "batch", attention: int | None = None
    ) -> None:
        channels, shape = _of(space)
        fine = multiples(shape.levels)
        widths = [width * times for times in (fine[-1], *fine[::-1])]
        heights = [shape.base[0] << above for above in range(1, shape.levels + 1)]
        blocks = [up(a, b, norm, bias=True) for a, b in pairwise(widths)]
        super().__init__(
            glorot(nn.Linear(latent, widths[0] * math.prod(shape.base))),
            nn.Unflatten(1, (widths[0], *shape.base)),
            *_attending(blocks, widths[1:], heights, _inside(shape, attention)),
            *(normalisation(norm, widths[-1]), nn.ReLU()),
            glorot(nn.Conv2d(widths[-1], channels, 3, padding=1)),
            Output(space),
        )


class AttentiveCritic(Critic):
    """Images `(n, *space.shape)` to scores `(n,)`: a block a level that halves, one that does not, a sum over places.

    Args:
        space: as the generator's.
        width: channels of the first block.
        attention: as the generator's.

    Raises:
        UserError: as the generator's.
    """

    def __init__(self, space: Space, *, width: int = 64, attention: int | None = None) -> None:
        channels, shape = _of(space)
        widths = [width * times for times in multiples(shape.levels)]
        heights = [shape.base[0] << above for above in reversed(range(shape.levels))]
        blocks = [first(channels, width), *(_down(a, b) for a, b in pairwise(widths))]
        body = nn.Sequential(
            *_attending(blocks, widths, heights, _inside(shape, attention)),
            *(level(widths[-1], "none"), nn.ReLU(), SumPool()),
        )
        super().__init__(body, widths[-1])
        glorot(self.head)


def multiples(levels: int) -> tuple[int, ...]:
    """Channels a level over the width, from the finest to the coarsest."""
    return (1, 2, 4, 8, 16)[:levels] if levels < 6 else (*(1,) * (levels - 6), 1, 2, 4, 8, 8, 16)


def _inside(shape: Pyramid, height: int | None) -> int:
    """The height that both networks have a picture of inside, by default half the full one.

    Raises:
        UserError: they have none of this height.
    """
    inside = [shape.base[0] << above for above in range(1, shape.levels)]
    if not inside:
        raise UserError(f"Images of {shape.base[0] << 1} rows are too small for self-attention inside. {INSTEAD}")
    if height is None:
        return inside[-1]
    if height not in inside:
        raise UserError(f"attention = {height} is no height inside these networks: {', '.join(map(str, inside))}.")
    return height


def _of(space: Space) -> tuple[int, Pyramid]:
    """Channels and pyramid of images."""
    channels, size = image_shape(space, "attentive", INSTEAD)
    return channels, pyramid(size, "attentive")


def _attending(
    blocks: Sequence[nn.Module], widths: Sequence[int], heights: Sequence[int], attended: int
) -> list[nn.Module]:
    """The blocks, which give so many channels and such a height, with attention behind the one of that height."""
    layers: list[nn.Module] = []
    for block, width, height in zip(blocks, widths, heights, strict=True):
        layers += [block, SelfAttention(width)] if height == attended else [block]
    return layers


def _down(before: int, after: int) -> Residual:
    branch = nn.Sequential(nn.ReLU(), conv3(before, after), nn.ReLU(), conv3(after, after), nn.AvgPool2d(2))
    return Residual(branch, nn.Sequential(conv1(before, after), nn.AvgPool2d(2)))
