"""Samples as their own features: for points, where distances mean what they say."""

import torch
from torch import Tensor

from zerosum.metrics.networks.preparation import digest_of
from zerosum.metrics.statistics import Look


class Raw:
    """Every sample is its own feature vector, flattened; images in [0, 1]."""

    name = "raw"
    preparation = "flattened; images divided by 255"
    classes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of the preparation, for there is nothing else."""
        return digest_of({}, self.name, self.preparation)

    def __call__(self, shown: Tensor) -> Look:
        """Samples `(n, *shape)` -> features `(n, d)`, d the product of the shape, float32."""
        features = shown.flatten(1).float()
        return Look(features / 255 if shown.dtype == torch.uint8 else features)
