"""Resampling through a filter: zeros are put between samples, a kernel smooths, samples are left out (Karras 2020).

    y = gain · ((x ↑ up, padded) * k) ↓ down,   k = t tᵀ / (Σ t)²

with * the convolution and t the taps, `(1, 3, 3, 1)` in StyleGAN2 (Zhang 2019) and `(1, 2, 1)` in StyleGAN. As k is an
outer product, y = gain · A x Bᵀ, too, with a matrix for either side. That is how it is computed in half precision on a
CPU, which has fast products of matrices there, and no fast convolutions channel by channel.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = (1, 3, 3, 1)
"""Of StyleGAN2."""
LONGEST = 256
"""Side of the largest image that is filtered by products of matrices, whose work grows with the side."""
Pad = tuple[int, int]
"""Zeros before and behind; less than none: so many values are cut off."""


class Side(nn.Module):
    """The filter along one side as a matrix, whose corner is that of any shorter side.

    Args:
        taps: `(k,)`, with the gain.
        up, down, pad: see `Filter`.
    """

    matrix: Tensor

    def __init__(self, taps: Tensor, *, up: int = 1, down: int = 1, pad: Pad = (0, 0)) -> None:
        super().__init__()
        self.taps, self.up, self.down, self.pad = len(taps), up, down, pad
        before, after = (torch.arange(n, device=taps.device) for n in (LONGEST, self.length(LONGEST)))
        place = after[:, None] * down - pad[0] - before * up + len(taps) - 1
        known = (place >= 0) & (place < len(taps))
        matrix = torch.where(known, taps[place.clamp(0, len(taps) - 1)], 0)
        self.register_buffer("matrix", matrix.float(), persistent=False)

    def length(self, side: int) -> int:
        """What a side becomes."""
        return (self.up * side + sum(self.pad) - self.taps) // self.down + 1

    def forward(self, side: int) -> Tensor:
        """The matrix of such a side, `(length(side), side)`."""
        return self.matrix[: self.length(side), :side]


def filtered(x: Tensor, rows: Side, columns: Side) -> Tensor:
    """A x Bᵀ for images `(n, c, h, w)`."""
    down, across = (side(length).to(x.dtype) for side, length in zip((rows, columns), x.shape[2:], strict=True))
    made: Tensor = down @ x @ across.T
    return made


def better_as_products(x: Tensor) -> bool:
    """Whether images are filtered faster by products of matrices than by convolutions."""
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    return device == "cpu" and dtype.itemsize < 4 and max(x.shape[2:]) <= LONGEST


class Filter(nn.Module):
    """The formula above, for images `(n, c, h, w)`; sides become ⌊(up · side + Σ pad - taps) / down⌋ + 1.

    Args:
        taps: t.
        up: every sample is followed by up - 1 zeros, and the gain is up², so that a flat image stays as it is.
        down: of so many samples one is kept.
        pad: zeros before and behind each side.
        gain: besides.
    """

    kernel: Tensor

    def __init__(
        self,
        taps: tuple[int, ...] = TAPS,
        *,
        up: int = 1,
        down: int = 1,
        pad: Pad = (0, 0),
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.up, self.down, self.pad = up, down, pad
        t = torch.tensor(taps, dtype=torch.float64)
        kernel = torch.outer(t, t) / t.sum() ** 2 * up**2 * gain
        self.register_buffer("kernel", kernel.flip(0, 1).float(), persistent=False)
        self.side = Side(t / t.sum() * up * math.sqrt(gain), up=up, down=down, pad=pad)

    def forward(self, x: Tensor) -> Tensor:
        """Images of the new size."""
        if better_as_products(x):
            return filtered(x, self.side, self.side)
        channels = x.shape[1]
        x = F.pad(zeros_between(x, self.up), (*self.pad, *self.pad))
        kernel = self.kernel.to(x.dtype).expand(channels, 1, -1, -1)
        return F.conv2d(x, kernel.contiguous(), stride=self.down, groups=channels)


def doubling() -> Filter:
    """Twice the size."""
    return Filter(up=2, pad=(2, 1))


def halving() -> Filter:
    """Half the size."""
    return Filter(down=2, pad=(1, 1))


def zeros_between(x: Tensor, up: int) -> Tensor:
    """Images `(n, c, h, w)` with every sample followed by up - 1 zeros, `(n, c, up h, up w)`."""
    if up == 1:
        return x
    n, c, h, w = x.shape
    return F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)
