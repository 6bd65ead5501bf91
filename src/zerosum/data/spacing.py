"""How far apart clusters of points lie: the scale on which a critic has to tell them apart first.

The minimum spanning tree of n points in k separate clusters has n - k short edges, within clusters, and k - 1 long ones
that bridge them, with a gap in length between the two.
"""

import numpy as np
import torch
from torch import Tensor

ENOUGH = 500
"""Points that show it."""
APART = 3.0
"""How many times the longest edge within clusters the shortest bridge must be for them to be separate."""


def spacing(points: Tensor) -> float | None:
    """Typical length of the bridges between clusters; None where points form no separate clusters.

    Args:
        points: `(n, d)`, in any unit, which is also the answer's.

    >>> spacing(torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]))
    4.8
    """
    from scipy.sparse.csgraph import minimum_spanning_tree  # slow to import

    distances = torch.cdist(points.double(), points.double()).numpy()
    edges = np.sort(minimum_spanning_tree(distances).data)
    edges = edges[edges > 0]
    ratios = edges[1:] / edges[:-1]
    most = len(ratios) // 2  # fewer clusters than half the points, or they would not be clusters
    if not most:
        return None
    place = most + int(np.argmax(ratios[most:]))
    if ratios[place] < APART:
        return None
    return float(f"{np.median(edges[place + 1 :]):.6g}")  # six digits that count: machines differ in the last ones
