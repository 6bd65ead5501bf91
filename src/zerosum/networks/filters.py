"""Resampling through a filter: zeros are put between samples, a kernel smooths, samples are left out (Karras 2020).

    y = gain · ((x ↑ up, padded) * k) ↓ down,   k = t tᵀ / (Σ t)²

with * the convolution and t the taps, `(1, 3, 3, 1)` in StyleGAN2 (Zhang 2019) and `(1, 2, 1)` in StyleGAN.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = (1, 3, 3, 1)
"""Of StyleGAN2."""


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
        pad: tuple[int, int] = (0, 0),
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.up, self.down, self.pad = up, down, pad
        t = torch.tensor(taps, dtype=torch.float64)
        kernel = torch.outer(t, t) / t.sum() ** 2 * up**2 * gain
        self.register_buffer("kernel", kernel.flip(0, 1).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Images of the new size."""
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
