"""Number of statistically different bins, NDB (Richardson & Weiss 2018), and how different they are.

The cells of a clustering of real samples are bins. A bin is different where the shares of real and of generated
samples in it differ by more than a two-proportion z-test accepts at level α; NDB / K is the share of such bins, and
about α between two sets of real samples. Beside it stands the Jensen-Shannon divergence of the two histograms.

Cells fit the samples that they were found from (k-means evens out their counts), so that on these very samples the test
does not keep its level. So one half of the real samples, drawn by chance, places the bins, and the other is counted.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import Interval, Z, jackknife, of_share
from zerosum.metrics.neighbours import check, nearest

BINS = 100
A_BIN = 10
"""Counted real samples that there must be for a bin, on average."""
ALPHA = 0.05
GROUPS = 20
ROUNDS = 50
"""Of k-means; bins need not be the best ones."""


@dataclass(frozen=True)
class Histograms:
    """Counts of real and of generated samples in the same bins, `(bins,)` each, int64; no bin is empty in both."""

    real: Tensor
    generated: Tensor

    @cached_property
    def different(self) -> Tensor:
        """Whether a bin's shares differ by a two-proportion z-test at level `ALPHA` (section 3 of the paper)."""
        n, m = self.real.sum().double(), self.generated.sum().double()
        pooled = (self.real + self.generated) / (n + m)
        error = (pooled * (1 - pooled) * (1 / n + 1 / m)).sqrt()
        return (self.real / n - self.generated / m).abs() > Z * error

    @property
    def ndb(self) -> float:
        """NDB / K: the share of bins that are different, from 0 to 1."""
        return int(self.different.sum()) / len(self.real)

    @property
    def divergence(self) -> float:
        """Jensen-Shannon divergence of the shares in nats, from 0 to log 2."""
        return jensen_shannon(self.real, self.generated)

    @property
    def divergence_if_equal(self) -> float:
        """About what the divergence is on average if both are drawn from one distribution."""
        return (len(self.real) - 1) / 8 * (1 / int(self.real.sum()) + 1 / int(self.generated.sum()))


@dataclass(frozen=True)
class Assignment:
    """The bin of each counted real sample, `(n,)`, and of each generated one, `(m,)`, int64, of `bins`."""

    real: Tensor
    generated: Tensor
    bins: int

    def histograms(self) -> Histograms:
        """Of all."""
        real, generated = (found.bincount(minlength=self.bins) for found in (self.real, self.generated))
        used = real + generated > 0
        return Histograms(real[used], generated[used])

    def without(self, group: int) -> "Assignment":
        """But for every `GROUPS`-th sample of each side."""
        return replace(self, real=_others(self.real, group), generated=_others(self.generated, group))


def _others(values: Tensor, group: int) -> Tensor:
    return values[torch.arange(len(values), device=values.device) % GROUPS != group]


def jensen_shannon(real: Tensor, generated: Tensor) -> float:
    """Jensen-Shannon divergence in nats of two histograms, counts `(bins,)` each.

    >>> round(jensen_shannon(torch.tensor([3, 0]), torch.tensor([0, 5])), 4)  # log 2
    0.6931
    """
    shares = torch.stack([real / real.sum(), generated / generated.sum()]).double()
    mean = shares.mean(0).clamp_min(torch.finfo(torch.float64).tiny)
    divergence: float = torch.special.xlogy(shares, shares / mean).sum(1).mean().clamp(min=0).item()
    return divergence


def binned(real: Tensor, generated: Tensor, draw: Draw, *, bins: int | None = None) -> Assignment:
    """Bins of one half of the real samples, drawn by chance; the other half and the generated ones in them.

    Args:
        real: features `(n, d)`, n ≥ 4.
        generated: features `(m, d)`.
        draw: of the halves and of where k-means begins.
        bins: how many; by default `BINS`, or one for `A_BIN` counted real samples where these are few. Cells that
            coincide are one.

    Raises:
        UserError: shapes do not fit, or features are not finite.
    """
    check(real=real, generated=generated)
    order = draw.permutation(len(real)).to(real.device)
    placing, counted = order.tensor_split(2)
    wanted = min(bins or min(BINS, max(2, len(counted) // A_BIN)), len(placing))
    middles = centres(real[placing], wanted, int(draw.integers(2**31 - 1, 1)))
    cells = [nearest(features, middles).indices[:, 0] for features in (real[counted], generated)]
    return Assignment(cells[0], cells[1], len(middles))


def centres(features: Tensor, bins: int, seed: int) -> Tensor:
    """Different centres `(≤ bins, d)` by k-means; in one thread, for sums in another order give other centres."""
    from sklearn.cluster import KMeans  # slow to import
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    means = KMeans(bins, n_init=1, max_iter=ROUNDS, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different samples than bins
        means.fit(features.float().cpu().numpy())
    found = torch.unique(torch.from_numpy(means.cluster_centers_), dim=0).to(features.device)
    assert isinstance(found, Tensor)
    return found


def divergence_interval(assignment: Assignment) -> Interval:
    """Of the Jensen-Shannon divergence, both sides varied."""
    found = jackknife(
        assignment.histograms().divergence, lambda group: assignment.without(group).histograms().divergence, GROUPS
    )
    return replace(found, low=max(0.0, found.low))


def compute(question: Question) -> Mapping[str, Finding]:
    """NDB / K and the divergence of the shared features."""
    assignment = binned(question.real.features, question.generated.features, question.draw.sub("bins"))
    found = assignment.histograms()
    bins = len(found.real)
    about = Finding(
        found.ndb,
        of_share(int(found.different.sum()), bins) if question.confidence else None,
        settings={"bins": assignment.bins, "alpha": ALPHA, "reference": "half places the bins, half is counted"},
        details={
            "real": found.real.tolist(),
            "generated": found.generated.tolist(),
            "different": found.different.tolist(),
            "if_equal": ALPHA,
        },
        warnings=cautions(len(assignment.real), len(assignment.generated), assignment.bins),
    )
    divergence = replace(
        about,
        value=found.divergence,
        interval=divergence_interval(assignment) if question.confidence else None,
        details={**about.details, "if_equal": found.divergence_if_equal},
    )
    return {"ndb": about, "jsd": divergence}


def cautions(n_real: int, n_generated: int, bins: int) -> tuple[str, ...]:
    """What a reader must know of the counts."""
    found = []
    if bins < BINS:
        found.append(f"{n_real} counted real samples allow {bins} bins instead of {BINS}; rare kinds share a bin.")
    if n_generated < A_BIN * bins:
        found.append(f"{n_generated} generated samples in {bins} bins are too few for the test to see much.")
    return tuple(found)


METRIC = Metric(
    results={"ndb": "lower", "jsd": "lower"},
    summary="in what share of the kinds of real samples are there too many or too few generated ones?",
    source="Richardson & Weiss 2018",
    compute=compute,
    fewest=2 * GROUPS,
)
