"""A random order of samples that lie in shards, which goes through the shards a few at a time.

In every epoch the shards are shuffled; a *window* is so many that follow each other, and its samples are shuffled
together. All streams of an epoch go through the same windows, each in an order of its own, so that no more shards are
wanted at a time than a window has, whatever the number of streams (and twice as many where one window follows another).
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from zerosum.data.recent import Recent
from zerosum.draw import Draw, Key

EPOCHS, WINDOWS = 4, 32
"""Orders that are remembered."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Orders of the samples in shards, which are numbered from the first of the first shard to the last of the last.

    Args:
        counts: samples of each shard, `(shards,)`, int64.
        width: shards of a window; the last one of an epoch may have fewer.
    """

    counts: Tensor
    width: int
    first: Tensor = field(init=False)
    _epochs: Recent[tuple[Key, ...], tuple[Tensor, Tensor]] = field(init=False, repr=False)
    _orders: Recent[tuple[tuple[Key, ...], tuple[Key, ...], int], Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", self.counts.cumsum(0) - self.counts)
        object.__setattr__(self, "_epochs", Recent(self._epoch, EPOCHS))
        object.__setattr__(self, "_orders", Recent(self._window, WINDOWS))

    def __len__(self) -> int:
        return int(self.counts.sum())

    def order(self, epoch: Draw, stream: Draw, start: int, count: int) -> Tensor:
        """The samples at places `start … start + count` of an epoch, fewer at its end (`zerosum.data.core.Ordered`)."""
        _, ends = self._epochs(epoch.key)
        stop, parts = min(start + count, len(self)), []
        while start < stop:
            number = int(torch.searchsorted(ends, start, right=True))
            begin = int(ends[number - 1]) if number else 0
            window = self._orders((epoch.key, stream.key, number))
            parts.append(window[start - begin : stop - begin])
            start += len(parts[-1])
        return torch.cat(parts) if parts else self.counts[:0]

    def _epoch(self, key: tuple[Key, ...]) -> tuple[Tensor, Tensor]:
        """The shards in an epoch's order, and the place where each window ends."""
        shards = Draw(*key).permutation(len(self.counts))
        sizes = [part.sum() for part in torch.split(self.counts[shards], self.width)]
        return shards, torch.stack(sizes).cumsum(0)

    def _window(self, keys: tuple[tuple[Key, ...], tuple[Key, ...], int]) -> Tensor:
        """The samples of a window, in a stream's order."""
        epoch, stream, number = keys
        shards, _ = self._epochs(epoch)
        members = shards[number * self.width : (number + 1) * self.width]
        samples = [torch.arange(a, a + n) for a, n in zip(self.first[members], self.counts[members], strict=True)]
        whole = torch.cat(samples)
        return whole[Draw(*stream, number).permutation(len(whole))]
