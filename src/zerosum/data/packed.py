"""Sources that gather batches of stored samples by position.

A batch is one index operation on the stored array, one transfer to the device, and there scaling to [0, 1],
variation, and encoding to network values, all at once for the whole batch.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zerosum.data.augmentation import Variation
from zerosum.data.core import Batch, Source
from zerosum.data.options import DataOptions
from zerosum.draw import Draw
from zerosum.spaces import Images, Space

LEVELS = {torch.uint8: 255, torch.uint16: 65535}
"""What values of an image type are divided by; float32 is in [0, 1] as it is."""
MEASURED_FROM = 5_000
"""Mean and deviation are those of at most so many training samples, evenly spaced."""
_AT_ONCE = 250


def vary(stored: Tensor, variations: tuple[Variation, ...], draw: Draw) -> Tensor:
    """Samples in their own type -> values in [0, 1] (points: as they are), varied, float32."""
    levels = LEVELS.get(stored.dtype)
    unit = stored if levels is None else stored.float().div_(levels)
    for variation in variations:
        unit = variation(unit, draw)
    return unit


def gathered(values: Tensor, rows: Tensor, device: torch.device) -> Tensor:
    """Rows of stored values on a device; a GPU fetches them by itself, from pinned memory, and the program goes on."""
    room = torch.empty(len(rows), *values.shape[1:], dtype=values.dtype, pin_memory=device.type == "cuda")
    return torch.index_select(values, 0, rows, out=room).to(device, non_blocking=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class PackedSource:
    """Stored samples, of which some rows belong to this split.

    Args:
        space: of the batches.
        values: all stored samples, `(m, *stored shape)`; may be a memory map.
        rows: which of them belong to this split, `(size,)`, int64.
        labels: of all stored samples, `(m,)`, int64.
        variations: what happens to values in [0, 1] on the device, in this order.
    """

    space: Space
    values: Tensor
    rows: Tensor
    labels: Tensor | None = None
    variations: tuple[Variation, ...] = ()

    @property
    def size(self) -> int:
        """How many samples this split has."""
        return len(self.rows)

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """The samples at `positions` of this split, on `draw.device`."""
        rows = self.rows.index_select(0, positions)
        stored = gathered(self.values, rows, draw.device)
        real = self.space.encode(vary(stored, self.variations, draw))
        if self.labels is None:
            return Batch(real)
        return Batch(real, gathered(self.labels, rows, draw.device))


@dataclass(frozen=True, eq=False)
class PairedSource:
    """Two domains in step: row for row the same object, varied in the same way.

    A batch has the first domain as `condition`, the second as `real`, and the label of the object.
    """

    condition: PackedSource
    real: PackedSource

    @property
    def space(self) -> Space:
        """The space of both domains."""
        return self.real.space

    @property
    def size(self) -> int:
        """How many pairs there are."""
        return self.condition.size

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """The pairs at `positions`."""
        given = self.condition.batch(positions, draw.sub("pair"))  # one key twice: the same variation
        wanted = self.real.batch(positions, draw.sub("pair"))
        return Batch(wanted.real, given.label, condition=given.real)


@dataclass(frozen=True, eq=False)
class UnpairedSource:
    """Two domains whose samples do not belong together: `real` is drawn at random, whatever `condition` is.

    The label of a batch belongs to `condition`.
    """

    condition: PackedSource
    real: PackedSource

    @property
    def space(self) -> Space:
        """The space of both domains."""
        return self.real.space

    @property
    def size(self) -> int:
        """How many samples the first domain has."""
        return self.condition.size

    def batch(self, positions: Tensor, draw: Draw) -> Batch:
        """The first domain at `positions`, and as many samples of the second."""
        given = self.condition.batch(positions, draw.sub("condition"))
        elsewhere = draw.sub("positions").on("cpu").integers(self.real.size, len(positions))
        wanted = self.real.batch(elsewhere, draw.sub("real"))
        return Batch(wanted.real, given.label, condition=given.real)


def image_space(shape: tuple[int, ...], options: DataOptions, plain: Source, classes: tuple[str, ...] = ()) -> Images:
    """The space that `options` ask for.

    Args:
        shape: of one image, `(channels, height, width)`.
        options: `preprocessing` is what matters.
        plain: the training images in [0, 1]; measured where mean and deviation are needed.
        classes: names of the classes.
    """
    space = Images(shape, classes=classes, preprocessing=options.preprocessing)
    if options.preprocessing != "standardised":
        return space
    mean, std = measure(plain)
    return replace(space, mean=mean, std=std)


def measure(plain: Source) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation a channel; a deviation is at least one level of 8 bits, lest it divide by 0."""
    count = min(plain.size or MEASURED_FROM, MEASURED_FROM)
    positions = torch.linspace(0, (plain.size or count) - 1, count, dtype=torch.float64).long()
    draw = Draw("measure")
    moments = []
    for part in torch.split(positions, _AT_ONCE):
        values = plain.batch(part, draw).real.double()
        moments.append(torch.stack([values.sum((0, 2, 3)), values.square().sum((0, 2, 3))]))
    first, second = torch.stack(moments).sum(0) / (count * plain.space.shape[1] * plain.space.shape[2])
    std = (second - first.square()).clamp_min(0).sqrt().clamp_min(1 / 255)
    return tuple(first.tolist()), tuple(std.tolist())
