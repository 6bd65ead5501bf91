"""Class numbers as vectors."""

import torch
from torch import Tensor


def one_hot(label: Tensor, classes: int) -> Tensor:
    """Class numbers `(n,)` to rows `(n, classes)` with a 1, float32; unlike torch's own it looks at no number."""
    return (label[:, None] == torch.arange(classes, device=label.device)).float()
