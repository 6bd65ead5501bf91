r"""Fréchet distance: how far apart are two sets of features, if both are taken for Gaussians?

For features with means μ₁, μ₂ and covariances S₁, S₂ the distance (Dowson & Landau 1982; Heusel 2017, eq. 6) is

    ‖μ₁ − μ₂‖² + tr S₁ + tr S₂ − 2 tr (S₁ S₂)^½,

the 2-Wasserstein distance of the Gaussians, squared. No square root of a matrix is needed: with any factors
S₁ = A Aᵀ, S₂ = B Bᵀ, the eigenvalues of S₁ S₂ are the squared singular values of Aᵀ B, so that

    tr (S₁ S₂)^½ = ‖Aᵀ B‖∗, the sum of the singular values.

A factor is triangular (Cholesky) where a covariance has full rank. Where it has not, it is what the covariance was made
of: n ≤ d centred features over √(n − 1), or the eigenvectors that carry variance. So nothing is added to a covariance,
and the distance is exact with few samples too. It is then biased upwards all the same, because few samples look
narrower than their distribution, each set in directions of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import jackknife
from zerosum.metrics.statistics import Moments, Statistics

GROUPS = 20
ENOUGH = 10
"""Samples a feature, below which the distance still says much of their number."""
EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Gaussian:
    """A mean `(d,)` and a factor `(d, r)` of a covariance, `S = A Aᵀ`, float64."""

    mean: Tensor
    factor: Tensor

    @property
    def variance(self) -> float:
        """Over all features: the trace of the covariance."""
        return float(self.factor.square().sum())


def frechet_distance(real: Moments, generated: Moments) -> float:
    """The squared 2-Wasserstein distance of two Gaussians, at least 0 (Heusel 2017, eq. 6).

    Args:
        real, generated: means `(d,)` and covariances `(d, d)`, of any rank.

    Raises:
        UserError: the numbers of features differ, or something is not finite.

    >>> narrow = Moments(9, torch.zeros(2), torch.eye(2))
    >>> wide = Moments(9, torch.ones(2), 9 * torch.eye(2))
    >>> round(frechet_distance(narrow, wide), 6)  # 2 · 1² + 2 · (3 - 1)²
    10.0
    """
    if len(real.mean) != len(generated.mean):
        raise UserError(
            f"The Fréchet distance compares equal features, not {len(real.mean)} real with {len(generated.mean)} "
            "generated ones: take both from one feature network."
        )
    return distance(of_moments(real), of_moments(generated))


def distance(real: Gaussian, generated: Gaussian) -> float:
    """Between Gaussians given by factors.

    Eigenvalues of Aᵀ B Bᵀ A would come sooner, but their rounding is a share of the largest one, of which small ones
    have the root taken; singular values are at most that share off themselves.
    """
    common = float(torch.linalg.svdvals(real.factor.T @ generated.factor).sum())
    return max(0.0, apart(real, generated) + real.variance + generated.variance - 2 * common)


def apart(real: Gaussian, generated: Gaussian) -> float:
    """The part of the distance that is due to the means, ‖μ₁ − μ₂‖²."""
    return float((real.mean - generated.mean).square().sum())


def of_moments(given: Moments) -> Gaussian:
    """By Cholesky where the covariance has full rank, else by the eigenvectors that carry more than rounding."""
    mean, covariance = given.mean.double(), given.covariance.double()
    if not (mean.isfinite().all() and covariance.isfinite().all()):
        raise UserError("Mean or covariance of features is not finite: look for NaN among the features.")
    triangular, failed = torch.linalg.cholesky_ex(covariance)
    if given.n > len(mean) and not failed:  # fewer samples leave no full rank, whatever rounding makes of it
        return Gaussian(mean, triangular)
    values, vectors = torch.linalg.eigh(covariance)
    carries = values > len(values) * EPS * values[-1]
    return Gaussian(mean, vectors[:, carries] * values[carries].sqrt())


def of_few(features: Tensor) -> Gaussian:
    """Of n ≤ d features `(n, d)`, which are themselves a factor of their covariance."""
    features = features.double()
    mean = features.mean(0)
    return Gaussian(mean, (features - mean).T / math.sqrt(len(features) - 1))


def of_samples(samples: Statistics) -> Gaussian:
    """By the features themselves where they are few, else by their moments."""
    n, d = samples.features.shape
    return of_few(samples.features) if n <= d else of_moments(samples.moments)


def without(samples: Statistics, group: Tensor) -> Gaussian:
    """Of all samples but those whose places are in `group`; the moments are not made anew."""
    n, d = samples.features.shape
    if n - len(group) > d:
        return of_moments(less(samples.moments, samples.features[group]))
    others = torch.ones(n, dtype=torch.bool)
    others[group] = False
    return of_few(samples.features[others])


def less(whole: Moments, features: Tensor) -> Moments:
    """Moments of what is left when some `features`, `(m, d)`, are taken out of the whole.

    About the old mean μ the products of what is left are those of all less those taken out; the new mean μ + δ then
    lowers them by δ δᵀ a sample.
    """
    out = features.double() - whole.mean
    n = whole.n - len(out)
    shift = -out.sum(0) / n
    products = (whole.n - 1) * whole.covariance - out.T @ out - n * torch.outer(shift, shift)
    return Moments(n, whole.mean + shift, products / (n - 1))


def left_out(real: Statistics, generated: Statistics, draw: Draw) -> list[float]:
    """The distance without one of up to `GROUPS` random groups of each at a time; none with fewer than 3 samples."""
    groups = min(GROUPS, real.n, generated.n)
    if groups < 3:
        return []
    places = [draw.sub(name).permutation(n) for name, n in (("real", real.n), ("generated", generated.n))]
    pairs = zip(*(place.tensor_split(groups) for place in places), strict=True)
    return [distance(without(real, a), without(generated, b)) for a, b in pairs]


def compute(question: Question) -> Mapping[str, Finding]:
    """The distance, its interval, the part of it that the means make, and the jackknife's estimate of its bias.

    The interval says how the distance varies from sample to sample of this size; the bias stays in it.
    """
    real, generated = question.real, question.generated
    gaussians = of_samples(real), of_samples(generated)
    value = distance(*gaussians)
    details = {"of_means": apart(*gaussians)}
    interval = None
    if question.confidence and (left := left_out(real, generated, question.draw.sub("fd"))):
        interval = jackknife(value, left.__getitem__, len(left))
        details["bias"] = (len(left) - 1) * (sum(left) / len(left) - value)
    return {"fd": Finding(value, interval, details=details, warnings=warnings(real, generated))}


def warnings(real: Statistics, generated: Statistics) -> tuple[str, ...]:
    """What few samples do to the distance."""
    n, d = min(real.n, generated.n), real.features.shape[1]
    if n <= d:
        return (f"n = {n} is not above the feature dimension {d}: the distance is biased upwards; look at kid.",)
    if n < ENOUGH * d:
        few = f"n = {n} is below {ENOUGH} times the feature dimension {d}"
        return (f"{few}: the distance is biased upwards; compare it at equal n only, or look at kid.",)
    return ()


METRIC = Metric(
    results={"fd": "lower"},
    summary="Fréchet distance between Gaussians fitted to real and generated features",
    source="Heusel 2017",
    compute=compute,
)
