"""How many different samples can a generator make? The birthday paradox answers (Arora, Risteski & Zhang 2018).

Two samples of a uniform distribution over N things are the same with probability p = 1 / N; of another distribution,
1 / p is the number of things that count. Among n samples there are M = n (n − 1) / 2 pairs, so with C pairs of the
same the support is about M / C, and half of all batches of √(2 log 2 · M / C) samples hold such a pair.

The paper has people say which pairs are the same. Here a pair of generated samples is the same where it is nearer than
the nearest pairs of real samples are, of which the share `RATE` is set apart: real samples of continuous distributions
are all different. So no support larger than the real samples' own by this measure, about 1 / `RATE`, can be seen; what
counts is how much smaller it is.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import LEVEL, Interval
from zerosum.metrics.neighbours import check, check_count, closest_pairs, copies, degrees

RATE = 1e-5
"""Share of real pairs that count as the same: of batches of a hundred samples, one in twenty has such a pair."""
FEWEST_PAIRS = 10
"""As many real pairs at least, or where they end would be chance."""


@dataclass(frozen=True)
class Collisions:
    """Pairs of the same among n samples.

    Attributes:
        degrees: with how many others each sample is the same, `(n,)`, int64.
    """

    degrees: Tensor

    @property
    def count(self) -> int:
        """Pairs of the same."""
        return int(self.degrees.sum()) // 2

    @property
    def pairs(self) -> int:
        """All pairs."""
        return pairs(len(self.degrees))

    @property
    def dispersion(self) -> float:
        """Variance of the count over that of a Poisson number of the same mean, at least 1.

        Pairs that share a sample are not independent: a sample that is the same as one other is the same as all of
        that other's like. The covariances of such pairs are counted: Σ_i dᵢ (dᵢ − 1) less what chance would give.
        """
        if not self.count:
            return 1.0
        n, same = len(self.degrees), self.degrees.double()
        shared = (same * (same - 1)).sum().item() - n * (n - 1) * (n - 2) * (self.count / self.pairs) ** 2
        return max(1.0, 1 + shared / self.count)

    @property
    def support(self) -> float:
        """M / C; where no pair is the same, the bound that it exceeds with a confidence of `LEVEL`."""
        return max(1.0, self.pairs / (self.count or -math.log(1 - LEVEL)))

    @property
    def interval(self) -> Interval | None:
        """Exact for a Poisson count (Garwood 1936), widened by its dispersion; None where no pair is the same."""
        if not self.count:
            return None
        from scipy.stats import chi2  # slow to import

        tail, wide = (1 - LEVEL) / 2, self.dispersion
        effective = 2 * self.count / wide
        fewest, most = wide * chi2.ppf(tail, effective) / 2, wide * chi2.ppf(1 - tail, effective + 2) / 2
        return Interval(max(1.0, self.pairs / most), self.pairs / fewest, "Poisson, by the dispersion of the count")


def pairs(n: int) -> int:
    """Of n samples."""
    return n * (n - 1) // 2


def threshold(real: Tensor, *, rate: float = RATE) -> float:
    """The squared distance up to which a pair counts as the same.

    Args:
        real: features `(n, d)`, of pairs of which the share `rate` is that near, or `FEWEST_PAIRS` if that is more.
        rate: a share of pairs.
    """
    return closest_pairs(real, set_apart(len(real), rate))[-1].item()


def set_apart(n: int, rate: float) -> int:
    """Pairs of n real samples that count as the same."""
    return min(pairs(n), max(FEWEST_PAIRS, round(rate * pairs(n))))


def collisions(samples: Tensor, square: float) -> Collisions:
    """Pairs of `samples`, `(n, d)`, whose squared distance is at most `square`."""
    return Collisions(degrees(samples, math.nextafter(square, math.inf)) if square else copies(samples))


def support(real: Tensor, generated: Tensor, *, rate: float = RATE) -> Collisions:
    """The size of the support of what is generated, and what it is counted from.

    Args:
        real: features `(n, d)`, n ≥ 2, that say how near the same samples are.
        generated: features `(m, d)`, m ≥ 2.
        rate: share of real pairs that count as the same.

    Raises:
        UserError: shapes do not fit, features are not finite, or a side has one sample.
    """
    check(real=real, generated=generated)
    check_count(1, real=real, generated=generated)
    return collisions(generated, threshold(real, rate=rate))


def compute(question: Question) -> Mapping[str, Finding]:
    """The support by the shared features."""
    real, generated = question.real.features, question.generated.features
    check(real=real, generated=generated)
    square, apart = threshold(real), set_apart(len(real), RATE)
    found = collisions(generated, square)
    reference = pairs(len(real)) / apart
    return {
        "support": Finding(
            found.support,
            found.interval if question.confidence else None,
            settings={"rate": RATE, "real_pairs": apart},
            details={
                "bound": "estimate" if found.count else "lower",
                "same": found.count,
                "pairs": found.pairs,
                "dispersion": found.dispersion,
                "even_batch": math.sqrt(2 * math.log(2) * found.support),
                "distance": math.sqrt(square),
                "if_equal": reference,
            },
            warnings=cautions(found, square, reference),
        )
    }


def cautions(found: Collisions, square: float, reference: float) -> tuple[str, ...]:
    """What a reader must know of the figure."""
    warnings = []
    if not found.count:
        warnings.append(f"No two of {len(found.degrees)} generated samples are the same: the support is at least this.")
    if reference < 1 / RATE / 2:
        warnings.append(
            f"So few real samples show no support beyond {reference:.0f}; one of that size is as good as they have."
        )
    if square == 0:
        warnings.append("There are copies among the real samples, so that only copies count as the same.")
    return tuple(warnings)


METRIC = Metric(
    results={"support": "higher"},
    summary="how many different samples are there, judging by near duplicates among those at hand?",
    source="Arora, Risteski & Zhang 2018",
    compute=compute,
    fewest=20,
)
