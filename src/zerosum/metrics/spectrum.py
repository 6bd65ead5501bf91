"""Sharpness and power spectrum of pictures.

`sharpness`: mean variance of the Laplacian (Pech-Pacheco 2000), generated over real: below 1 pictures are blurred,
above it noisy. `spectrum`: difference between the radial power spectra (Durall 2020, section 3.1), where networks
that sample up by transposed convolution betray themselves: root mean square over frequencies of the difference in
decibels.

Power at radius k is |FFT|² of the picture, less its mean and under a Hann window (a picture's edges do not fit
together and would add power at all frequencies), averaged over directions and channels. Frequencies are in cycles per
pixel; they reach to the corners, √½, where the checkerboard lies. Power is added to that of rounding to whole levels,
so that blank pictures have a logarithm.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import Interval, around

AT_ONCE = 2**21
"""Values worked on at a time."""
ROUNDING = 1 / 12
"""Variance that rounding to whole levels adds to a pixel."""


def laplacian_variance(pictures: Tensor) -> Tensor:
    """Variance of the Laplacian over pixels, averaged over channels: uint8 or float `(n, c, h, w)` -> `(n,)`, float64.

    Pictures go on beyond their edges as they end there, which makes the Laplacian's mean 0.
    """
    values = pictures.float()
    curvature = _second_difference(values, -2) + _second_difference(values, -1)
    return curvature.square().mean((1, 2, 3)).double()


def _second_difference(values: Tensor, dim: int) -> Tensor:
    edge = torch.zeros_like(values.narrow(dim, 0, 1))
    return torch.cat([edge, values.diff(dim=dim), edge], dim).diff(dim=dim)


def frequencies(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Radii of the spectrum and which of them each entry of an FFT belongs to.

    Returns:
        Radii in cycles per pixel, `(radii,)`, whole multiples of one cycle per shorter side, and the nearest of them by
        number, `(height, width)`.
    """
    side = min(height, width)
    down, across = torch.fft.fftfreq(height), torch.fft.fftfreq(width)
    of_entry = (side * (down[:, None].square() + across.square()).sqrt()).round().long()
    return torch.arange(int(of_entry.max()) + 1) / side, of_entry


def radial_power(pictures: Tensor) -> Tensor:
    """Radial power spectra: uint8 or float in [0, 255], `(n, c, h, w)` -> `(n, radii)` as of `frequencies`, float32.

    The power is divided by the window's, so that white noise of variance v has v at all frequencies, whatever the size.
    """
    height, width = pictures.shape[-2:]
    window = _hann(height)[:, None] * _hann(width)
    values = pictures.float()
    spectrum = torch.fft.fft2((values - values.mean((-2, -1), keepdim=True)) * window)
    power = spectrum.abs().square().mean(1).flatten(1) / window.square().sum()
    radii, of_entry = frequencies(height, width)
    sums = torch.zeros(len(pictures), len(radii)).index_add_(1, of_entry.flatten(), power)
    return sums / torch.bincount(of_entry.flatten())


def decibels(pictures: Tensor) -> Tensor:
    """Radial power in decibels, over that of rounding: `(n, c, h, w)` -> `(n, radii - 1)`, float64.

    Radius 0, which is brightness, is left out; pictures of one pixel have no other.
    """
    return 10 * (1 + radial_power(pictures)[:, 1:].double() / ROUNDING).log10()


def _hann(size: int) -> Tensor:
    """Hann's window, above 0 throughout."""
    return torch.hann_window(size + 2, periodic=False)[1:-1]


def in_parts(of: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """The results of a function of pictures, piece by piece."""
    return torch.cat([of(part) for part in torch.split(pictures, max(1, AT_ONCE // pictures[0].numel()))])


def ratio(first: Tensor, second: Tensor) -> tuple[float, Interval | None]:
    """Ratio of the means of two independent samples, `(n,)` and `(m,)`, both at least 2, and its interval.

    Infinite, or NaN for 0 / 0, and without interval where the second mean is 0.
    """
    above, below = first.mean(), second.mean()
    value = (above / below).item()
    if not math.isfinite(value):
        return value, None
    error = (first.var() / len(first) + value**2 * second.var() / len(second)).sqrt() / below
    return value, around(value, error.item(), "delta method")


def curve_distance(first: Tensor, second: Tensor) -> tuple[float, float, float]:
    """Root mean square difference between the mean curves of two samples, `(n, k)` and `(m, k)`, n and m ≥ 2.

    Returns:
        The distance; its standard error (delta method: along the direction of the difference); the distance that two
        samples of one distribution would have.
    """
    difference = first.mean(0) - second.mean(0)
    distance = difference.square().mean().sqrt()
    floor = (first.var(0) / len(first) + second.var(0) / len(second)).mean().sqrt()
    slope = difference / (distance * len(difference)) if distance else torch.zeros_like(difference)
    variance = (first @ slope).var() / len(first) + (second @ slope).var() / len(second)
    return distance.item(), variance.sqrt().item(), floor.item()


def sharpness(question: Question) -> Mapping[str, Finding]:
    """Variance of the Laplacian, generated over real."""
    generated, real = (in_parts(laplacian_variance, side.kept) for side in (question.generated, question.real))
    value, interval = ratio(generated, real)
    details = {"generated": generated.mean().item(), "real": real.mean().item()}
    blank = () if math.isfinite(value) else ("The real pictures are blank: there is no sharpness to compare with.",)
    return {"sharpness": Finding(value, interval, {}, details, blank)}


def spectrum(question: Question) -> Mapping[str, Finding]:
    """Distance in decibels between the spectra of generated and real pictures; both curves are in the details."""
    generated, real = (in_parts(decibels, side.kept) for side in (question.generated, question.real))
    if not generated.shape[1]:
        return {"spectrum": Finding(0.0, warnings=("Pictures of one pixel have no spectrum.",))}
    value, error, floor = curve_distance(generated, real)
    radii, _ = frequencies(*question.real.kept.shape[-2:])
    details = {
        "floor": floor,
        "cycles per pixel": _listed(radii[1:]),
        "generated": _listed(generated.mean(0)),
        "real": _listed(real.mean(0)),
    }
    settings = {"window": "Hann", "unit": "dB"}
    return {"spectrum": Finding(value, around(value, error, "delta method"), settings, details)}


def _listed(values: Tensor) -> list[float]:
    """To four digits, which is enough to draw."""
    return [round(value, 4) for value in values.tolist()]


METRICS = (
    Metric(
        results={"sharpness": "as-real"},
        summary="variance of the Laplacian over that of real pictures (1: as sharp as real)",
        source="Pech-Pacheco 2000",
        compute=sharpness,
        needs=frozenset({"images"}),
    ),
    Metric(
        results={"spectrum": "lower"},
        summary="difference to the radial power spectrum of real pictures, in decibels",
        source="Durall 2020",
        compute=spectrum,
        needs=frozenset({"images"}),
    ),
)
