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
        classes: positions of the samples of each class, `(m,)`, int64.
    """

    whole: Source
    classes: tuple[Tensor, ...]

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
        numbers = positions % len(self.classes)
        counts = torch.tensor([len(members) for members in self.classes])[numbers]
        drawn = draw.sub("member").on("cpu").uniform(len(positions)).double()
        places = (drawn * counts).long()
        chosen = [self.classes[number][place] for number, place in zip(numbers.tolist(), places.tolist(), strict=True)]
        return self.whole.batch(torch.stack(chosen), draw)


def balanced(source: Source, draw: Draw) -> Balanced:
    """The same samples, of each class as many.

    Raises:
        UserError: they have no labels of their own, are read from shards in an order of their own, or a class has none.
    """
    if isinstance(source, Ordered):
        raise UserError("Data that is streamed is read shard by shard and cannot be balanced: leave --balanced out.")
    labels = labels_of(source)
    members = tuple((labels == number).nonzero().flatten() for number in range(len(source.space.classes)))
    for name, found in zip(source.space.classes, members, strict=True):
        if not len(found):
            raise UserError(f"Class {name!r} has no training samples, so it cannot be as frequent as the others.")
    return Balanced(source, members)
