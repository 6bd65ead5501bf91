"""Confidence intervals of figures that are computed from samples.

A bootstrap draws samples twice, and distances between distributions grow when samples repeat; the jackknife leaves
some out instead and has no such bias. Shares have closed forms.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LEVEL = 0.95
Z = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""


@dataclass(frozen=True)
class Interval:
    """Where a figure may lie with a confidence of `LEVEL`.

    Attributes:
        low, high: the bounds.
        by: how they were found (`jackknife over 20 groups`, `Wilson`, `standard error`).
    """

    low: float
    high: float
    by: str


def around(value: float, error: float, by: str = "standard error") -> Interval:
    """`value` ± 1.96 standard errors."""
    return Interval(value - Z * error, value + Z * error, by)


def of_mean(values: Tensor) -> Interval:
    """Of the mean of independent `values`, `(n,)`, by their standard error; n ≥ 2."""
    values = values.double()
    return around(values.mean().item(), (values.std() / math.sqrt(len(values))).item())


def of_share(count: float, n: int) -> Interval:
    """Of a share `count / n` of independent samples (Wilson 1927).

    >>> interval = of_share(5, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.237, 0.763)
    """
    share, square = count / n, Z * Z
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return Interval(min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)), "Wilson")


def jackknife(value: float, without: Callable[[int], float], groups: int) -> Interval:
    """By leaving out one of `groups` equal groups of samples at a time (Shao & Wu 1989).

    Args:
        value: of all samples.
        without: the figure without the samples of a group.
        groups: how many there are, at least 2.
    """
    left = torch.tensor([without(group) for group in range(groups)], dtype=torch.float64)
    error = math.sqrt((groups - 1) * left.var(correction=0).item())
    return around(value, error, f"jackknife over {groups} groups")
