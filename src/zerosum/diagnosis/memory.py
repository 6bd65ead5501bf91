"""Whether generated samples are copies of training samples, which held-out ones tell: how near is too near.

The measure is that of `zerosum.metrics.memorisation`, in `plain_features`, against up to 10,000 training samples as
they are stored. What belongs to the data is found once; then a look costs one search.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.data import Data, Source
from zerosum.diagnosis.features import plain_features
from zerosum.diagnosis.glance import CHUNK_VALUES, domains, evenly, stored
from zerosum.draw import Draw
from zerosum.metrics.memorisation import LEVEL, K, nearness

MOST = 10_000
"""Training samples that are remembered, and held-out ones that tell how near is too near."""
FEWEST = 2 * K
"""Of fewer training samples nearness says nothing."""


@dataclass(frozen=True, eq=False)
class Memory:
    """What may have been learnt by heart.

    Attributes:
        train: features of training samples, `(n, d)`.
        small: the ratio of nearness (`zerosum.metrics.memorisation`) that a hundredth of held-out samples has.
    """

    train: Tensor
    small: float

    def share(self, made: Tensor) -> Tensor:
        """Share of samples, by their features `(m, d)`, that are nearer to one training sample than is usual, `()`.

        About 0.01 by chance, 1 where all are copies. NaN for features of another size.
        """
        if made.shape[1:] != self.train.shape[1:]:
            return torch.tensor(float("nan"))
        return (nearness(made.cpu(), self.train).ratios <= self.small).float().mean()


def memory_of(data: Data) -> Memory | None:
    """What a training on these data could learn by heart; None where samples are drawn anew, or too few."""
    (train, held_out), *others = domains(data).values()
    if others or min(train.size or 0, held_out.size or 0) < FEWEST:
        return None
    known = features(train)
    ratios = nearness(features(held_out), known).ratios
    return Memory(known, ratios.quantile(LEVEL, interpolation="lower").item())


def features(source: Source) -> Tensor:
    """Of up to `MOST` samples as they are stored, evenly spaced, `(n, d)`."""
    source, count = stored(source), source.size or MOST
    values = source.space.encode(torch.zeros(1, *source.space.shape)).numel()
    parts = torch.split(evenly(count, min(count, MOST)), max(1, CHUNK_VALUES // values))
    draw = Draw("memory")
    return torch.cat([plain_features(source.space, source.batch(part, draw).real).cpu() for part in parts])
