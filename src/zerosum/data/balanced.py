"""Every class as often as the others, however many samples of it there are."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zerosum.data.core import Batch, Ordered, Source
from zerosum.data.labelled import labels_of
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.spaces import Space


@dataclass(frozen=True, eq=False)
class Balanced:
    """Samples of which as many are dealt of each class.

    Position p stands for the class p mod K, so that an epoch has all classes equally often, give or take one; which of
    its samples is dealt is drawn, each time anew.

    Args:
        whole: all samples.
        members: positions of the samples, class after class, `(m,)`, int64.
        counts: how many of them there are of each class, at least 1, `(classes,)`, int64.
    """

    whole: Source
    members: Tensor
    counts: Tensor

    @property
    def space(self) -> Space:
        """The space of all samples."""
        return self.whole.space

    @property
    def size(self) -> int | None:
        """How many samples there are."""
        return self.whole.size

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """A sample of the class that each position stands for."""
        numbers = positions % len(self.counts)
        drawn = draw.sub("member").on("cpu").uniform(len(positions)).double()
        places = (self.counts.cumsum(0) - self.counts)[numbers] + (drawn * self.counts[numbers]).long()
        return self.whole.batch(self.members[places], draw)


def balanced(source: Source, draw: Draw) -> Balanced:
    """The same samples, of each class as many.

    Raises:
        UserError: they have no labels of their own, are read from shards in an order of their own, or a class has none.
    """
    if isinstance(source, Ordered):
        raise UserError("Data that is streamed is read shard by shard and cannot be balanced: leave --balanced out.")
    labels = labels_of(source)
    counts = torch.bincount(labels, minlength=len(source.space.classes))
    for name, found in zip(source.space.classes, counts.tolist(), strict=True):
        if not found:
            raise UserError(f"Class {name!r} has no training samples, so it cannot be as frequent as the others.")
    return Balanced(source, labels.argsort(stable=True), counts)
