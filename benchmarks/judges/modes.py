"""Modes of a mixture of Gaussians: which are found, how often, how wide (VEEGAN, Srivastava 2017; PacGAN, Lin 2018).

A sample is of high quality (HQ) when it lies within three standard deviations of the nearest mode's centre. All figures
but the HQ share are of HQ samples.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 3.0
"""Standard deviations within which a sample belongs to a mode."""


@dataclass(frozen=True)
class Coverage:
    """What samples make of a mixture.

    Attributes:
        modes: how many modes have at least one HQ sample.
        hq: share of HQ samples.
        reverse_kl: KL(generated || true) over modes, in nats; infinite where no sample is HQ.
        spread: width of the modes over the true one, see `ModeJudge`; 0 where no sample is HQ.
        narrowest, widest: the same of single modes.
    """

    modes: int
    hq: float
    reverse_kl: float
    spread: float
    narrowest: float
    widest: float


@dataclass(frozen=True)
class ModeJudge:
    """Judges samples of a mixture of equally likely, isotropic Gaussians.

    Args:
        centres: of the modes, `(m, d)`.
        std: standard deviation of a mode in every direction.
    """

    centres: Tensor
    std: float

    def __call__(self, samples: Tensor) -> Coverage:
        """Judge `samples`, `(n, d)`."""
        distance, mode = torch.cdist(samples.double(), self.centres.double()).min(1)
        near = distance <= REACH * self.std
        counts = torch.bincount(mode[near], minlength=len(self.centres))
        squares = torch.zeros(len(self.centres), dtype=torch.float64)
        squares.index_add_(0, mode[near], distance[near].square())
        widths = self._width(squares, counts)[counts > 0]
        return Coverage(
            modes=int((counts > 0).sum()),
            hq=near.double().mean().item(),
            reverse_kl=reverse_kl(counts),
            spread=self._width(squares.sum(), counts.sum()).item() if len(widths) else 0.0,
            narrowest=widths.min().item() if len(widths) else 0.0,
            widest=widths.max().item() if len(widths) else 0.0,
        )

    def _width(self, squares: Tensor, counts: Tensor) -> Tensor:
        """Root mean square deviation of a coordinate from its centre, over that of a true mode cut at `REACH`."""
        dimensions = self.centres.shape[1]
        return (squares / (counts * dimensions)).sqrt() / (self.std * truncated_std(dimensions))


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

    def chi_squared(freedom: int) -> Tensor:
        return torch.special.gammainc(torch.tensor(freedom / 2).double(), torch.tensor(reach**2 / 2).double())

    return math.sqrt(chi_squared(dimensions + 2) / chi_squared(dimensions))
