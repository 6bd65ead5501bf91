"""StyleGAN3: a generator whose layers stand for continuous signals, so that details move with what they are of.

A signal of cutoff f_c is sampled s times a unit (the shorter side of a picture), with a margin beyond the picture.
Convolutions do not leave the band. What does is the nonlinearity, so it is applied at a higher rate, between an ideal
filter that interpolates and one that takes away what the next layer cannot hold (Karras 2021, sections 2 and 3).
Nothing tells a layer where it is: there is no noise, no constant, and the margin hides the border.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.collectives import mean_over_processes, world_size
from zerosum.draw import Draw
from zerosum.networks.equalised import SLOPE, ChannelBias
from zerosum.networks.filters import Pad
from zerosum.networks.fourier import FourierFeatures
from zerosum.networks.kaiser import Downsampling, Upsampling, low_pass, radial_low_pass
from zerosum.networks.layers import image_shape
from zerosum.networks.modulation import ModulatedConv2d, StyledPicture, clamped
from zerosum.networks.progressive import INSTEAD
from zerosum.networks.pyramid import pyramid
from zerosum.networks.style import StyleGenerator
from zerosum.spaces import Space

FIRST_CUTOFF, FIRST_STOPBAND = 2.0, 2**2.1
"""f_c,0 and f_t,0, in cycles a unit."""
LAST_STOPBAND = 2**0.3
"""f_t,N over f_c,N."""
TAPS = 6
"""n, of a filter at the lower rate of the two."""
OUTPUT = 0.25
"""What pictures are scaled by, so that features of deviation 1 make pictures of about the right contrast."""
HALF_LIFE_SAMPLES = 20_000
"""Of the running means of magnitudes."""


@dataclass(frozen=True)
class Level:
    """What a layer gives.

    Attributes:
        cutoff: f_c, in cycles a unit.
        half_width: f_h, of the transition band.
        rate: s, samples a unit.
        size: height and width, with the margin.
        channels: how many.
        critical: whether it is sampled as coarsely as the cutoff allows, which leaves no room for a filter to fall.
    """

    cutoff: float
    half_width: float
    rate: float
    size: tuple[int, int]
    channels: int
    critical: bool


def schedule(
    size: tuple[int, int], *, width: int, max_width: int = 512, layers: int = 14, critical: int = 2, margin: int = 10
) -> list[Level]:
    """Levels of so many layers (Karras 2021, appendix D, equations 8 and 9); the picture's channels come after that.

    Cutoffs and stop bands grow geometrically up to the picture's own, which the last `critical` layers have.

    Args:
        size: of pictures, height and width.
        width: channels at the highest cutoff; there are as many more as the cutoff is lower.
        max_width: at most so many channels.
        layers: N.
        critical: how many of them are critically sampled, all but the first at most.
        margin: samples beyond the picture on each side.
    """
    unit, growing = min(size), max(1, layers - critical)
    last = unit / 2
    first = min(FIRST_CUTOFF, last)
    levels = []
    for index in range(layers):
        share = min(1.0, index / growing)
        cutoff = first * (last / first) ** share
        stopband = FIRST_STOPBAND * (last * LAST_STOPBAND / FIRST_STOPBAND) ** share
        halvings = math.floor(math.log2(unit / min(2 * stopband, unit)))
        rate = unit / 2**halvings
        levels.append(
            Level(
                cutoff=cutoff,
                half_width=max(stopband, rate / 2) - cutoff,
                rate=rate,
                size=((size[0] >> halvings) + 2 * margin, (size[1] >> halvings) + 2 * margin),
                channels=min(round(width * last / cutoff), max_width),
                critical=index >= growing,
            )
        )
    return [*levels[:-1], replace(levels[-1], size=size)]


class Resampling(NamedTuple):
    """How a nonlinearity comes to its higher rate, and from there to the next layer's.

    Attributes:
        up, down: factors of the rate.
        rise, fall: filters, `(TAPS up,)` and `(TAPS down,)` or `(TAPS down, TAPS down)`; `(1,)` where the factor is 1.
    """

    up: int
    rise: Tensor
    down: int
    fall: Tensor


def resampling(before: Level, after: Level, *, oversampling: int = 2, radial: bool = False) -> Resampling:
    """Between two levels; arguments as of `FilteredLeakyReLU`."""
    rate = max(before.rate, after.rate) * oversampling
    up, down = round(rate / before.rate), round(rate / after.rate)
    design = radial_low_pass if radial and not after.critical and down > 1 else low_pass
    return Resampling(
        up=up,
        rise=low_pass(TAPS * up if up > 1 else 1, cutoff=before.cutoff, width=2 * before.half_width, rate=rate),
        down=down,
        fall=design(TAPS * down if down > 1 else 1, cutoff=after.cutoff, width=2 * after.half_width, rate=rate),
    )


class FilteredLeakyReLU(nn.Module):
    """√2 max(x, 0.2 x) at a higher rate, `(n, c, *given)` to `(n, c, *after.size)` (Karras 2021, figure 4b).

    Args:
        before, after: what it is given, and gives.
        kernel: side of the convolution before it, which made what is given larger by kernel - 1.
        oversampling: m, times the higher rate of the two that the nonlinearity is applied at; with 1 nothing takes away
            what it brings beyond the band.
        radial: whether the second filter is radially symmetric.
        clamp: the largest magnitude behind the nonlinearity; None: any.
    """

    def __init__(
        self,
        before: Level,
        after: Level,
        *,
        kernel: int,
        oversampling: int = 2,
        radial: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        up, rise, down, fall = resampling(before, after, oversampling=oversampling, radial=radial)

        def pad(given: int, wanted: int) -> Pad:
            total = (wanted - 1) * down + 1 - (given + kernel - 1) * up + len(rise) + len(fall) - 2
            front = (total + up) // 2  # samples of both rates lie evenly around the same middle (appendix C.3)
            return front, total - front

        sides = (pad(before.size[0], after.size[0]), pad(before.size[1], after.size[1]))
        self.upsampling = Upsampling(rise, times=up, pad=sides)
        self.downsampling = Downsampling(fall, times=down)
        self.clamp = clamp

    def forward(self, x: Tensor) -> Tensor:
        """Images of the new size."""
        y = F.leaky_relu(self.upsampling(x), SLOPE) * math.sqrt(2)
        filtered: Tensor = self.downsampling(clamped(y, self.clamp))
        return filtered


class Magnitude(nn.Module):
    """x / √(running mean of x²): what demodulation needs to be true, without a look at single samples (section 2.2).

    The mean follows where the generator moves, and there alone.
    """

    mean_square: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean_square", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        if self.training and x.requires_grad:
            self.follow(x.detach())
        return x * self.mean_square.rsqrt().to(x.dtype)

    @torch.no_grad()
    def follow(self, x: Tensor) -> None:
        """Take a move's x into the mean, as far as so many samples count."""
        now = mean_over_processes(x.to(self.mean_square.dtype).square().mean())
        self.mean_square.lerp_(now, 1 - 0.5 ** (len(x) * world_size() / HALF_LIFE_SAMPLES))


