"""PacGAN: the critic is shown several samples at once, so that it sees a lack of variety (Lin 2018, section 2)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.errors import UserError


@dataclass(frozen=True)
class Packing:
    """D(x₁, …, xₘ) of `size` = m samples of one kind, joined along their channels or dimensions.

    m neighbours in the batch are one sample to the critic: scores, penalties and features are those of packs.
    """

    size: int

    def join(self, samples: Tensor) -> Tensor:
        """Samples `(n, c, …)` to packs `(n / m, m c, …)`.

        Raises:
            UserError: they cannot be shared among packs.
        """
        if self.size == 1:
            return samples
        refuse_uneven(len(samples), self.size)
        n, channels, *rest = samples.shape
        return samples.reshape(n // self.size, self.size * channels, *rest)

    def fill(self, samples: Tensor) -> Tensor:
        """Samples `(n, …)` followed by the first ones again until packs are full."""
        whole = -(-len(samples) // self.size) * self.size
        return samples if whole == len(samples) else samples[torch.arange(whole, device=samples.device) % len(samples)]

    def spread(self, scores: Tensor, n: int) -> Tensor:
        """Scores of packs to those of the first `n` samples: each has its pack's."""
        return scores if self.size == 1 else scores.repeat_interleave(self.size, dim=0)[:n]


def refuse_uneven(batch_size: int, size: int) -> None:
    """Raise a UserError where a batch cannot be shared among packs."""
    if batch_size % size:
        raise UserError(
            f"Packs of {size} samples need a batch (a process) that is a multiple of {size}, not {batch_size}."
        )
