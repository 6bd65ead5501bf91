"""Equalised learning rate: weights start as N(0, 1) and are scaled where they are used, ŵ = w c (Karras 2018, 4.1).

c = gain / √fan-in is He's deviation. An optimizer whose step does not depend on a gradient's scale (Adam) then moves
all weights at the same pace in comparison with their size.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import init

HE = math.sqrt(2)
"""The gain that keeps the variance through a leaky ReLU, about."""
SLOPE = 0.2
"""Of the leaky ReLU, on its negative side."""


class EqualisedLinear(nn.Linear):
    """y = (w c) x + m b with c = m gain / √before (m: the learning rate's multiplier), `(…, before) -> (…, after)`.

    Args:
        before, after: features.
        bias: whether there is b.
        gain: of the scale.
        multiplier: m, how fast the layer learns compared with others; w starts as N(0, 1/m²), so that c w is the same.
        start: what b starts as.
    """

    def __init__(
        self,
        before: int,
        after: int,
        *,
        bias: bool = True,
        gain: float = 1.0,
        multiplier: float = 1.0,
        start: float = 0.0,
    ) -> None:
        super().__init__(before, after, bias)
        self.scale, self.multiplier = multiplier * gain / math.sqrt(before), multiplier
        init.normal_(self.weight, std=1 / multiplier)
        if bias:
            init.constant_(self.bias, start)

    def forward(self, input: Tensor) -> Tensor:
        """Features to features."""
        bias = None if self.bias is None else self.bias * self.multiplier
        return F.linear(input, self.weight * self.scale, bias)


class EqualisedConv2d(nn.Conv2d):
    """A convolution of odd kernel that keeps the size, `(n, before, h, w) -> (n, after, h, w)`, c = gain / √fan-in.

    Args:
        before, after: channels.
        kernel: side.
        bias: whether there is one; it starts at 0.
        gain: of the scale.
    """

    def __init__(self, before: int, after: int, kernel: int, *, bias: bool = True, gain: float = 1.0) -> None:
        super().__init__(before, after, kernel, padding=kernel // 2, bias=bias)
        self.scale = gain / math.sqrt(before * kernel**2)
        init.normal_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Images to images."""
        return F.conv2d(input, self.scaled(), self.bias, padding=self.padding)

    def scaled(self) -> Tensor:
        """The weight as it is used."""
        return self.weight * self.scale


class ChannelBias(nn.Module):
    """x + b, a number a channel, `(n, channels, …)`; b starts at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x + self.bias.view(-1, *(1,) * (x.ndim - 2)).to(x.dtype)


class PixelNorm(nn.Module):
    """b = a / √(mean of a² over channels + 1e-8), at every position (Karras 2018, section 4.2).

    Args:
        dim: where the channels are.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, …)` to the same shape and type; the mean is taken in float32 at least."""
        precise = x.to(torch.promote_types(x.dtype, torch.float32))
        normal: Tensor = precise * torch.rsqrt(precise.square().mean(self.dim, keepdim=True) + 1e-8)
        return normal.to(x.dtype)
