"""Equivariance: whether a picture whose input is moved or turned is the picture moved or turned (Karras 2021, app. E).

    EQ = 10 log₁₀( I² / E[ (g(t z) - t g(z))² ] )                                                     (equation 3)

in dB, with g the synthesis, t a translation or rotation, I the span of the values, and the mean over samples, channels
and those places whose reference lies within the picture. z is a picture without borders, so that its transform is
exact; that of g(z) is by the best filters that there are for sampled pictures:

- a translation by whole places (EQ-T) copies; by others (EQ-T_frac) it takes Lanczos' filter of 3 lobes;
- a rotation (EQ-R) keeps what the sampling of neither picture loses: the frequencies in the square of both. g(t z) is
  brought to the same band.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.core import Finding, Metric, Placing, Question
from zerosum.metrics.intervals import around
from zerosum.metrics.networks.preparation import exactly

MOST = 1_000
CHUNK = 20
"""Samples that are made at a time, and turned by the same angle."""
SHIFT = 1 / 8
"""The farthest translation along a side, as a share of it."""
LOBES = 3
"""a, of Lanczos' window."""
FINER = 4
"""So many times as fine a picture is interpolated before it is turned; in between, linearly."""
REACH = 2 * LOBES
"""Of the filter of a rotation, in places."""
WIDE = 64
"""Of the convolution of two ideal filters so far from the middle is computed."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Inputs:
    """Samples of a generator whose input can be placed; a `Placing` of a `Question`.

    Args:
        styles_of: `(n, draw) -> w`, on `device`.
        make: `(w, transform) -> samples`, network values that are not cut to a range, `(n, channels, height, width)`.
        span: I.
        device: where samples are made, in full float32.
    """

    styles_of: Callable[[int, Draw], Tensor]
    make: Callable[[Tensor, Tensor], Tensor]
    span: float
    device: torch.device = CPU

    def styles(self, n: int, draw: Draw) -> Tensor:
        """Styles w of n samples, on the device."""
        with exactly(self.device):
            return self.styles_of(n, draw)

    def samples(self, w: Tensor, transform: Tensor) -> Tensor:
        """Samples placed by transforms of coordinates, `(n, 3, 3)` or `(3, 3)`; float64, on the CPU."""
        with exactly(self.device):
            return self.make(w, transform.float().to(self.device)).cpu().double()


# --- pictures moved ---


def lanczos(x: Tensor, lobes: int) -> Tensor:
    """sinc(x) sinc(x / a) within a lobes, else 0."""
    return torch.sinc(x) * torch.sinc(x / lobes) * (x.abs() < lobes)


def shifting(shift: Tensor, side: int, lobes: int) -> tuple[Tensor, Tensor]:
    """Rows of `side` values moved by `(n,)` places, as matrices, `(n, side, side)`, and which values they give.

    A value is given where all that its filter looks at lies in the row: mask `(n, side)`.
    """
    places = torch.arange(side, dtype=torch.float64)
    source = places - shift[:, None]
    taps = lanczos(source[:, :, None] - places, lobes)
    within = (source >= lobes - 1) & (source <= side - lobes)
    return taps / taps.sum(2, keepdim=True).where(within[:, :, None], 1.0), within


def moved(pictures: Tensor, shift: Tensor, lobes: int) -> tuple[Tensor, Tensor]:
    """Pictures moved to the right and downwards, and where they are known.

    Args:
        pictures: `(n, c, h, w)`, float64.
        shift: `(n, 2)` along width and height, in places.
        lobes: a, of the filter; 1, for whole places, copies.

    Returns:
        Pictures and a mask `(n, 1, h, w)`.
    """
    across, known_across = shifting(shift[:, 0], pictures.shape[3], lobes)
    down, known_down = shifting(shift[:, 1], pictures.shape[2], lobes)
    image = down[:, None] @ pictures @ across[:, None].mT
    return image, (known_down[:, :, None] & known_across[:, None])[:, None]


# --- pictures turned ---


def rotation(angle: Tensor) -> Tensor:
    """(cos, -sin; sin, cos), `(2, 2)`: right to down for positive angles, since the second coordinate points down."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([cos, -sin, sin, cos]).view(2, 2)


def common_band(angle: Tensor) -> Tensor:
    """A filter that keeps what the places of a picture and those of a turned one both hold.

    Two ideal filters convolved, of squares of frequencies at that angle, under two windows convolved.

    Args:
        angle: of the rotation.

    Returns:
        Taps, `FINER` a place, `(k, k)`, k odd; each of the `FINER`² combs of one tap a place adds up to 1.
    """
    n = 2 * WIDE * FINER
    x = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64) / FINER
    own = torch.stack(torch.meshgrid(x, x, indexing="xy"), dim=-1)
    turned = own @ rotation(angle).T

    def both(filter: Callable[[Tensor], Tensor]) -> Tensor:
        spectra = [torch.fft.fft2(filter(at[..., 0]) * filter(at[..., 1])) for at in (own, turned)]
        convolved: Tensor = torch.fft.ifft2(spectra[0] * spectra[1]).real
        return convolved

    taps = torch.fft.fftshift(both(torch.sinc) * both(partial(window, lobes=LOBES)))
    middle, far = n // 2, REACH * FINER
    combs = taps[middle - far : middle + far, middle - far : middle + far].clone()
    combs[0], combs[:, 0] = 0, 0  # symmetric about the middle
    combs = combs.view(2 * REACH, FINER, 2 * REACH, FINER)
    scaled: Tensor = combs / combs.sum((0, 2), keepdim=True)
    return scaled.view(2 * far, 2 * far)[1:, 1:]


