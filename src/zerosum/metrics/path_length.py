"""Perceptual path length: how much samples change along a path between two latents (Karras 2019, section 4.1, eq. 2).

    PPL = E[ d(G(path(t)), G(path(t + ε))) / ε² ],    z0, z1 ~ prior,  t ~ U(0, 1),  ε = 1e-4

A path runs by spherical interpolation between normal latents (their length is kept) and along a straight line between
others. The paper takes for d a weighted distance of VGG16's layers; here it is the squared Euclidean distance between
features, whose network the record names, so figures of other networks are not comparable. As in the authors' code, the
smallest and the largest 1 % of the distances are left out.

Samples are not rounded to whole levels: rounding hides, or blows up by 1 / ε², what so small a step does.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import Interval, around
from zerosum.metrics.networks.preparation import exactly
from zerosum.priors import PATHS, Prior
from zerosum.spaces import Images, Space

EPSILON = 1e-4
TRIMMED = 0.01
"""Share that is left out at either end."""
MOST = 10_000
CHUNK = 250
"""Paths whose samples are held at a time."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class LatentPaths:
    """Samples at two close points on paths between latents of a generator; a `Paths` of a `Question`.

    Args:
        prior: of the latents; one that can be walked through.
        make: latents `(n, size)`, float32, on `device` -> samples `(n, *shape)` in network values. Whatever else a
            sample depends on (its class, noise) must be the same in two calls with as many latents.
        space: of the samples.
        device: where samples are made, in full float32: what an accelerator rounds off to be fast is more than a step
            of `EPSILON` changes.
    """

    prior: Prior
    make: Callable[[Tensor], Tensor]
    space: Space
    device: torch.device = CPU

    @property
    def interpolation(self) -> str:
        """How the prior is walked through."""
        assert self.prior.path is not None
        return self.prior.path

    def __call__(self, n: int, epsilon: float, draw: Draw) -> tuple[Tensor, Tensor]:
        """Samples at t and at t + `epsilon` of `n` paths, as they are shown but not rounded: images in [0, 1]."""
        first, second = (self.prior(n, draw.sub(end)).double() for end in ("first", "second"))
        t = draw.sub("t").uniform(n, 1).double()
        between = PATHS[self.interpolation]
        near, far = (self._show(between(first, second, at).float()) for at in (t, t + epsilon))
        return near, far

    def _show(self, latents: Tensor) -> Tensor:
        with exactly(self.device):
            samples = self.make(latents.to(self.device))
            return self.space.decode(samples) if isinstance(self.space, Images) else samples.float()


def distances(first: Tensor, second: Tensor, epsilon: float) -> Tensor:
    """Squared Euclidean distances between features `(n, d)` at both ends of steps, over `epsilon`²: `(n,)`, float64."""
    return (first.double() - second.double()).square().sum(1) / epsilon**2


def path_length(first: Tensor, second: Tensor, epsilon: float, *, trim: bool = True) -> tuple[float, Interval]:
    """Perceptual path length from features `(n, d)` at both ends of steps `epsilon` long, n ≥ 2, and its interval.

    Args:
        first, second: features.
        epsilon: the steps' share of their paths.
        trim: whether the smallest and the largest 1 % are left out.
    """
    return trimmed_mean(distances(first, second, epsilon), TRIMMED if trim else 0.0)


def trimmed_mean(values: Tensor, share: float) -> tuple[float, Interval]:
    """Mean of `values`, `(n,)`, n ≥ 2, without what lies beyond the percentiles `share` and 1 - `share`.

    The percentiles are values themselves, the lower and the higher of two, and stay in, as in the authors' code. The
    interval is by the winsorised deviation (Tukey & McLaughlin 1963): values beyond the percentiles count as these.
    """
    low = torch.quantile(values, share, interpolation="lower")
    high = torch.quantile(values, 1 - share, interpolation="higher")
    left = values[(values >= low) & (values <= high)]
    deviation = values.clamp(low, high).std().item()
    error = deviation * math.sqrt(len(values)) / len(left)
    mean = left.mean().item()
    return mean, around(mean, error, "winsorised standard error")


def compute(question: Question) -> Mapping[str, Finding]:
    """Path length of as many paths as there are generated samples, up to `MOST`."""
    assert question.path is not None
    n = min(question.generated.n, MOST)
    sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    parts = []
    for index, size in enumerate(sizes):
        near, far = question.path(size, EPSILON, question.draw.sub("path", index))
        parts.append(distances(question.features_of(near), question.features_of(far), EPSILON))
    value, interval = trimmed_mean(torch.cat(parts), TRIMMED)
    settings = {"epsilon": EPSILON, "paths": n, "interpolation": question.path.interpolation, "trimmed": TRIMMED}
    warnings = (f"{n} paths are few: the trimmed mean needs 100 at the least.",) if n < 100 else ()
    return {"path_length": Finding(value, interval, settings, {}, warnings)}


METRIC = Metric(
    results={"path_length": "lower"},
    summary="perceptual path length: how abruptly samples change between two latents",
    source="Karras 2019",
    compute=compute,
    needs=frozenset({"features", "generator"}),
)
