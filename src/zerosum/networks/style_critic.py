"""The critic of StyleGAN2 (Karras 2020, figure 7c): residual blocks that halve through a filter."""

import math
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.networks.critic import Critic
from zerosum.networks.equalised import EqualisedConv2d, EqualisedLinear
from zerosum.networks.filters import Filter, halving
from zerosum.networks.layers import image_shape
from zerosum.networks.minibatch import MinibatchDeviation
from zerosum.networks.modulation import ScaledLeakyReLU, clamped
from zerosum.networks.progressive import INSTEAD, widths_of
from zerosum.networks.pyramid import pyramid
from zerosum.spaces import Space


class StyleCritic(Critic):
    """Images `(n, *space.shape)` to scores `(n,)`.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        width: channels at full size, doubled at each level below.
        max_width: at most so many channels.
        group: samples over which the minibatch deviation is taken.
        shortcuts: whether blocks are residual.
        clamp: the largest magnitude of what a convolution comes to; None: any.

    Raises:
        UserError: the space is not of images, or their size has no pyramid.
    """

    def __init__(
        self,
        space: Space,
        *,
        width: int = 32,
        max_width: int = 512,
        group: int = 4,
        shortcuts: bool = True,
        clamp: float | None = None,
    ) -> None:
        channels, size = image_shape(space, "style", INSTEAD)
        shape = pyramid(size, "style")
        widths = widths_of(shape.levels, width, max_width)[::-1]
        coarse = widths[-1]
        block = Halving if shortcuts else halving_branch
        body = nn.Sequential(
            *(EqualisedConv2d(channels, widths[0], 1), ScaledLeakyReLU(clamp)),
            *(block(a, b, clamp) for a, b in pairwise(widths)),
            MinibatchDeviation(group),
            *(EqualisedConv2d(coarse + MinibatchDeviation.added, coarse, 3), ScaledLeakyReLU(clamp)),
            nn.Flatten(),
            *(EqualisedLinear(coarse * math.prod(shape.base), coarse), ScaledLeakyReLU()),
        )
        super().__init__(body, coarse)
        self.head = EqualisedLinear(coarse, 1)


class Halving(nn.Module):
    """(branch(x) + shortcut(x)) / √2, `(n, before, h, w) -> (n, after, h / 2, w / 2)`."""

    def __init__(self, before: int, after: int, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp
        self.branch = halving_branch(before, after, clamp)
        self.shortcut = nn.Sequential(halving(), EqualisedConv2d(before, after, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """The sum, with the variance of one of them."""
        total: Tensor = (self.branch(x) + clamped(self.shortcut(x), self.clamp)) * math.sqrt(0.5)
        return total


class StridedConv2d(EqualisedConv2d):
    """A 3 x 3 convolution of stride 2 behind a filter that smooths, with a bias."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3)
        self.smooth = Filter(pad=(2, 2))

    def forward(self, input: Tensor) -> Tensor:
        """`(n, before, h, w) -> (n, after, h / 2, w / 2)`."""
        return F.conv2d(self.smooth(input), self.scaled(), self.bias, stride=2)


def halving_branch(before: int, after: int, clamp: float | None = None) -> nn.Sequential:
    """Two convolutions, of which the second halves."""
    return nn.Sequential(
        *(EqualisedConv2d(before, before, 3), ScaledLeakyReLU(clamp)),
        *(StridedConv2d(before, after), ScaledLeakyReLU(clamp)),
    )
