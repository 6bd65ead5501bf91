"""Which real samples and which randomness a move sees: functions of the run's seed and the round alone."""

from collections import OrderedDict

import torch
from torch import Tensor

from zerosum.data.core import Batch, Ordered, Source
from zerosum.draw import Draw
from zerosum.games import Phase

MEMORY = 8  # permutations kept; two epochs of four streams
AHEAD = 4  # batches of a stream that are read ahead, at most


class Dealer:
    """Deals batches and draws.

    A stream goes through the source in random order, without repetition within an epoch. The samples of round r are
    at places `r * batch_size …` of that endless order, whether or not the rounds before were played.

    Args:
        source: of real samples.
        batch_size: over all processes.
        seed: of the run.
        device: where batches are wanted.
        rank, world: this process, and how many there are.
    """

    def __init__(
        self, source: Source, *, batch_size: int, seed: int, device: torch.device, rank: int = 0, world: int = 1
    ) -> None:
        self.source = source
        self.ordered = source if isinstance(source, Ordered) else None
        self.batch_size = batch_size
        self.local = batch_size // world
        self.root = Draw(seed, device=device, rank=rank, world=world)
        self._epochs: OrderedDict[tuple[str, int, int], Tensor] = OrderedDict()

    def deal(self, phase: Phase, round_index: int, repeat: int) -> tuple[Batch, Draw]:
        """The batch of this process and the draw for one move."""
        stream = phase.stream or phase.name
        draw = self.root.sub("move", stream, round_index, repeat)
        place = round_index * self.batch_size + draw.rank * self.local
        batch = self.source.batch(self._positions(stream, repeat, place), draw.sub("data"))
        if self.ordered is not None:
            self._read_ahead(self.ordered, stream, repeat, place, phase.every * self.batch_size)
        return batch, draw

    def _read_ahead(self, source: Ordered, stream: str, repeat: int, place: int, step: int) -> None:
        """Tell the source what a stream will ask for next, as far as there is room for it."""
        for later in range(place + step, place + (AHEAD + 1) * step, step):
            if not source.expect(self._positions(stream, repeat, later)):
                return

    def _positions(self, stream: str, repeat: int, start: int) -> Tensor:
        """The samples at places `start … start + local` of a stream's endless order."""
        size = self.source.size
        if size is None:
            return torch.arange(start, start + self.local)
        parts, wanted = [], self.local
        while wanted:
            epoch, offset = divmod(start, size)
            part = self._order(stream, repeat, epoch, offset, wanted)
            parts.append(part)
            start, wanted = start + len(part), wanted - len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _order(self, stream: str, repeat: int, epoch: int, start: int, count: int) -> Tensor:
        if self.ordered is not None:
            order = self.root.sub("order", epoch)
            return self.ordered.order(order, order.sub(stream, repeat), start, count)
        return self._epoch(stream, repeat, epoch)[start : start + count]

    def _epoch(self, stream: str, repeat: int, epoch: int) -> Tensor:
        key = (stream, repeat, epoch)
        if key not in self._epochs:
            assert self.source.size is not None
            self._epochs[key] = self.root.sub("order", *key).on("cpu").permutation(self.source.size)
            while len(self._epochs) > MEMORY:
                self._epochs.popitem(last=False)
        self._epochs.move_to_end(key)
        return self._epochs[key]
