"""The Fréchet distance from two given covariances of 2,048 features, against scipy's square root of a matrix.

Both sides get the same means and covariances, of full rank, and make the whole distance of them; ours is
`frechet_distance`, the other the formula with `scipy.linalg.sqrtm` of the product, as pytorch-fid has it. They take
turns in one process, and the ratio of each turn's times is one measurement: a figure is the median of all turns.

The k-th largest variance is 1 / k of the largest (`falling`, by and large as in features of networks) or 1 / k²
(`steep`: condition number 4 million), in random directions of its own for each covariance.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from scipy import linalg

from records import Case, Measured, Target, run
from zerosum.draw import Draw
from zerosum.metrics.frechet import frechet_distance
from zerosum.metrics.statistics import Moments

FEATURES = 2_048
SAMPLES = 20_000
TURNS = 5
SPECTRA = {"falling": 1.0, "steep": 2.0}
"""The k-th largest variance is 1 / k to this power."""


def gaussian(d: int, power: float, draw: Draw) -> Moments:
    """A mean, and a covariance with a given spectrum in random directions."""
    turn = torch.linalg.qr(draw.normal(d, d).double()).Q
    variances = torch.arange(1, d + 1, dtype=torch.float64) ** -power
    covariance = turn * variances @ turn.T
    return Moments(SAMPLES, 0.1 * draw.normal(d).double(), (covariance + covariance.T) / 2)


def by_sqrtm(real: Moments, generated: Moments) -> float:
    """The formula as it stands."""
    product: Any = linalg.sqrtm((real.covariance @ generated.covariance).numpy())
    trace = float(product.trace().real)
    apart = (real.mean - generated.mean).square().sum()
    return float(apart + real.covariance.trace() + generated.covariance.trace()) - 2 * trace


def timed(distance: Callable[[Moments, Moments], float], *sides: Moments) -> tuple[float, float]:
    """Seconds, and the distance."""
    began = time.perf_counter()
    value = distance(*sides)
    return time.perf_counter() - began, value


def measure(seed: int, trial: bool, *, power: float) -> Measured:
    """Let both take turns, after a small one that loads what they need."""
    warm = gaussian(64, power, Draw(seed, "warm"))
    for distance in (frechet_distance, by_sqrtm):
        distance(warm, warm)
    d = 128 if trial else FEATURES
    real, generated = (gaussian(d, power, Draw(seed, side)) for side in ("real", "generated"))
    pairs = [
        (timed(frechet_distance, real, generated), timed(by_sqrtm, real, generated))
        for _ in range(2 if trial else TURNS)
    ]
    ours, theirs = ([seconds for seconds, _ in side] for side in zip(*pairs, strict=True))
    (_, value), (_, other) = pairs[0]
    return Measured(
        {
            "seconds": statistics.median(ours),
            "sqrtm_seconds": statistics.median(theirs),
            "ratio": statistics.median(b / a for a, b in zip(ours, theirs, strict=True)),
            "distance": value,
            "relative_difference": abs(value - other) / other,
        }
    )


CASES = [
    Case(
        name=f"{name}-spectrum",
        measure=partial(measure, power=power),
        options={"features": FEATURES, "power": power, "turns": TURNS},
        targets={"ratio": Target(low=5.0), "relative_difference": Target(high=1e-6)},
        seeds=1,
    )
    for name, power in SPECTRA.items()
]

if __name__ == "__main__":
    run("frechet", __doc__, CASES)
