"""Improved precision and recall (Kynkäänniemi 2019) and density and coverage (Naeem 2020).

The manifold of a set is the union of balls around its members, each reaching to the member's k-th nearest neighbour in
the set. With n real samples x and m generated samples y:

    precision = 1/m Σ_y [y is in a ball of some x]              recall   = 1/n Σ_x [x is in a ball of some y]
    density   = 1/(k m) Σ_y Σ_x [y is in the ball of x]         coverage = 1/n Σ_x [some y is in the ball of x]

Balls are open (distance < radius), as in Naeem's `prdc`; so a copy of the real set has density 1. All four come from
one pass over the distances within the sets, for the radii, and one between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import Interval, of_mean, of_share
from zerosum.metrics.neighbours import Balls, blocks, check, check_count, clouds, fine_enough, inside, radii

K = 5
SENSIBLE = 200
"""Below so many samples a side the balls are so wide that they say little."""


@dataclass(frozen=True)
class Manifold:
    """The four scores; density is from 0 up, the others are shares."""

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class Counts:
    """What the scores are counted from.

    Attributes:
        k: which neighbour the balls reach to.
        holders: of each generated sample, how many real balls hold it, `(m,)`, int64.
        recalled: of each real sample, whether a generated ball holds it, `(n,)`.
        covered: of each real sample, whether its ball holds a generated one, `(n,)`.
    """

    k: int
    holders: Tensor
    recalled: Tensor
    covered: Tensor

    @property
    def manifold(self) -> Manifold:
        """The scores."""
        return Manifold(
            precision=share(self.holders > 0),
            recall=share(self.recalled),
            density=self.holders.double().mean().item() / self.k,
            coverage=share(self.covered),
        )


def share(truths: Tensor) -> float:
    """How many of `(n,)` are true, from 0 to 1."""
    return int(truths.sum()) / len(truths)


def prdc(real: Tensor, generated: Tensor, *, k: int = K) -> Manifold:
    """Precision, recall, density and coverage.

    The papers take as many of the one as of the other: balls of a smaller set are larger.

    Args:
        real: features `(n, d)` of real samples, n > k.
        generated: features `(m, d)` of generated samples, m > k.
        k: which neighbour the balls reach to; 5 in Naeem 2020, 3 in Kynkäänniemi 2019.

    Raises:
        UserError: shapes do not fit, features are not finite, or there are too few samples for k.
    """
    return counts(real, generated, k=k).manifold


def counts(real: Tensor, generated: Tensor, *, k: int = K) -> Counts:
    """Sample by sample, what `prdc` counts; arguments and errors are the same."""
    check(real=real, generated=generated)
    check_count(k, real=real, generated=generated)
    squares = [radii(features, k) for features in (real, generated)]
    x, y = clouds(real, generated, dtype=torch.float32)
    dtype = torch.promote_types(fine_enough(x, squares[0]), fine_enough(y, squares[1]))
    x, y = clouds(real, generated, dtype=dtype)
    around_real, around_generated = Balls.around(x, squares[0]), Balls.around(y, squares[1])
    holders = torch.zeros(len(y), dtype=torch.int64, device=real.device)
    recalled, covered = (torch.zeros(len(x), dtype=torch.bool, device=real.device) for _ in range(2))
    for block in blocks(x, y):
        i, j = inside(x, y, block, around_real, axis=0)
        covered[i] = True
        holders += j.bincount(minlength=len(y))
        recalled[inside(x, y, block, around_generated, axis=1)[0]] = True
    return Counts(k, holders, recalled, covered)


def intervals(found: Counts) -> dict[str, Interval]:
    """Of each score, as samples of the judged side vary: Wilson for shares, the standard error for density."""
    return {
        "precision": of_share(int((found.holders > 0).sum()), len(found.holders)),
        "recall": of_share(int(found.recalled.sum()), len(found.recalled)),
        "density": of_mean(found.holders.double() / found.k),
        "coverage": of_share(int(found.covered.sum()), len(found.covered)),
    }


def cautions(n_real: int, n_generated: int) -> tuple[str, ...]:
    """What a reader must know of the counts."""
    found = []
    if n_real != n_generated:
        found.append(
            f"There are {n_real} real and {n_generated} generated samples. The balls of the smaller set are larger, "
            f"so these scores are not those of equal numbers."
        )
    if min(n_real, n_generated) < SENSIBLE:
        found.append(f"With fewer than {SENSIBLE} samples a side the balls are wide, and the scores say little.")
    return tuple(found)


def compute(question: Question) -> Mapping[str, Finding]:
    """The four scores of the shared features."""
    found = counts(question.real.features, question.generated.features)
    common = Finding(0.0, settings={"k": found.k}, warnings=cautions(question.real.n, question.generated.n))
    bounds = intervals(found) if question.confidence else {}
    return {
        name: replace(common, value=value, interval=bounds.get(name)) for name, value in vars(found.manifold).items()
    }


METRIC = Metric(
    results={"precision": "higher", "recall": "higher", "density": "higher", "coverage": "higher"},
    summary="are generated samples among real ones (precision, density), and real among generated (recall, coverage)?",
    source="Kynkäänniemi 2019, Naeem 2020",
    compute=compute,
    fewest=K + 1,
)
