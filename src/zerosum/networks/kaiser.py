"""Low-pass filters by Kaiser's method, and images brought to another rate through them (Karras 2021, appendix C).

With n taps at the rate s, cutoff f_c and a transition band 2 f_h wide, all in cycles or samples a unit,

    A = 2.285 (n - 1) π Δf + 7.95,  Δf = 2 f_h / (s / 2)                           attenuation in dB
    β = 0.1102 (A - 8.7) for A > 50,  0.5842 (A - 21)^0.4 + 0.07886 (A - 21) for A ≥ 21,  else 0
    h(x) = sinc(2 f_c x) w(x)                                      separable; w: Kaiser's window of shape β
    h(x, y) = J_1(2 π f_c r) / (π r) · w(x) w(y),  r = ‖(x, y)‖    radially symmetric but for the window

at positions that lie evenly around 0, scaled so that the taps add up to 1.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zerosum.networks.filters import Pad, Side, better_as_products, filtered


def attenuation(taps: int, width: float, rate: float) -> float:
    """A, in dB, of so many taps; `width` is that of the transition band, 2 f_h."""
    return 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95


def shape_of(attenuation: float) -> float:
    """β, of the window that comes to A dB."""
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    over = max(0.0, attenuation - 21)
    return float(0.5842 * over**0.4 + 0.07886 * over)


def low_pass(taps: int, *, cutoff: float, width: float, rate: float) -> Tensor:
    """h, `(taps,)`, float64; a single tap is 1.

    Args:
        taps: how many.
        cutoff: f_c, in cycles a unit.
        width: 2 f_h, of the transition band.
        rate: s, samples a unit.
    """
    h = torch.sinc(2 * cutoff * positions(taps, rate)) * window(taps, width, rate)
    return h / h.sum()


def radial_low_pass(taps: int, *, cutoff: float, width: float, rate: float) -> Tensor:
    """h(x, y), `(taps, taps)`, float64; arguments as of `low_pass`, an even number of taps."""
    x, w = positions(taps, rate), window(taps, width, rate)
    r = torch.hypot(x[:, None], x)
    h: Tensor = torch.special.bessel_j1(2 * math.pi * cutoff * r) / (math.pi * r) * torch.outer(w, w)
    return h / h.sum()


def positions(taps: int, rate: float) -> Tensor:
    """x, `(taps,)`, in units, evenly around 0."""
    return (torch.arange(taps, dtype=torch.float64, device="cpu") - (taps - 1) / 2) / rate


def window(taps: int, width: float, rate: float) -> Tensor:
    """w, `(taps,)`."""
    beta = shape_of(attenuation(taps, width, rate))
    return torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64, device="cpu")


class Upsampling(nn.Module):
    """Images at `times` the rate: zeros are put between samples and filtered, with a gain that keeps what is flat.

    Args:
        taps: `(k,)`, along both sides.
        times: the factor.
        pad: of height and of width, in samples of the higher rate.
    """

    taps: Tensor

    def __init__(self, taps: Tensor, *, times: int, pad: tuple[Pad, Pad]) -> None:
        super().__init__()
        self.times = times
        self.register_buffer("taps", (taps * times).float(), persistent=False)
        k = len(taps)  # a transposed convolution gives all that a tap takes part in: k - 1 values more on either side
        (top, bottom), (left, right) = ((before - k + 1, behind + times - k) for before, behind in pad)
        self.margins = (left, right, top, bottom)
        self.rows, self.columns = (Side(taps * times, up=times, pad=side) for side in pad)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, c, h, w)` to `(n, c, times · h + Σ pad - k + 1, …)`."""
        if len(self.taps) == 1:
            return F.pad(x, self.margins)
        if better_as_products(x):
            return filtered(x, self.rows, self.columns)
        return F.pad(along(x, self.taps, self.times, F.conv_transpose2d), self.margins)


class Downsampling(nn.Module):
    """Images at a part of the rate: filtered, and of `times` samples one is kept.

    Args:
        taps: `(k,)`, along both sides, or `(k, k)`.
        times: the factor.
    """

    taps: Tensor

    def __init__(self, taps: Tensor, *, times: int) -> None:
        super().__init__()
        self.times = times
        self.register_buffer("taps", taps.float(), persistent=False)
        self.side = Side(taps, down=times) if taps.ndim == 1 and len(taps) > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """`(n, c, h, w)` to `(n, c, ⌊(h - k) / times⌋ + 1, …)`."""
        if len(self.taps) == 1:
            return x
        if self.side is not None and better_as_products(x):
            return filtered(x, self.side, self.side)
        if self.taps.ndim == 1:
            return along(x, self.taps, self.times, F.conv2d)
        kernel = self.taps.to(x.dtype).expand(x.shape[1], 1, -1, -1)
        return F.conv2d(x, kernel.contiguous(), stride=self.times, groups=x.shape[1])


def along(x: Tensor, taps: Tensor, stride: int, convolve: Callable[..., Tensor]) -> Tensor:
    """Images `(n, c, h, w)` convolved with symmetric `taps`, `(k,)`, along the height, and then along the width."""
    kernel = taps.to(x.dtype).expand(x.shape[1], 1, 1, -1).contiguous()
    x = convolve(x, kernel.transpose(2, 3), stride=(stride, 1), groups=x.shape[1])
    return convolve(x, kernel, stride=(1, stride), groups=x.shape[1])
