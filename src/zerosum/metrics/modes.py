"""Modes of a mixture of Gaussians: which are found, how often, how wide (VEEGAN, Srivastava 2017; PacGAN, Lin 2018).

A sample is of high quality (HQ) when it lies within three standard deviations of the nearest mode's centre. All figures
but the HQ share are of HQ samples.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zerosum.metrics.core import Finding, Metric, Modes, Question
from zerosum.metrics.intervals import Interval, around, of_mean, of_share

REACH = 3.0
"""Standard deviations within which a sample belongs to a mode."""
AT_ONCE = 2**22
"""Distances held at a time."""


@dataclass(frozen=True)
class Coverage:
    """What samples make of a mixture.

    Attributes:
        modes: how many modes have at least one HQ sample.
        hq: share of HQ samples.
        reverse_kl: KL(generated || true) over modes, in nats; infinite where no sample is HQ.
        spread: width of the modes over the true one: root mean square deviation of a coordinate from its centre, over
            that of a true mode cut at `REACH`; 0 where no sample is HQ.
        narrowest, widest: the same of single modes.
    """

    modes: int
    hq: float
    reverse_kl: float
    spread: float
    narrowest: float
    widest: float


@dataclass(frozen=True)
class Tally:
    """HQ samples, by mode.

    Args:
        modes: the mixture.
        n: how many samples were looked at.
        mode: of each HQ sample, `(hq,)`.
        squares: an HQ sample's mean square deviation of a coordinate, in units of a true mode's, `(hq,)`, float64.
    """

    modes: Modes
    n: int
    mode: Tensor
    squares: Tensor

    @cached_property
    def counts(self) -> Tensor:
        """HQ samples a mode, `(m,)`."""
        return torch.bincount(self.mode, minlength=len(self.modes.centres))

    @cached_property
    def widths(self) -> Tensor:
        """Width of each mode over the true one, `(m,)`; NaN where it has no sample."""
        sums = torch.zeros(len(self.counts), dtype=torch.float64).index_add_(0, self.mode, self.squares)
        return (sums / self.counts).sqrt()

    @cached_property
    def coverage(self) -> Coverage:
        """The figures."""
        widths = self.widths[self.counts > 0]
        return Coverage(
            modes=len(widths),
            hq=len(self.mode) / self.n,
            reverse_kl=reverse_kl(self.counts),
            spread=self.squares.mean().sqrt().item() if len(widths) else 0.0,
            narrowest=widths.min().item() if len(widths) else 0.0,
            widest=widths.max().item() if len(widths) else 0.0,
        )


def tally(samples: Tensor, modes: Modes) -> Tally:
    """Give each of `samples`, `(n, d)`, n ≥ 1, to the nearest of equally likely, isotropic `modes` if it is HQ."""
    centres = modes.centres.double()
    dimensions = centres.shape[1]
    rows = max(1, AT_ONCE // len(centres))
    exact = "donot_use_mm_for_euclid_dist"  # products lose digits where modes are narrow and far from 0
    parts = [torch.cdist(part.double(), centres, compute_mode=exact).min(1) for part in torch.split(samples, rows)]
    distance, mode = (torch.cat(found) for found in zip(*parts, strict=True))
    near = distance <= REACH * modes.std
    squares = (distance[near] / (modes.std * truncated_std(dimensions))).square() / dimensions
    return Tally(modes, len(samples), mode[near], squares)


def coverage(samples: Tensor, modes: Modes) -> Coverage:
    """Judge `samples`, `(n, d)`, n ≥ 1, of a mixture of equally likely, isotropic Gaussians."""
    return tally(samples, modes).coverage


def reverse_kl(counts: Tensor) -> float:
    """KL between shares of `counts`, `(m,)`, and the uniform distribution; of n true samples it is about (m - 1) / 2n.

    >>> reverse_kl(torch.tensor([5, 5])), round(reverse_kl(torch.tensor([10, 0])), 4)
    (0.0, 0.6931)
    """
    total = int(counts.sum())
    if not total:
        return math.inf
    share = counts.double() / total
    return float(torch.special.xlogy(share, share * len(counts)).sum())


def truncated_std(dimensions: int, reach: float = REACH) -> float:
    """Standard deviation of a coordinate of a standard normal vector that is cut off at `reach` from the origin.

    E[r² | r <= k] = d F(k²; d + 2) / F(k²; d), with F the distribution function of chi-squared.

    >>> round(truncated_std(2), 4)
    0.9744
    """
    return math.sqrt(share_within(dimensions + 2, reach) / share_within(dimensions, reach))


def share_within(dimensions: int, reach: float = REACH) -> float:
    """Share of standard normal vectors no longer than `reach`: the distribution function of chi-squared at reach².

    >>> round(share_within(2), 4)
    0.9889
    """
    half = torch.tensor([dimensions / 2, reach**2 / 2], dtype=torch.float64)
    return float(torch.special.gammainc(half[0], half[1]))


def compute(question: Question) -> Mapping[str, Finding]:
    """Mode coverage of generated points; `question.modes` is known."""
    assert question.modes is not None
    found = tally(question.generated.kept, question.modes)
    figures, settings = found.coverage, {"reach": REACH, "modes": len(found.counts)}
    few = () if found.n >= 100 * len(found.counts) else (_few(found),)
    none = () if len(found.mode) else ("No sample is near a mode.",)
    widths = [None if math.isnan(width) else width for width in found.widths.tolist()]
    return {
        "modes": Finding(figures.modes, None, settings, {"samples a mode": found.counts.tolist()}, few + none),
        "hq": Finding(figures.hq, of_share(len(found.mode), found.n), settings, _true_share(found), none),
        "reverse_kl": Finding(figures.reverse_kl, _around_kl(found), settings, _true_kl(found), few + none),
        "spread": Finding(figures.spread, _around_spread(found), settings, {"a mode": widths}, none),
    }


def _few(found: Tally) -> str:
    modes = len(found.counts)
    return f"{found.n} samples are few for {modes} modes: take {100 * modes} or more, or modes look lost that are not."


def _true_share(found: Tally) -> dict[str, float]:
    return {"true": share_within(found.modes.centres.shape[1])}


def _true_kl(found: Tally) -> dict[str, float]:
    """What as many true samples have on average."""
    return {"floor": (len(found.counts) - 1) / (2 * max(1, len(found.mode)))}


def _around_kl(found: Tally) -> Interval | None:
    """KL is the mean of log(share · m) over samples, and to first order its error is that of this mean."""
    if len(found.mode) < 2:
        return None
    share = found.counts.double() / found.counts.sum()
    return of_mean((share * len(share)).log()[found.mode])


def _around_spread(found: Tally) -> Interval | None:
    """The root's slope is 1 / 2 spread."""
    if len(found.mode) < 2 or not found.coverage.spread:
        return None
    spread = found.coverage.spread
    error = (found.squares.std() / math.sqrt(len(found.squares))).item()
    return around(spread, error / (2 * spread), "delta method")


METRIC = Metric(
    results={"modes": "higher", "hq": "higher", "reverse_kl": "lower", "spread": "as-real"},
    summary="modes found, share of good samples, evenness and width of known modes (1: as wide as real)",
    source="Srivastava 2017; Lin 2018",
    compute=compute,
    needs=frozenset({"points", "modes"}),
)