def window(x: Tensor, lobes: int) -> Tensor:
    """Lanczos' window, sinc(x / a) within a lobes."""
    return torch.sinc(x / lobes) * (x.abs() < lobes)


def turned(pictures: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures `(n, c, h, w)`, float64, turned about the middle, and where they are known, `(1, 1, h, w)`."""
    height, width = pictures.shape[2:]
    y, x = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in (height, width))
    source = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1) @ rotation(angle)
    half = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    kernel = common_band(angle).expand(pictures.shape[1], 1, -1, -1).contiguous()
    fine = F.conv_transpose2d(pictures, kernel, stride=FINER, padding=kernel.shape[-1] // 2, groups=pictures.shape[1])
    image = F.grid_sample(fine, (source / half).expand(len(pictures), -1, -1, -1), align_corners=True)
    return image, (source.abs() <= half - REACH).all(-1)[None, None]


def limited(pictures: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures as they are, without what `turned` ones have lost, and where they are known."""
    taps = common_band(-angle)
    taps = taps[FINER - 1 :: FINER, FINER - 1 :: FINER]
    edge = len(taps) // 2
    image = F.conv2d(pictures, taps.expand(pictures.shape[1], 1, -1, -1), padding=edge, groups=pictures.shape[1])
    known = torch.zeros(1, 1, *pictures.shape[2:], dtype=torch.bool)
    known[:, :, edge:-edge, edge:-edge] = True
    return image, known


# --- what is measured ---


def by_translation(placing: Placing, w: Tensor, draw: Draw, *, whole: bool) -> tuple[Tensor, Tensor]:
    """Squared errors of samples, and how many values they are of, `(n,)`."""
    still = torch.eye(3, dtype=torch.float64)
    pictures = placing.samples(w, still)
    height, width = pictures.shape[2:]
    sides = torch.tensor([width, height], dtype=torch.float64)
    shift = (2 * draw.sub("shift").uniform(len(w), 2).double().cpu() - 1) * SHIFT * sides
    shift = shift.round() if whole else shift
    transform = still.repeat(len(w), 1, 1)
    transform[:, :2, 2] = -shift / sides.min()
    expected, known = moved(pictures, shift, 1 if whole else LOBES)
    return errors(placing.samples(w, transform) - expected, known)


def by_rotation(placing: Placing, w: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """The squared error of samples together, which are turned by the same angle, and of how many values, `(1,)`."""
    angle = ((2 * draw.sub("angle").uniform(1).double().cpu() - 1) * math.pi).squeeze(0)
    transform = torch.eye(3, dtype=torch.float64)
    pictures = placing.samples(w, transform)
    transform[:2, :2] = rotation(-angle)
    expected, known = turned(pictures, angle)
    found, also = limited(placing.samples(w, transform), angle)
    squares, values = errors(found - expected, known & also)
    return squares.sum(0, keepdim=True), values.sum(0, keepdim=True)


def errors(apart: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Squares of `(n, c, h, w)` where `known` is true, added up, and how many, `(n,)`."""
    known = known.expand_as(apart)
    return (apart.square() * known).sum((1, 2, 3)), known.sum((1, 2, 3)).double()


def decibels(squares: Tensor, values: Tensor, span: float) -> tuple[float, float]:
    """10 log₁₀(I² / mean), of sums of squares and numbers of values, `(k,)`, and its standard error (linearised)."""
    mean = squares.sum() / values.sum()
    k = len(squares)
    error = (squares - mean * values).std() * math.sqrt(k) / values.sum() if k > 1 else mean.new_tensor(math.nan)
    return (10 * torch.log10(span**2 / mean)).item(), (10 / math.log(10) * error / mean).item()


def compute(question: Question, *, name: str, by: Callable[..., tuple[Tensor, Tensor]]) -> Mapping[str, Finding]:
    """As many samples as there are generated ones, up to `MOST`."""
    placing = question.placing
    assert placing is not None
    n = min(question.generated.n, MOST)
    parts = []
    for index, start in enumerate(range(0, n, CHUNK)):
        draw = question.draw.sub("chunk", index)
        parts.append(by(placing, placing.styles(min(CHUNK, n - start), draw), draw))
    squares, values = (torch.cat(sums) for sums in zip(*parts, strict=True))
    if not values.any():
        raise UserError(f"{name} needs larger images: nothing of these is left within the reach of the filters.")
    value, error = decibels(squares, values, placing.span)
    interval = around(value, error, "linearised standard error") if math.isfinite(error) else None
    return {name: Finding(value, interval, {"samples": n})}


def metric(name: str, summary: str, by: Callable[..., tuple[Tensor, Tensor]]) -> Metric:
    """One of them."""
    return Metric(
        results={name: "higher"},
        summary=summary,
        source="Karras 2021",
        compute=partial(compute, name=name, by=by),
        needs=frozenset({"images", "transform"}),
    )


METRICS = (
    metric("eq_t", "equivariance to translation by whole pixels, in dB", partial(by_translation, whole=True)),
    metric("eq_t_frac", "equivariance to translation by parts of pixels, in dB", partial(by_translation, whole=False)),
    metric("eq_r", "equivariance to rotation, in dB", by_rotation),
)
