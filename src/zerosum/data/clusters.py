"""How far apart clusters of points lie, and how wide they are: the scales on which a critic has to see them.

The minimum spanning tree of n points in k separate clusters has n - k short edges, within clusters, and k - 1 long ones
that bridge them, with a gap in length between the two. Without the bridges its parts are the clusters.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

ENOUGH = 500
"""Points that show it."""
APART = 3.0
"""How many times the longest edge within clusters the shortest bridge must be for them to be separate."""


class Clusters(NamedTuple):
    """Separate clusters of points, in the points' unit; None where there are none.

    Attributes:
        spacing: typical length of the bridges between them.
        width: deviation of a coordinate from its cluster's mean, over all clusters.
    """

    spacing: float | None = None
    width: float | None = None


def clusters(points: Tensor) -> Clusters:
    """What points `(n, d)` show of their clusters.

    >>> clusters(torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]))
    Clusters(spacing=4.8, width=0.1)
    """
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree  # slow to import

    tree = minimum_spanning_tree(torch.cdist(points.double(), points.double()).numpy())
    edges = np.sort(tree.data)
    edges = edges[edges > 0]
    ratios = edges[1:] / edges[:-1]
    most = len(ratios) // 2  # fewer clusters than half the points, or they would not be clusters
    if not most:
        return Clusters()
    place = most + int(np.argmax(ratios[most:]))
    if ratios[place] < APART:
        return Clusters()
    tree.data[tree.data > edges[place]] = 0.0
    tree.eliminate_zeros()
    count, member = connected_components(tree, directed=False)
    width = _width(points, member, count)
    return Clusters(_short(float(np.median(edges[place + 1 :]))), _short(width)) if width else Clusters()


def _short(length: float) -> float:
    """Six digits that count, whatever the unit: machines differ in the last ones."""
    return float(f"{length:.6g}")


def _width(points: Tensor, member: np.ndarray, count: int) -> float:
    """Root mean square deviation of a coordinate from the mean of the cluster that a point is a `member` of."""
    values, of = points.double(), torch.from_numpy(member).long()
    sums = torch.zeros(count, values.shape[1], dtype=torch.float64).index_add_(0, of, values)
    means = sums / torch.bincount(of, minlength=count)[:, None]
    squares = (values - means[of]).square().sum()
    return float((squares / (values.shape[1] * max(1, len(values) - count))).sqrt())
