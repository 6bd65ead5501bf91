"""Top-k: the generator learns from those of its samples alone that the critic takes for most real."""

import torch
from torch import Tensor

from zerosum.collectives import own_rows, rows_of_all, world_size
from zerosum.losses.adversarial import per_sample


def best(losses: Tensor, scores: Tensor, share: float) -> Tensor:
    """Mean of the losses `(n,)` of that share of the samples with the highest scores `(n, …)`, `()` (Sinha 2020).

    With several processes it is the share of all samples of the batch; at least one of them counts.
    """
    everyone = rows_of_all(per_sample(scores).detach())
    k = max(1, round(share * len(everyone)))
    counted = torch.zeros_like(everyone).scatter(0, everyone.topk(k).indices, 1.0)
    return (losses * own_rows(counted)).sum() * (world_size() / k)
