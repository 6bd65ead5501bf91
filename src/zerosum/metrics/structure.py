"""Diversity by structural similarity: how alike two pictures are, on average over random pairs (Odena 2017, sec. 4.2).

SSIM (Wang 2004) compares means, deviations and covariance of two pictures x and y within a sliding Gaussian window,

    l = (2 μx μy + C1) / (μx² + μy² + C1),    cs = (2 σxy + C2) / (σx² + σy² + C2),    SSIM = l · cs,

with C1 = (.01 L)², C2 = (.03 L)² and L the range of values. MS-SSIM (Wang 2003, eq. 7) multiplies the mean cs of
several scales, each half the size of the one before, and the mean SSIM of the last, each raised to a weight. A negative
factor, which no fractional power takes, counts as 0, as in TensorFlow's `ssim_multiscale`. Channels are compared apart
and averaged.

Generated pictures that are more alike than real ones lack diversity; less alike ones are noisy. Pairs are of one class
where classes are known, as many of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from zerosum.draw import Draw
from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import Interval, jackknife
from zerosum.metrics.labels import labels_of
from zerosum.metrics.statistics import Statistics

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03
PAIRS = 2_000
GROUPS = 20
AT_ONCE = 2**20
"""Values of each of two stacks of pictures that are compared at a time."""


def scales_and_window(height: int, width: int) -> tuple[int, int]:
    """How many scales pictures of a size allow, up to 5, and the window's width in pixels.

    The smallest scale holds the window of 11 pixels; where the pictures themselves do not, it is the largest odd
    number that they hold.

    >>> scales_and_window(256, 256), scales_and_window(64, 48), scales_and_window(8, 8)
    ((5, 11), (3, 11), (1, 7))
    """
    side = min(height, width)
    scales = sum(side >> scale >= WINDOW for scale in range(len(WEIGHTS)))
    return max(1, scales), min(WINDOW, side - (side + 1) % 2)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of pictures at one scale, averaged over pixels that hold the whole window and over channels.

    Args:
        first, second: uint8, or float in [0, 1], `(n, channels, height, width)`.

    Returns:
        `(n,)`, at most 1.
    """
    _, window = scales_and_window(*first.shape[-2:])
    return _compare(_unit(first), _unit(second), window)[1].mean(1)


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """MS-SSIM of pictures, with as many scales as they allow (`scales_and_window`) and weights that sum to 1.

    Args:
        first, second: uint8, or float in [0, 1], `(n, channels, height, width)`.

    Returns:
        `(n,)`, in [0, 1].
    """
    scales, window = scales_and_window(*first.shape[-2:])
    first, second, product = _unit(first), _unit(second), torch.ones(())
    for scale, weight in enumerate(_weights(scales)):
        if scale:
            first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
        cs, whole = _compare(first, second, window)
        factor = whole if scale == scales - 1 else cs
        product = product * factor.relu() ** weight
    return product.mean(1)


def _weights(scales: int) -> list[float]:
    return [weight / sum(WEIGHTS[:scales]) for weight in WEIGHTS[:scales]]


def _unit(pictures: Tensor) -> Tensor:
    """Values in [-0.5, 0.5]: variances about the middle of the range lose no digits."""
    return (pictures if pictures.is_floating_point() else pictures.float() / 255) - 0.5


