"""How many samples there are, what range their values fill, whether they have content, and how varied they are."""

from collections.abc import Iterator

import torch
from torch import Tensor

from zerosum.diagnosis.figure import Figure, Names, judged, named
from zerosum.diagnosis.glance import Glance
from zerosum.spaces import Images, Points

FEWEST = 300
"""The geometric middle between 60 images, which are too few, and the 1,438 of digits, which are enough."""
FLAT, MOST_FLAT = 2 / 255, 0.01
"""An image whose values differ by no more has no content; so large a share of such images is borne."""
LEAST_FILLED = 0.1
"""The geometric middle between 0.7 to 1 of sound data and the 1/255 of images that were divided twice."""
BEYOND, MOST_BEYOND = 0.01, 0.01
"""How far values may lie outside of [0, 1], and the share of samples that may have farther ones."""
VARIED, NEARNESS, LEAST_VARIED = 1_000, 0.05, 2.0
"""Diversity: samples it is measured on, the distance below which two count as much the same, how few will not do."""
TAIL = 0.01


def content(seen: Glance, names: Names) -> Iterator[Figure]:
    """All tests of one split."""
    if seen.size is not None:
        yield judged(
            "training samples", seen.size, seen.size, "few", least=FEWEST, detail=f"{seen.size} training samples"
        )
    yield filled(seen)
    if isinstance(seen.space, Images):
        yield beyond(seen, names)
        yield flat(seen, names)
    yield from diversity(seen)


def filled(seen: Glance) -> Figure:
    """The share of the value range that is used, leaving out the last `TAIL` at both ends.

    Images: between quantiles of the darkest and of the brightest value of each; points: of the widest dimension.
    """
    if isinstance(seen.space, Images):
        share = quantile(seen.highest, 1 - TAIL) - quantile(seen.lowest, TAIL)
        what, kind = "value range", "black to white"
    else:
        low, high = (quantile(seen.features, tail) for tail in (TAIL, 1 - TAIL))
        extent = 1.0 if isinstance(seen.space, Points) else seen.features.abs().amax().clamp(min=1e-12)
        share = (high - low).amax() / (2 * extent)
        what, kind = "extent", "the extent (outliers set it, or all samples lie far off)"
    value = float(share)
    detail = f"98 % of the samples lie within {value:.2g} of {kind}"
    return judged(f"share of the {what} that is filled", value, seen.n, "range", least=LEAST_FILLED, detail=detail)


def beyond(seen: Glance, names: Names) -> Figure:
    """Images with values that no image can have."""
    out = (seen.lowest < -BEYOND) | (seen.highest > 1 + BEYOND)
    lowest, highest = float(seen.lowest.amin()), float(seen.highest.amax())
    return judged(
        "share of images with values out of range",
        float(out.double().mean()),
        seen.n,
        "range",
        most=MOST_BEYOND,
        detail=f"values from {lowest:.4g} to {highest:.4g}, where 0 is black and 1 white, in",
        samples=named(seen.positions[out], names),
        lowest=lowest,
        highest=highest,
    )


def flat(seen: Glance, names: Names) -> Figure:
    """Images without content."""
    empty = seen.highest - seen.lowest <= FLAT
    return judged(
        "share of images without content",
        float(empty.double().mean()),
        seen.n,
        "constant",
        most=MOST_FLAT,
        detail=f"{int(empty.sum())} of {seen.n} images have one value everywhere",
        samples=named(seen.positions[empty], names),
        count=float(empty.sum()),
    )


def diversity(seen: Glance) -> Iterator[Figure]:
    """How far samples are from each other, and how many different ones there are."""
    few = seen.thinned(VARIED)
    squares = mean_squares(few.features)
    others = few.n * (few.n - 1)
    yield Figure(name="mean distance of two samples", value=float(squares.sqrt().sum() / max(1, others)), n=few.n)
    value = effective_number(squares)
    if isinstance(seen.space, Images):
        detail = f"{few.n} images are as varied as {value:.2g} different ones"
        yield judged("effective number of samples", value, few.n, "few", least=min(LEAST_VARIED, few.n), detail=detail)
    else:
        yield Figure(name="effective number of samples", value=value, n=few.n)


def mean_squares(features: Tensor) -> Tensor:
    """Mean squared differences between all of a few features, `(n, n)`, float64."""
    exact = features.double()
    distances = torch.cdist(exact, exact, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.square_().div_(features.shape[1])


def effective_number(squares: Tensor) -> float:
    """The Vendi score of a Gaussian kernel of width `NEARNESS`, from 1 (all the same) to n (Friedman & Dieng 2023).

    The exponential of the entropy of the eigenvalues of K / n, K_ij = exp(−d²_ij / (2 `NEARNESS`²)).
    """
    kernel = torch.exp(squares / (-2 * NEARNESS**2)) / len(squares)
    values = torch.linalg.eigvalsh(kernel).clamp(min=0)
    return float(torch.special.entr(values).sum().exp())


def quantile(values: Tensor, share: float) -> Tensor:
    """Along the first axis; the smallest value that at least this share does not exceed. Of any number of values."""
    rank = min(len(values), max(1, int(share * len(values)) + 1))
    return values.kthvalue(rank, dim=0).values
