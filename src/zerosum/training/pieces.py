"""A batch worked on in pieces, one after the other: gradient accumulation, for batches that do not fit the memory.

Losses are means over the batch, so what pieces of one size come to is averaged. Randomness is drawn for the whole batch
and sliced, as for several processes (`zerosum.draw`), so that each sample meets the numbers that it would have met.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace

from torch import Tensor

from zerosum.data.core import Batch
from zerosum.draw import Draw

Found = tuple[list[Tensor | None], dict[str, Tensor]]
"""What a piece comes to: gradients of the movers' parameters, absent ones None, and scalars by name."""


@dataclass
class Pieces:
    """How a process's batch is worked on.

    Attributes:
        size: samples at a time, at most; None: all of them.
    """

    size: int | None = None

    def count(self, n: int) -> int:
        """How many pieces of one size `n` samples are cut into, as few as possible.

        >>> Pieces(24).count(64), Pieces(None).count(64), Pieces(1).count(6)
        (4, 1, 6)
        """
        most = self.size or n
        return next(count for count in range(1, n + 1) if n % count == 0 and n // count <= most)


def cut(batch: Batch, draw: Draw, count: int) -> Iterator[tuple[Batch, Draw]]:
    """The batch of a process in `count` pieces of one size, each with its slice of the randomness."""
    if count == 1:
        yield batch, draw
        return
    n = len(batch) // count
    for index in range(count):
        yield rows(batch, index * n, (index + 1) * n), draw.piece(index, count)


def rows(batch: Batch, start: int, stop: int) -> Batch:
    """Some rows of a batch."""
    found = {entry.name: getattr(batch, entry.name) for entry in fields(batch)}
    return replace(batch, **{name: value[start:stop] for name, value in found.items() if value is not None})


def mean(found: Iterable[Found]) -> Found:
    """The mean of what pieces came to."""
    following = iter(found)
    gradients, values = next(following)
    count = 1
    for more, told in following:
        gradients = [a if b is None else b if a is None else a + b for a, b in zip(gradients, more, strict=True)]
        values = {name: value + told[name] for name, value in values.items()}
        count += 1
    if count == 1:
        return gradients, values
    return [None if g is None else g / count for g in gradients], {name: v / count for name, v in values.items()}
