"""Outliers of a series: how far each value lies from those just before it, in units of their spread.

The robust z-score of Iglewicz & Hoaglin (1993): z = (x - median) / s of a trailing window, with s = 1.4826 times the
median absolute deviation, which is the standard deviation of a normal series and heeds no outliers. A series that
hardly moves has s of nearly 0, and any ripple would stand out; hence s is at least a hundredth of the level.
"""

from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Series = NDArray[np.float64]
WINDOW, LEAST = 50, 20
"""Values before that each is held against, and how many there must be."""
NORMAL = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""
RIPPLE = 0.01
"""Share of the level that always counts as spread."""


def robust_z(values: Series) -> Series:
    """How far each value lies from the `WINDOW` before it, `(n,)` -> `(n,)`; NaN where fewer than `LEAST` are known.

    >>> robust_z(np.array([1.0, 2.0] * 20 + [9.0]))[-1].round(1).item()
    10.1
    """
    before = sliding_window_view(np.concatenate([np.full(WINDOW, np.nan), values]), WINDOW)[: len(values)]
    enough = np.isfinite(before).sum(1) >= LEAST
    known, z = before[enough], np.full(len(values), np.nan)
    middle = np.nanmedian(known, axis=1)
    spread = NORMAL * np.nanmedian(np.abs(known - middle[:, None]), axis=1)
    level = np.nanmedian(np.abs(known), axis=1)
    z[enough] = (values[enough] - middle) / np.maximum(np.maximum(spread, RIPPLE * level), np.finfo(np.float64).tiny)
    return z


def largest_since(values: Series, places: Series, moments: Series) -> Series:
    """The largest of the `values` at `places` in (the moment before, this moment], `(m,)`; NaN where none is known.

    >>> largest_since(np.array([1.0, 5.0, 2.0]), np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])).tolist()
    [5.0, 2.0]
    """
    bounds = np.searchsorted(places, np.concatenate([[-np.inf], moments]), side="right")
    parts = [values[first:end] for first, end in pairwise(bounds.tolist())]
    return np.array([np.nanmax(part) if np.isfinite(part).any() else np.nan for part in parts])
