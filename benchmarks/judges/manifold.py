"""Improved precision and recall (Kynkäänniemi 2019, section 2).

The manifold of a set of features is the union of balls around its members, each reaching to the member's k-th nearest
neighbour in the set. Precision is the share of generated features on the real manifold, recall the share of real ones
on the generated manifold.
"""

import torch
from torch import Tensor


def precision_and_recall(real: Tensor, generated: Tensor, *, k: int = 3) -> tuple[float, float]:
    """Precision and recall of `generated`, `(n, d)`, against `real`, `(m, d)`, in float64.

    The paper takes as many of the one as of the other: balls of a smaller set are larger.
    """
    real, generated = real.double(), generated.double()
    return share_inside(generated, real, k), share_inside(real, generated, k)


def share_inside(points: Tensor, support: Tensor, k: int) -> float:
    """Share of `points` on the manifold of `support`, which has more than k members."""
    radius = distances(support, support).kthvalue(k + 1, dim=1).values  # the nearest of all is the member itself
    return (distances(points, support) <= radius).any(1).double().mean().item()


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances `(n, m)`; not by way of products, which do not give a 0 between equal points."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
