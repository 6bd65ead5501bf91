"""The fixed held-out split: which samples are never trained on.

The split depends on nothing but the number of samples, their classes and their groups, never on a run's seed, so
that every run, judge and metric means the same samples by it.
"""

import warnings

import numpy as np

from zerosum.errors import Notice

LARGEST_HELD_OUT = 10_000
USUAL_SHARE = 0.2
"""What is held out where nothing is said; of large sets it is less, as documented, without a word."""


def tell_of_cap(count: int, share: float) -> None:
    """Say that less is held out of `count` samples than the `share` that was asked for."""
    if share != USUAL_SHARE and share * count > LARGEST_HELD_OUT:
        warnings.warn(
            f"Held out are {LARGEST_HELD_OUT:,} of {count:,} samples, the most there can be, not the share of "
            f"{share:g} (held_out): judges need no more. The rest is trained on.",
            Notice,
            stacklevel=2,
        )


def split(
    count: int, fraction: float, labels: np.ndarray | None = None, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions to train on and positions held out, both sorted, int64.

    Of every class the same share is held out: at least one sample of a class that has two, and never all.

    Args:
        count: how many samples there are.
        fraction: share that is held out, in (0, 1); at most `LARGEST_HELD_OUT` samples.
        labels: class numbers, `(count,)`.
        groups: numbers of sets of samples that stay on one side (variants of one picture), `(count,)`.
    """
    labels = np.zeros(count, np.int64) if labels is None else labels
    _, first, member = np.unique(np.arange(count) if groups is None else groups, return_index=True, return_inverse=True)
    held = _held_out(labels[first], min(fraction, LARGEST_HELD_OUT / count))[member]
    return np.flatnonzero(~held), np.flatnonzero(held)


def _held_out(labels: np.ndarray, fraction: float) -> np.ndarray:
    """For every row whether it is held out."""
    order = np.lexsort((_scattered(len(labels)), labels))
    _, start, counts = np.unique(labels[order], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(start, counts)  # within its class, in scattered order
    wanted = np.clip(np.floor(counts * fraction + 0.5), np.minimum(1, counts - 1), counts - 1)
    held = np.empty(len(labels), bool)
    held[order] = rank < np.repeat(wanted, counts)
    return held


def _scattered(count: int) -> np.ndarray:
    """`count` distinct numbers in scattered order: splitmix64 of the position, the same for every version of NumPy."""
    x = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
