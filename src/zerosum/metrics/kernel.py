"""Kernel distance (KID where features are Inception's): a distance between sets of features without bias.

The squared maximum mean discrepancy of two distributions P and Q is

    E k(x, x′) + E k(y, y′) − 2 E k(x, y),    x, x′ ~ P,  y, y′ ~ Q,

here with k(x, y) = (x·y / d + 1)³ (Bińkowski 2018, section 4). Means over all pairs of different samples estimate it
without bias (Gretton 2012, eq. 3), whatever the number of samples; where P = Q the estimate is therefore negative half
the time.

All pairs of n samples need n² products. Of many samples, pairs are taken inside disjoint random subsets only: the mean
over subsets is unbiased too, and because disjoint subsets are independent, its standard error is that of a mean (block
test, Zaremba 2013, section 3). Subsets drawn with replacement, as is common elsewhere, share samples, and the spread of
their values does not tell the error of their mean. Few samples are used whole, with a jackknife: leaving a group of
them out only takes its sums out of the kernel's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.core import Finding, Metric, Question
from zerosum.metrics.intervals import jackknife, of_mean

SUBSETS = 100
SUBSET_SIZE = 1_000
ENOUGH = 10
"""Subsets: of fewer the standard error is too rough, and their samples are few enough to be used whole."""
GROUPS = 20
ROWS = 1_000
"""And columns of a kernel matrix that are computed at once."""
SENSIBLE = 100
KERNEL = "(x·y / d + 1)³"


@dataclass(frozen=True)
class Sums:
    """Sums of the kernel between groups, as many of real as of generated samples, float64.

    Attributes:
        xx, yy: `(groups, groups)` over pairs of different samples of one set.
        xy: `(groups, groups)` between the sets.
        m, n: `(groups,)` how many real and generated samples the groups have.
    """

    xx: Tensor
    yy: Tensor
    xy: Tensor
    m: Tensor
    n: Tensor

    def discrepancy(self, kept: Tensor) -> float:
        """The unbiased estimate from some of the groups, given by a mask."""
        m, n = self.m[kept].sum(), self.n[kept].sum()
        xx, yy, xy = (table[kept][:, kept].sum() for table in (self.xx, self.yy, self.xy))
        return (xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)).item()

    @property
    def all(self) -> Tensor:
        """The mask of all groups."""
        return torch.ones(len(self.m), dtype=torch.bool)

    def without(self, group: int) -> float:
        """The estimate without a group of each set."""
        kept = self.all
        kept[group] = False
        return self.discrepancy(kept)


def sums(x: Sequence[Tensor], y: Sequence[Tensor]) -> Sums:
    """Of groups of features `(·, d)`, the kernel in blocks of at most `ROWS` by `ROWS`."""
    sizes = [torch.tensor([len(group) for group in groups], dtype=torch.float64) for groups in (x, y)]
    return Sums(within(x), within(y), between(x, y), *sizes)


def between(x: Sequence[Tensor], y: Sequence[Tensor]) -> Tensor:
    """Sums over all pairs, `(groups, groups)`."""
    return torch.tensor([[total(a, b) for b in y] for a in x], dtype=torch.float64)


def within(x: Sequence[Tensor]) -> Tensor:
    """Sums over pairs of different samples, `(groups, groups)`; each pair of groups is looked at once."""
    table = torch.zeros(len(x), len(x), dtype=torch.float64)
    for i, a in enumerate(x):
        for j, b in enumerate(x[: i + 1]):
            table[i, j] = table[j, i] = total(a, b)
        table[i, i] -= kernel(a.double().square().sum(1) / a.shape[1]).sum()
    return table


def total(a: Tensor, b: Tensor) -> float:
    """The sum of the kernel over all pairs of `(m, d)` and `(n, d)`."""
    d = a.shape[1]
    blocks = ((rows.double(), columns.double()) for rows in torch.split(a, ROWS) for columns in torch.split(b, ROWS))
    return sum(kernel(rows @ columns.T / d).sum().item() for rows, columns in blocks)


def kernel(products: Tensor) -> Tensor:
    """Of scalar products over d."""
    return (products + 1).pow(3)


def polynomial_mmd(real: Tensor, generated: Tensor) -> float:
    """The unbiased estimate of the squared discrepancy from all pairs, as it comes (nothing is multiplied by 1,000).

    Args:
        real, generated: features `(m, d)` and `(n, d)`, at least 2 of each, finite.

    Raises:
        UserError: fewer, or the numbers of features differ.

    >>> polynomial_mmd(torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [1.0]]))  # 0 + 8 - 2 · (8 + 0) / 2
    0.0
    """
    checked(real, generated)
    found = sums([real], [generated])
    return found.discrepancy(found.all)


def kid(
    real: Tensor,
    generated: Tensor,
    draw: Draw,
    *,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    confidence: bool = True,
) -> Finding:
    """The estimate with its interval, from disjoint random subsets of many samples or the whole of few.

    Args:
        real, generated: features `(m, d)` and `(n, d)`, at least 2 of each, finite.
        draw: of subsets and groups.
        subsets: how many there are at the most, at least 2.
        subset_size: samples of each side in a subset, at least 2. Where fewer than 10 subsets fit, up to 10 times as
            many of each side are used whole.
        confidence: whether an interval is wanted.

    Raises:
        UserError: too few samples or subsets, or the numbers of features differ.
    """
    checked(real, generated)
    if min(subsets, subset_size) < 2:
        raise UserError(f"KID needs at least 2 subsets of 2 samples, not {subsets} of {subset_size}.")
    fit = min(len(real), len(generated)) // subset_size
    places = [draw.sub(name).permutation(len(side)) for name, side in (("real", real), ("generated", generated))]
    if fit >= ENOUGH:
        used = [torch.split(place[: min(fit, subsets) * subset_size], subset_size) for place in places]
        return of_subsets([(real[a], generated[b]) for a, b in zip(*used, strict=True)], confidence)
    x, y = (side[place[: ENOUGH * subset_size]] for side, place in zip((real, generated), places, strict=True))
    return of_whole(x, y, confidence)


def of_subsets(pairs: Sequence[tuple[Tensor, Tensor]], confidence: bool) -> Finding:
    """The mean over disjoint subsets `(real, generated)`, which are independent."""
    values = torch.tensor([polynomial_mmd(a, b) for a, b in pairs], dtype=torch.float64)
    settings = {"kernel": KERNEL, "subsets": len(pairs), "subset_size": len(pairs[0][0])}
    return Finding(values.mean().item(), of_mean(values) if confidence else None, settings)


def of_whole(real: Tensor, generated: Tensor, confidence: bool) -> Finding:
    """From all pairs; an interval from three samples on."""
    groups = min(GROUPS, len(real), len(generated))
    found = sums(real.tensor_split(groups), generated.tensor_split(groups))
    value = found.discrepancy(found.all)
    interval = jackknife(value, found.without, groups) if confidence and groups > 2 else None
    sizes = {"real": len(real), "generated": len(generated)}
    return Finding(value, interval, {"kernel": KERNEL, "subsets": 1, "subset_size": sizes})


def checked(real: Tensor, generated: Tensor) -> None:
    """Refuse what has no estimate."""
    if min(len(real), len(generated)) < 2:
        raise UserError(f"KID needs at least 2 samples of each, not {len(real)} real and {len(generated)} generated.")
    if real.shape[1] != generated.shape[1]:
        raise UserError(
            f"KID compares equal features, not {real.shape[1]} real with {generated.shape[1]} generated ones: "
            "take both from one feature network."
        )


def compute(question: Question) -> Mapping[str, Finding]:
    """With subsets as they come."""
    real, generated = question.real.features, question.generated.features
    found = kid(real, generated, question.draw.sub("kid"), confidence=question.confidence)
    n = min(len(real), len(generated))
    few = (f"n = {n} is below {SENSIBLE}: kid has no bias, but it and its interval are rough.",) if n < SENSIBLE else ()
    return {"kid": replace(found, warnings=few)}


METRIC = Metric(
    results={"kid": "lower"},
    summary="squared kernel distance (polynomial maximum mean discrepancy), without bias at any number of samples",
    source="Binkowski 2018",
    compute=compute,
)
