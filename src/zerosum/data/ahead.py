"""Batches that are read in the background before they are asked for, in a bounded number of samples.

Which batch is read when decides nothing: a batch that nobody expected is read when it is asked for.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import torch
from torch import Tensor

PART = 16
"""Samples that one thread decodes at a time."""


@dataclass
class Rows:
    """A batch that is being read.

    Attributes:
        values: `(n, channels, height, width)`, filled bit by bit.
        labels: `(n,)`, int64, the same.
        parts: the reading.
        used: whether somebody has had it.
    """

    values: Tensor
    labels: Tensor
    parts: "list[Future[None]]"
    used: bool = False

    def finished(self) -> tuple[Tensor, Tensor]:
        """Values and labels, as soon as all of them are there."""
        self.used = True
        for part in self.parts:
            part.result()
        return self.values, self.labels

    def drop(self) -> None:
        """Read no further; nobody writes here any more."""
        for part in self.parts:
            part.cancel()
        wait(self.parts)


class Ahead:
    """Reads batches in threads.

    Args:
        read: a sample's position -> the picture, `(channels, height, width)`, and its class number.
        blank: `n` -> room for so many pictures.
        room: samples that are held, at most (but one batch always is, however large).
    """

    def __init__(self, read: Callable[[int], tuple[Tensor, int]], blank: Callable[[int], Tensor], room: int) -> None:
        self.read, self.blank, self.room = read, blank, room
        self._pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="zerosum-read")
        self._batches: OrderedDict[bytes, Rows] = OrderedDict()

    @property
    def held(self) -> int:
        """Samples that are in memory, or will be."""
        return sum(len(rows.values) for rows in self._batches.values())

    def take(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures and class numbers of the samples at `positions`; they stay this object's own."""
        key = positions.numpy().tobytes()
        if key not in self._batches:
            self._make_room(len(positions), [*self._used(), *self._batches])
            self._begin(key, positions)
        return self._batches[key].finished()

    def expect(self, positions: Tensor) -> bool:
        """Begin to read what will be asked for, unless there is no room; whether there is."""
        key = positions.numpy().tobytes()
        if key in self._batches:
            return True
        unused = sum(len(rows.values) for rows in self._batches.values() if not rows.used)
        if unused + len(positions) > self.room:
            return False
        self._make_room(len(positions), self._used())
        self._begin(key, positions)
        return True

    def _used(self) -> Iterator[bytes]:
        return (key for key, rows in list(self._batches.items()) if rows.used)

    def _make_room(self, n: int, dispensable: "Iterator[bytes] | list[bytes]") -> None:
        for key in dispensable:
            if self.held + n <= self.room:
                return
            if rows := self._batches.pop(key, None):
                rows.drop()

    def _begin(self, key: bytes, positions: Tensor) -> None:
        rows = Rows(self.blank(len(positions)), torch.zeros(len(positions), dtype=torch.int64), [])
        places = positions.tolist()
        self._batches[key] = rows
        rows.parts += [
            self._pool.submit(self._fill, rows, start, places[start : start + PART])
            for start in range(0, len(places), PART)
        ]

    def _fill(self, rows: Rows, start: int, places: list[int]) -> None:
        for row, place in enumerate(places, start):
            rows.values[row], rows.labels[row] = self.read(place)
