"""Networks that grow: at first they make and judge small images, then level by level larger ones (Karras 2018).

How far they have grown is a number g from 0 (the base of the pyramid) to its `levels` (full size). At a whole number
the level of that number is the finest. In between, the next level is faded in with weight α = g - ⌊g⌋: the picture, or
what the critic makes of it, is (1 - α) that of the level below plus α that of the level above (figure 2).

Images have the full size all the time: what is smaller is made larger by repeating pixels, and smaller by averaging
them, which takes it back exactly.

g is a buffer: it is saved with the weights, averaged networks have it, and samples are made at the size at which the
training was. In a move it is given by `at`, so that nobody needs to ask the device for it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stage(NamedTuple):
    """How far a network has grown.

    Attributes:
        level: ⌊g⌋.
        fading: whether g is no whole number.
        alpha: weight of the level above, a number or a tensor `()`; of no use unless `fading`.
    """

    level: int
    fading: bool
    alpha: float | Tensor

    @property
    def top(self) -> int:
        """The finest level there is."""
        return self.level + self.fading

    def mix(self, below: Tensor, above: Tensor) -> Tensor:
        """(1 - α) below + α above."""
        return below + (above - below) * self.alpha


def stage(growth: Any) -> Stage:
    """The stage of a g: a number, or what stands for one where a move is compiled."""
    level = int(growth)
    return Stage(level, growth > level, growth * 1.0 - level)


class Growing(nn.Module):
    """A network with a size of its own at every time.

    Args:
        levels: at full size, which it has until it is told otherwise.
    """

    growth: Tensor

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("growth", torch.tensor(float(levels)))
        self._stage: Stage | None = None

    @contextmanager
    def at(self, growth: Any) -> Iterator[Stage]:
        """Have grown as far as `growth`, a g, while the context lasts, and until the next one outside of training."""
        self._stage = stage(growth)
        with torch.no_grad():
            self.growth.fill_(growth * 1.0)
        try:
            yield self._stage
        finally:
            self._stage = None

    def stage(self) -> Stage:
        """How far it has grown."""
        return self._stage or stage(float(self.growth))


def enlarged(x: Tensor, times: int = 1) -> Tensor:
    """Images doubled so many times by repeating pixels, `(n, c, h, w) -> (n, c, 2ᵗ h, 2ᵗ w)`."""
    return F.interpolate(x, scale_factor=2.0**times, mode="nearest") if times else x


def reduced(x: Tensor, times: int = 1) -> Tensor:
    """Images halved so many times by averaging pixels, `(n, c, 2ᵗ h, 2ᵗ w) -> (n, c, h, w)`."""
    return F.avg_pool2d(x, 2**times) if times else x


def faded(x: Tensor, stage: Stage, levels: int) -> Tensor:
    """Images of full size, as fine as a network of that stage makes them, again of full size."""
    fine = reduced(x, levels - stage.top)
    if stage.fading:
        fine = stage.mix(enlarged(reduced(fine)), fine)
    return enlarged(fine, levels - stage.top)


def upwards(
    x: Tensor,
    stage: Stage,
    blocks: Sequence[Callable[[Tensor], Tensor]],
    pictures: Sequence[Callable[[Tensor], Tensor]],
) -> Tensor:
    """Pictures of full size from the features `x` of the base.

    Args:
        x: `(n, c, h0, w0)`.
        stage: how far to go.
        blocks: of level 1, 2 …: features of the level below to those of its own.
        pictures: of level 0, 1 …: features to pictures of the same size.
    """
    for block in blocks[: stage.level]:
        x = block(x)
    picture = pictures[stage.level](x)
    if stage.fading:
        picture = stage.mix(enlarged(picture), pictures[stage.top](blocks[stage.level](x)))
    return enlarged(picture, len(blocks) - stage.top)


def downwards(
    x: Tensor,
    stage: Stage,
    blocks: Sequence[Callable[[Tensor], Tensor]],
    views: Sequence[Callable[[Tensor], Tensor]],
) -> Tensor:
    """Features of the base from pictures `x` of full size; `views` of level 0, 1 … make features of pictures."""
    x = reduced(x, len(blocks) - stage.top)
    features = views[stage.top](x)
    if stage.fading:
        features = stage.mix(views[stage.level](reduced(x)), blocks[stage.level](features))
    for block in reversed(blocks[: stage.level]):
        features = block(features)
    return features