def _compare(first: Tensor, second: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Means over pixels of cs and of SSIM, `(n, channels)`."""
    down, across = (_smoother(size, window).to(first) for size in first.shape[-2:])
    stack = torch.stack([first, second, first * first, second * second, first * second])
    mean_1, mean_2, square_1, square_2, product = down @ stack @ across.T
    variances = square_1 - mean_1**2 + square_2 - mean_2**2
    cs = (2 * (product - mean_1 * mean_2) + K2**2) / (variances + K2**2)
    mean_1, mean_2 = mean_1 + 0.5, mean_2 + 0.5
    luminance = (2 * mean_1 * mean_2 + K1**2) / (mean_1**2 + mean_2**2 + K1**2)
    return cs.mean((-2, -1)), (luminance * cs).mean((-2, -1))


def _smoother(size: int, window: int) -> Tensor:
    """Where the whole window fits, as a matrix `(size - window + 1, size)`; a product is faster than a convolution."""
    gauss = torch.exp(-0.5 * (torch.arange(window, dtype=torch.float64) - window // 2).square() / SIGMA**2)
    offset = torch.arange(size)[None] - torch.arange(size - window + 1)[:, None]
    inside = (offset >= 0) & (offset < window)
    return torch.where(inside, (gauss / gauss.sum())[offset.clamp(0, window - 1)], 0.0)


def random_pairs(labels: Tensor, classes: Tensor, n: int, draw: Draw) -> Tensor:
    """Pairs of different samples of one class, the classes in turn.

    Args:
        labels: of the samples, `(m,)`.
        classes: `(k,)`, each with at least two samples.
        n: how many pairs.
        draw: of the pairs.

    Returns:
        Positions `(n, 2)`.
    """
    order = labels.argsort(stable=True)
    ordered = labels[order]
    of_pair = classes[torch.arange(n) % len(classes)]
    start = torch.searchsorted(ordered, of_pair)
    count = torch.searchsorted(ordered, of_pair, right=True) - start
    first = (draw.uniform(n).double() * count).long()
    ahead = 1 + (draw.uniform(n).double() * (count - 1)).long()
    return torch.stack([order[start + first], order[start + (first + ahead) % count]], dim=1)


def similarity_of(pictures: Tensor, pairs: Tensor) -> Tensor:
    """MS-SSIM of pairs `(n, 2)` of positions in `pictures`, `(n,)`, float64."""
    parts = torch.split(pairs, max(1, AT_ONCE // pictures[0].numel()))
    return torch.cat([ms_ssim(pictures[part[:, 0]], pictures[part[:, 1]]) for part in parts]).double()


@dataclass(frozen=True)
class Similarity:
    """What pairs of some pictures have in common.

    Attributes:
        mean: over all pairs.
        interval: of the mean; None for fewer than `2 * GROUPS` pictures.
        each: mean over the pairs of each class.
    """

    mean: float
    interval: Interval | None
    each: list[float]


def similarity(pictures: Tensor, labels: Tensor, classes: Tensor, draw: Draw) -> Similarity:
    """Similarity of random pairs of one class each: `PAIRS`, or one a class where there are more classes.

    Args:
        pictures: uint8, or float in [0, 1], `(n, channels, height, width)`.
        labels: class numbers `(n,)`.
        classes: which to take pairs of, `(k,)`; each has at least two pictures.
        draw: of the pairs.
    """
    pairs = random_pairs(labels, classes, max(PAIRS, len(classes)), draw)
    values = similarity_of(pictures, pairs)
    mean, each = values.mean().item(), [values[index :: len(classes)].mean().item() for index in range(len(classes))]
    if len(pictures) < 2 * GROUPS:
        return Similarity(mean, None, each)
    group = (draw.permutation(len(pictures)) % GROUPS)[pairs]

    def without(left_out: int) -> float:
        """Pairs share pictures, so pictures are left out, not pairs."""
        return values[(group != left_out).all(1)].mean().item()

    return Similarity(mean, jackknife(mean, without, GROUPS), each)


def compute(question: Question) -> Mapping[str, Finding]:
    """Mean similarity of generated pairs, with that of real ones in the details."""
    sides = {"generated": question.generated, "real": question.real}
    labels = {name: _classes_of(side, question.real) for name, side in sides.items()}
    common = sorted(set.intersection(*(_with_pairs(numbers) for numbers in labels.values())))
    if not common:  # classes are not known, or none has two pictures on both sides
        labels = {name: torch.zeros_like(numbers) for name, numbers in labels.items()}
    found = {
        name: similarity(side.kept, labels[name], torch.tensor(common or [0]), question.draw.sub(name))
        for name, side in sides.items()
    }
    generated, real = found["generated"], found["real"]
    names = [question.real.space.classes[number] if question.real.space.classes else str(number) for number in common]
    details: dict[str, Any] = {
        "real": real.mean,
        "real_interval": [real.interval.low, real.interval.high] if real.interval else None,
        "a class": {
            name: {"generated": generated.each[index], "real": real.each[index]} for index, name in enumerate(names)
        },
    }
    scales, window = scales_and_window(*question.real.kept.shape[-2:])
    of = f"the same class ({len(common)} classes)" if common else "all classes"
    settings = {"scales": scales, "window": window, "sigma": SIGMA, "pairs": max(PAIRS, len(common)), "pairs of": of}
    few = min(len(side.kept) for side in sides.values()) < 2 * GROUPS
    warnings = (f"Fewer than {2 * GROUPS} pictures, of which pairs repeat.",) if few else ()
    return {"ms_ssim": Finding(generated.mean, generated.interval, settings, details, warnings)}


def _classes_of(side: Statistics, real: Statistics) -> Tensor:
    """Class numbers of the pictures that were kept, as the real samples count classes; -1 where they are not known."""
    labels = labels_of(side, real)
    return torch.full((len(side.kept),), -1) if labels is None else labels[: len(side.kept)]


def _with_pairs(labels: Tensor) -> set[int]:
    """Known classes of at least two pictures."""
    numbers, counts = torch.unique(labels, return_counts=True)
    return set(numbers[(numbers >= 0) & (counts > 1)].tolist())


METRIC = Metric(
    results={"ms_ssim": "as-real"},
    summary="how alike random pairs of pictures are (MS-SSIM); above real: too little diversity",
    source="Wang 2003; Odena 2017",
    compute=compute,
    needs=frozenset({"images"}),
)
