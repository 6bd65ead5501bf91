"""Where real samples come from: sources that give batches by position, never by hidden state."""

from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from zerosum.draw import Draw
from zerosum.spaces import Space


@dataclass(frozen=True)
class Batch:
    """Tensors that belong together, one row a sample.

    Attributes:
        real: samples of the space, `(n, *shape)`, float32 in the space's value range.
        label: class numbers, `(n,)`, int64.
        condition: what a sample is made from (a picture of the other domain …), `(n, …)`, float32.
        code: numbers of the codes that are asked for, `(n,)`, int64; real samples have none.
    """

    real: Tensor
    label: Tensor | None = None
    condition: Tensor | None = None
    code: Tensor | None = None

    def __len__(self) -> int:
        return len(self.real)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on `device`."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in moved.items() if value is not None})


class Source(Protocol):
    """Real samples of one split.

    Attributes:
        space: what one sample is.
        size: how many samples there are; None for a density, which never ends.
    """

    @property
    def space(self) -> Space:
        """What one sample is."""
        ...

    @property
    def size(self) -> int | None:
        """How many samples there are."""
        ...

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """The samples at `positions` (int64, on the CPU; a density uses only how many) as a batch on `draw.device`.

        Whatever varies between two visits of a position (augmentation, a density's noise) comes from `draw`.
        """
        ...


@runtime_checkable
class Ordered(Protocol):
    """What a source has besides when not every order of its samples costs the same: one of its own, and foresight."""

    def order(self, epoch: Draw, stream: Draw, start: int, count: int) -> Tensor:
        """The positions at places `start … start + count` of an epoch, or as many as it has left, int64.

        An epoch has every position once. What is near in one `stream` of an `epoch` is near in all others.
        """
        ...

    def expect(self, positions: Tensor) -> bool:
        """Begin to read what will soon be asked for; whether there is room for it. No batch depends on it."""
        ...


@dataclass(frozen=True)
class Data:
    """A named set of real samples with a fixed split.

    Attributes:
        name: as the user gave it (`digits`, a path …).
        train: what games are trained on.
        held_out: what is never trained on; judges and metrics use only this.
        fingerprint: a hash of content and options; a run refuses to resume on other data.
    """

    name: str
    train: Source
    held_out: Source
    fingerprint: str

    @property
    def space(self) -> Space:
        """The space of both splits."""
        return self.train.space
