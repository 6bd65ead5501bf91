"""Convolutions whose weights are scaled by a style, sample by sample, and scaled back (Karras 2020, section 2.2).

    w'_ijk = s_i w_ijk   (equation 1),   w''_ijk = w'_ijk / √(Σ_i,k w'_ijk² + ε)   (equation 3)

with i the channels that come in, j those that go out and k the positions. No weights a sample are made: what comes in
is scaled by s_i and what goes out by d_j = 1 / √(Σ_i s_i² Σ_k w_ijk² + ε), which is the same for any convolution.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.draw import Draw
from zerosum.networks.equalised import SLOPE, ChannelBias, EqualisedLinear
from zerosum.networks.filters import Filter

EPSILON = 1e-8


class ScaledLeakyReLU(nn.Module):
    """√2 max(x, 0.2 x), which keeps the variance, about.

    Args:
        clamp: the largest magnitude of what comes out; None: any.
    """

    def __init__(self, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return clamped(F.leaky_relu(x, SLOPE) * math.sqrt(2), self.clamp)


def clamped(x: Tensor, most: float | None) -> Tensor:
    """Values of at most that magnitude (256 in the published code, for half precision's sake); None: any."""
    return x if most is None else x.clamp(-most, most)


class ModulatedConv2d(nn.Module):
    """A convolution by w'', or w' where it does not demodulate: images `(n, before, h, w)` and w `(n, size_w)`.

    Args:
        before, after: channels.
        kernel: side, odd.
        size_w: dimensions of w, of which s is a linear function that starts around 1.
        up: whether the size is doubled, by a transposed convolution of stride 2 and a filter behind it.
        demodulate: whether d is applied; else w has deviation 1 / √fan-in.
        pad: zeros around; by default as many as keep the size. Of no use with `up`.
    """

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int,
        *,
        size_w: int,
        up: bool = False,
        demodulate: bool = True,
        pad: int | None = None,
    ) -> None:
        super().__init__()
        self.demodulate, self.pad = demodulate, kernel // 2 if pad is None else pad
        self.scale = 1.0 if demodulate else 1 / math.sqrt(before * kernel**2)
        self.affine = EqualisedLinear(size_w, before, start=1.0)
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.smooth = Filter(pad=(1, 1), gain=4.0) if up else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Images `(n, after, h, w)`, of twice the size, or as large as `pad` makes them."""
        s = self.affine(w)
        y = self._convolved(x * (s * self.scale).to(x.dtype)[:, :, None, None])
        return y * demodulation(self.weight, s).to(y.dtype)[:, :, None, None] if self.demodulate else y

    def _convolved(self, x: Tensor) -> Tensor:
        if self.smooth is None:
            return F.conv2d(x, self.weight, padding=self.pad)
        doubled: Tensor = self.smooth(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2))
        return doubled


def demodulation(weight: Tensor, style: Tensor) -> Tensor:
    """d, `(n, after)`, of weights `(after, before, k, k)` and styles `(n, before)`, float32 at least."""
    with torch.autocast(weight.device.type, enabled=False):
        powers = style.to(weight.dtype).square() @ weight.square().sum((2, 3)).T
    return torch.rsqrt(powers + EPSILON)


class Noise(nn.Module):
    """x + strength · noise, one picture of it for all channels of `(n, channels, h, w)`; the strength starts at 0.

    Args:
        size: h and w.
        channels: how many strengths there are: 1, or one for each channel.
    """

    constant: Tensor

    def __init__(self, size: tuple[int, int], channels: int = 1) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1))
        self.register_buffer("constant", torch.randn(size))

    def forward(self, x: Tensor, draw: Draw | None = None) -> Tensor:
        """The same shape; without a draw, the noise is always the same."""
        noise = self.constant if draw is None else draw.normal(len(x), 1, *self.constant.shape)
        return x + (noise.to(x.device) * self.strength).to(x.dtype)


class StyledLayer(nn.Module):
    """Modulated convolution, noise, bias, leaky ReLU: images `(n, before, h, w)` and w `(n, size_w)` to images.

    Args:
        before, after: channels.
        size: of what comes out, height and width.
        size_w: dimensions of w.
        up: whether what comes in has half the size.
        clamp: the largest magnitude of what comes out; None: any.
    """

    def __init__(
        self,
        before: int,
        after: int,
        *,
        size: tuple[int, int],
        size_w: int,
        up: bool = False,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(before, after, 3, size_w=size_w, up=up)
        self.noise = Noise(size)
        self.end = nn.Sequential(ChannelBias(after), ScaledLeakyReLU(clamp))

    def forward(self, x: Tensor, w: Tensor, draw: Draw | None = None) -> Tensor:
        """Images `(n, after, *size)`."""
        made: Tensor = self.end(self.noise(self.convolution(x, w), draw))
        return made


class StyledPicture(nn.Module):
    """What features look like, by a 1 x 1 convolution that is modulated, but not demodulated, and a bias."""

    def __init__(self, before: int, channels: int, *, size_w: int, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp
        self.convolution = ModulatedConv2d(before, channels, 1, size_w=size_w, demodulate=False)
        self.bias = ChannelBias(channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Features `(n, before, h, w)` and w `(n, size_w)` to pictures `(n, channels, h, w)`, float32 at least."""
        picture = clamped(self.bias(self.convolution(x, w)), self.clamp)
        return picture.to(torch.promote_types(picture.dtype, torch.float32))