class AliasFreeLayer(nn.Module):
    """Modulated convolution, bias, filtered leaky ReLU: features and w `(n, size_w)` to features.

    Args:
        before, after: what it is given, and gives.
        size_w: dimensions of w.
        kernel: side of the convolution.
        oversampling, radial, clamp: as of `FilteredLeakyReLU`.
    """

    def __init__(
        self,
        before: Level,
        after: Level,
        *,
        size_w: int,
        kernel: int,
        oversampling: int = 2,
        radial: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.magnitude = Magnitude()
        self.convolution = ModulatedConv2d(before.channels, after.channels, kernel, size_w=size_w, pad=kernel - 1)
        self.bias = ChannelBias(after.channels)
        self.end = FilteredLeakyReLU(
            before, after, kernel=kernel, oversampling=oversampling, radial=radial, clamp=clamp
        )

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """`(n, before.channels, *before.size)` to `(n, after.channels, *after.size)`."""
        made: Tensor = self.end(self.bias(self.convolution(self.magnitude(x), w)))
        return made


class AliasFreeSynthesis(nn.Module):
    """The synthesis network of StyleGAN3; w is told to the input, to N layers in order, and to the picture.

    Args:
        space: images of any channel count whose size has a pyramid (see `pyramid`).
        size_w: dimensions of w.
        width: channels at full size.
        rotation: whether it also turns with its input (StyleGAN3-R): convolutions of 1 x 1, twice the channels, and
            radially symmetric filters; else it moves with it (StyleGAN3-T).
        max_width, layers, margin: as of `schedule`.
        oversampling, clamp: as of `FilteredLeakyReLU`.

    Raises:
        UserError: the space is not of images, or their size has no pyramid.
    """

    def __init__(
        self,
        space: Space,
        *,
        size_w: int,
        width: int = 32,
        max_width: int = 512,
        rotation: bool = False,
        layers: int = 14,
        margin: int = 10,
        oversampling: int = 2,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        channels, size = image_shape(space, "style", INSTEAD)
        pyramid(size, "style")
        times, kernel = (2, 1) if rotation else (1, 3)
        levels = schedule(size, width=times * width, max_width=times * max_width, layers=layers, margin=margin)
        self.layers = layers + 2
        self.input = FourierFeatures(
            levels[0].channels, size=levels[0].size, rate=levels[0].rate, bandwidth=levels[0].cutoff, size_w=size_w
        )
        layer = partial(
            AliasFreeLayer, size_w=size_w, kernel=kernel, oversampling=oversampling, radial=rotation, clamp=clamp
        )
        self.convolutions = nn.ModuleList(layer(before, after) for before, after in pairwise([levels[0], *levels]))
        self.magnitude = Magnitude()
        self.picture = StyledPicture(levels[-1].channels, channels, size_w=size_w, clamp=clamp)

    def forward(self, w: Tensor, draw: Draw | None = None, transform: Tensor | None = None) -> Tensor:
        """Styles w `(n, layers, size_w)` to images `(n, *space.shape)`, float32 at least; nothing is drawn.

        The input is placed by `transform`, see `FourierFeatures`.
        """
        told: Sequence[Tensor] = w.unbind(1)
        x = self.input(told[0], transform)
        for layer, style in zip(self.convolutions, told[1:-1], strict=True):
            x = layer(x, style)
        picture: Tensor = self.picture(self.magnitude(x), told[-1])
        return picture * OUTPUT


class AliasFreeGenerator(StyleGenerator):
    """G(z) = synthesis(mapping(z)), whose pictures can be moved and turned by their input."""

    body: AliasFreeSynthesis

    def placed(self, w: Tensor, transform: Tensor) -> Tensor:
        """Samples of w, `(n, size_w)`, whose input a transform of coordinates places, `(3, 3)` or `(n, 3, 3)`."""
        samples: Tensor = self.body(w[:, None].expand(-1, self.layers, -1), None, transform.to(w))
        return samples
