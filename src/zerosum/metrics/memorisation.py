"""Does the generator copy what it was trained on? Held-out samples say how near is too near.

Distances are from generated and from held-out samples to one and the same training set, hence comparable, whatever the
three sizes are. Two figures come from them:

- *memorisation*: with d₁ ≤ d₂ ≤ … the distances of x to the training samples, the ratio ρ(x) = d₁ / mean(d₂ … d_k) is
  small where x lies at one training sample and not merely where there are many (Carlini 2023, section 5; a mean, so
  that a duplicate in the training set does not hide a copy). Which ratio is small depends on the features and on d, so
  it is measured: the ratio that a share `LEVEL` of held-out samples does not exceed. Memorisation is the share of
  generated samples that do not exceed it; `LEVEL` without any, 1 if all are copies.
- *copying*: the probability that a generated sample is nearer to the training set than a held-out one, ties by half
  (the Mann-Whitney statistic of Meehan, Chaudhuri & Dasgupta 2020, without cells). 0.5 for new samples of the same
  distribution, more where there is copying, less where samples lie farther off than real ones.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import Interval, around, of_share
from zerosum.metrics.neighbours import check, check_count, nearest
from zerosum.metrics.statistics import Statistics
from zerosum.spaces import Images
from zerosum.spaces.images import tile

LEVEL = 0.01
K = 10
SHOWN = 16
"""Pairs in the picture."""
ROW = 4
"""Pairs in a row of it."""


@dataclass(frozen=True)
class Nearness:
    """How near samples are to a training set.

    Attributes:
        distances: to the nearest training sample, `(n,)`, float64.
        indices: of that sample, `(n,)`, int64.
        ratios: ρ, from 0 to 1, `(n,)`, float64; 0 for copies.
    """

    distances: Tensor
    indices: Tensor
    ratios: Tensor

    @property
    def copies(self) -> int:
        """How many have the features of a training sample."""
        return int((self.distances == 0).sum())


@dataclass(frozen=True)
class Memory:
    """Generated samples beside held-out ones.

    Attributes:
        generated, held_out: their nearness to the training set.
        small: the ratio that is small.
    """

    generated: Nearness
    held_out: Nearness
    small: float

    @property
    def near(self) -> Tensor:
        """Which generated samples have a small ratio, `(m,)`."""
        return self.generated.ratios <= self.small

    @property
    def share(self) -> float:
        """Memorisation, from 0 to 1."""
        return int(self.near.sum()) / len(self.near)

    @property
    def interval(self) -> Interval:
        """Of memorisation: Wilson's, between the bounds of the small ratio, which few held-out samples leave open.

        The rank of the true quantile among n held-out samples is binomial, whatever their distribution.
        """
        from scipy.stats import binom  # slow to import

        ratios, n = self.held_out.ratios.sort().values, len(self.held_out.ratios)
        ranks = (int(binom.ppf(p, n, LEVEL)) for p in (0.025, 0.975))
        fewest, most = (self._near_below(ratios[rank - 1] if rank else -torch.ones(())) for rank in ranks)
        m = len(self.near)
        return Interval(of_share(fewest, m).low, of_share(most, m).high, "Wilson, binomial rank of the small ratio")

    def _near_below(self, ratio: Tensor) -> int:
        return int((self.generated.ratios <= ratio).sum())

    @property
    def copying(self) -> float:
        """The probability that a generated sample is the nearer one."""
        return farther(self.generated.distances, self.held_out.distances).mean().item()

    @property
    def copying_interval(self) -> Interval:
        """By the variances of both sides' placements (DeLong 1988).

        A 0 and a 1 are added to each side's, as Agresti & Coull add to counts: where all placements are the same, their
        variance would claim certainty.
        """
        generated = farther(self.generated.distances, self.held_out.distances)
        held_out = 1 - farther(self.held_out.distances, self.generated.distances)
        found = around(self.copying, math.hypot(_error(generated), _error(held_out)), "placements")
        return Interval(max(0.0, found.low), min(1.0, found.high), found.by)


def _error(placements: Tensor) -> float:
    """Standard error of a mean."""
    more = torch.cat([placements, placements.new_tensor([0.0, 1.0])])
    return (more.std() / math.sqrt(len(more))).item()


def farther(values: Tensor, others: Tensor) -> Tensor:
    """Which share of `others`, `(m,)`, exceeds each of `values`, `(n,)`, ties by half.

    >>> farther(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0])).tolist()
    [1.0, 0.75]
    """
    others = others.sort().values
    below = torch.searchsorted(others, values, right=False)
    reached = torch.searchsorted(others, values, right=True)
    return 1 - (below + reached).double() / (2 * len(others))


def nearness(features: Tensor, train: Tensor) -> Nearness:
    """Of features `(n, d)` to those of a training set, `(m, d)`, m ≥ 2."""
    found = nearest(features, train, min(K, len(train)))
    distances = found.squares.sqrt()
    others = distances[:, 1:].mean(1)
    ratios = torch.where(others > 0, distances[:, 0] / others, 0.0)
    return Nearness(distances[:, 0].contiguous(), found.indices[:, 0], ratios)


def memory(train: Tensor, held_out: Tensor, generated: Tensor) -> Memory:
    """How near generated and held-out samples are to what was trained on.

    Args:
        train: features `(n, d)` of training samples, n ≥ 2.
        held_out: features `(h, d)` of real samples that were not trained on.
        generated: features `(m, d)`.

    Raises:
        UserError: shapes do not fit, features are not finite, or there is a single training sample.
    """
    check(train=train, held_out=held_out, generated=generated)
    check_count(1, train=train)
    real = nearness(held_out, train)
    return Memory(nearness(generated, train), real, real.ratios.quantile(LEVEL, interpolation="lower").item())


def picture(generated: Statistics, train: Statistics, found: Memory) -> Image.Image | None:
    """The generated images with the smallest ratios, each with the training image nearest to it at its right.

    None where samples are no images or none of the pairs was kept.
    """
    if not isinstance(generated.space, Images):
        return None
    first = len(generated.kept)
    there = found.generated.indices[:first] < len(train.kept)
    ratios = torch.where(there, found.generated.ratios[:first], math.inf)
    chosen = ratios.argsort(stable=True)[: min(SHOWN, int(there.sum()))]
    if not len(chosen):
        return None
    pairs = torch.stack([generated.kept[chosen], train.kept[found.generated.indices[chosen]]], 1)
    levels: np.ndarray = pairs.flatten(0, 1).permute(0, 2, 3, 1).contiguous().numpy()
    return tile(levels, columns=2 * min(ROW, len(chosen)))


def compute(question: Question) -> Mapping[str, Finding]:
    """Both figures by the shared features."""
    assert question.train is not None, "a need of the metric"
    found = memory(question.train.features, question.real.features, question.generated.features)
    settings = {"k": K, "level": LEVEL, "n_train": question.train.n}
    warnings = cautions(found)
    closest = picture(question.generated, question.train, found)
    confidence = question.confidence
    return {
        "memorisation": Finding(
            found.share,
            found.interval if confidence else None,
            settings,
            {"small_ratio": found.small, "if_equal": LEVEL, "exact_copies": found.generated.copies},
            warnings,
            {"closest": closest} if closest else {},
        ),
        "copying": Finding(
            found.copying,
            found.copying_interval if confidence else None,
            settings,
            {
                "median_distance": found.generated.distances.median().item(),
                "median_distance_held_out": found.held_out.distances.median().item(),
                "if_equal": 0.5,
            },
            warnings,
        ),
    }


def cautions(found: Memory) -> tuple[str, ...]:
    """What a reader must know of the figures."""
    warnings = []
    n = len(found.held_out.distances)
    if n * LEVEL < 1:
        warnings.append(f"With {n} held-out samples the ratio that counts as small is that of a single one of them.")
    if shared := found.held_out.copies:
        warnings.append(
            f"{shared} of {n} held-out samples are in the training set too: copies cannot be told from new samples."
        )
    return tuple(warnings)


METRIC = Metric(
    results={"memorisation": "lower", "copying": "as-real"},
    summary="are generated samples nearer to training samples than held-out ones are?",
    source="Meehan 2020, Carlini 2023",
    compute=compute,
    needs=frozenset({"features", "train"}),
    fewest=2,
)
