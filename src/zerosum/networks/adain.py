"""The synthesis network of StyleGAN (Karras 2019, figure 1b): a constant, and at every layer noise and a style.

AdaIN(x, y) = y_s (x - μ(x)) / σ(x) + y_b, with mean and deviation of each channel of each sample, and y = (y_s, y_b) a
linear function of w (equation 1). The network grows (`zerosum.networks.growing`).
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from zerosum.draw import Draw
from zerosum.networks.equalised import HE, SLOPE, ChannelBias, EqualisedConv2d, EqualisedLinear
from zerosum.networks.filters import Filter
from zerosum.networks.growing import Growing, upwards
from zerosum.networks.layers import image_shape
from zerosum.networks.modulation import Noise
from zerosum.networks.progressive import INSTEAD, widths_of
from zerosum.networks.pyramid import pyramid
from zerosum.networks.style import noises_of
from zerosum.spaces import Space


class AdaIN(nn.Module):
    """Adaptive instance normalisation of images `(n, channels, h, w)` by w `(n, size_w)`; y starts around (1, 0)."""

    def __init__(self, channels: int, *, size_w: int) -> None:
        super().__init__()
        self.affine = EqualisedLinear(size_w, 2 * channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """The same shape and type; statistics are taken in float32 at least."""
        precise = x.to(torch.promote_types(x.dtype, torch.float32))
        apart = precise - precise.mean((2, 3), keepdim=True)
        normal = apart * torch.rsqrt(apart.square().mean((2, 3), keepdim=True) + 1e-8)
        scale, shift = self.affine(w)[:, :, None, None].chunk(2, dim=1)
        styled: Tensor = normal * (1 + scale) + shift
        return styled.to(x.dtype)


class Styling(nn.Module):
    """What follows every convolution: noise, bias, leaky ReLU, AdaIN."""

    def __init__(self, channels: int, size: tuple[int, int], *, size_w: int) -> None:
        super().__init__()
        self.noise = Noise(size, channels)
        self.activation = nn.Sequential(ChannelBias(channels), nn.LeakyReLU(SLOPE))
        self.norm = AdaIN(channels, size_w=size_w)

    def forward(self, x: Tensor, w: Tensor, draw: Draw | None) -> Tensor:
        """Images to images, `(n, channels, h, w)`."""
        styled: Tensor = self.norm(self.activation(self.noise(x, draw)), w)
        return styled


class StyledBlock(nn.Module):
    """A level: two layers with a style each.

    Args:
        first: what the first layer makes of the level below, before noise and style.
        channels: of the level.
        size: of its images.
        size_w: dimensions of w.
    """

    def __init__(self, first: nn.Module, channels: int, size: tuple[int, int], *, size_w: int) -> None:
        super().__init__()
        self.first = first
        self.second = EqualisedConv2d(channels, channels, 3, bias=False, gain=HE)
        self.stylings = nn.ModuleList(Styling(channels, size, size_w=size_w) for _ in range(2))

    def forward(self, x: Tensor, told: Sequence[Tensor], noises: Sequence[Draw | None]) -> Tensor:
        """Features of the level below to those of the level, with two w and two draws."""
        x = self.stylings[0](self.first(x), told[0], noises[0])
        styled: Tensor = self.stylings[1](self.second(x), told[1], noises[1])
        return styled


class GrowingSynthesis(Growing):
    """w `(n, layers, size_w)` to images `(n, *space.shape)`, with two layers a level.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        size_w: dimensions of w.
        width: channels at full size, doubled at each level below.
        max_width: at most so many channels.

    Raises:
        UserError: the space is not of images, or their size has no pyramid.
    """

    def __init__(self, space: Space, *, size_w: int, width: int = 16, max_width: int = 512) -> None:
        channels, size = image_shape(space, "style", INSTEAD)
        shape = pyramid(size, "style")
        super().__init__(shape.levels)
        widths = widths_of(shape.levels, width, max_width)
        self.layers = 2 * (shape.levels + 1)
        self.constant = nn.Parameter(torch.ones(1, widths[0], *shape.base))
        self.start = StyledBlock(nn.Identity(), widths[0], shape.base, size_w=size_w)
        self.blocks = nn.ModuleList(
            StyledBlock(_enlarging(a, b), b, (shape.base[0] << level, shape.base[1] << level), size_w=size_w)
            for level, (a, b) in enumerate(pairwise(widths), start=1)
        )
        self.pictures = nn.ModuleList(EqualisedConv2d(width, channels, 1) for width in widths)

    def forward(self, w: Tensor, draw: Draw | None = None) -> Tensor:
        """Images, float32 at least; without a draw the noise is always the same."""
        told, noises = w.unbind(1), noises_of(draw, self.layers)
        start, *blocks = (
            partial(block, told=told[2 * level : 2 * level + 2], noises=noises[2 * level : 2 * level + 2])
            for level, block in enumerate([self.start, *self.blocks])
        )
        x = upwards(start(self.constant.expand(len(w), -1, -1, -1)), self.stage(), blocks, list(self.pictures))
        return x.to(torch.promote_types(x.dtype, torch.float32))


def smoothing() -> Filter:
    """The filter that StyleGAN puts behind what doubles and before what halves; sizes stay."""
    return Filter((1, 2, 1), pad=(1, 1))


def _enlarging(before: int, after: int) -> nn.Module:
    return nn.Sequential(
        nn.Upsample(scale_factor=2), EqualisedConv2d(before, after, 3, bias=False, gain=HE), smoothing()
    )
