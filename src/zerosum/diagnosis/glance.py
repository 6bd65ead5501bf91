"""One pass over samples, and what it leaves behind for all tests: a few figures a sample, never the samples.

Samples are looked at as they are stored: augmentation, and whatever else varies from visit to visit, would hide copies.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from zerosum.data import Data, Source
from zerosum.data.packed import PackedSource, PairedSource, UnpairedSource
from zerosum.data.photos import CropSource
from zerosum.data.streamed import StreamedSource
from zerosum.diagnosis.features import plain_features
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.neighbours import copies
from zerosum.spaces import Images, Space

MOST, MOST_VALUES = 50_000, 2**31
"""At most so many samples of a split are looked at, and so many values; of larger splits, evenly spaced ones."""
DRAWN = 2_000
"""Samples that are drawn of what never ends."""
COMPARED = 10_000
"""At most so many samples are held against each other."""
CHUNK_VALUES = 2**22
HASHES = 2


@dataclass(frozen=True, eq=False)
class Glance:
    """What is left of n samples of one split.

    Attributes:
        space: of the samples.
        size: how many there are; None for what is drawn anew at every visit.
        positions: which were looked at, as the user counts them (before the split), `(n,)`, int64.
        features: `(n, d)`, float32, see `plain_features`.
        hashes: of each sample's values, `(n, 2)`, int64: equal for copies, and for others hardly ever.
        lowest, highest: values of each sample, `(n,)`; of images on the scale on which 0 is black and 1 white.
        labels: class numbers `(n,)`, int64, or None.
    """

    space: Space
    size: int | None
    positions: Tensor
    features: Tensor
    hashes: Tensor
    lowest: Tensor
    highest: Tensor
    labels: Tensor | None

    @property
    def n(self) -> int:
        """How many samples were looked at."""
        return len(self.positions)

    @property
    def copies(self) -> Tensor:
        """How many others are the same as each, `(n,)`, int64."""
        return copies(self.hashes)

    @property
    def first(self) -> Tensor:
        """Whether each is no copy of one before it, `(n,)`."""
        _, which = torch.unique(self.hashes, dim=0, return_inverse=True)
        places = torch.arange(self.n)
        earliest = torch.full_like(places, self.n).scatter_reduce(0, which, places, "amin")
        return earliest[which] == places

    def thinned(self, most: int = COMPARED) -> "Glance":
        """At most so many of the samples, evenly spaced."""
        return self if self.n <= most else self.at(evenly(self.n, most))

    def at(self, places: Tensor) -> "Glance":
        """Some of the samples, by numbers or by a mask."""
        kept: dict[str, Any] = {name: value[places] for name, value in tensors(self).items()}
        return replace(self, **kept)


def tensors(seen: Glance) -> dict[str, Tensor]:
    """Whatever has a row a sample, by name."""
    values = {field.name: getattr(seen, field.name) for field in fields(seen)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def domains(data: Data) -> dict[str, tuple[Source, Source]]:
    """What is trained on and what is held out, as stored: by domain, where there are two; else under an empty name."""
    train, held_out = data.train, data.held_out
    if isinstance(train, PairedSource | UnpairedSource) and isinstance(held_out, PairedSource | UnpairedSource):
        return {
            "first domain": (stored(train.condition), stored(held_out.condition)),
            "second domain": (stored(train.real), stored(held_out.real)),
        }
    return {"": (stored(train), stored(held_out))}


def stored(source: Source) -> Source:
    """Without variation; of sources that are not the project's own, as they are."""
    if isinstance(source, PackedSource) and isinstance(source.space, Images):
        shape = tuple(source.values.shape[1:])  # colours may be a variation
        space = Images(shape, classes=source.space.classes, preprocessing="[0,1]")
        return replace(source, space=space, variations=())
    return replace(source, variations=()) if isinstance(source, PackedSource | CropSource | StreamedSource) else source


def glance(source: Source) -> Glance:
    """Look at a split.

    Raises:
        UserError: samples have values that are not finite.
    """
    count, values = source.size or DRAWN, source.space.encode(torch.zeros(1, *source.space.shape)).numel()
    chosen = evenly(count, min(count, MOST, max(2, MOST_VALUES // values)))
    weights = Draw("hashes").integers(2**63 - 1, values, HASHES)
    parts = [look(source, part, weights) for part in torch.split(chosen, max(1, CHUNK_VALUES // values))]
    joined: dict[str, Any] = {name: torch.cat([getattr(part, name) for part in parts]) for name in tensors(parts[0])}
    return replace(parts[0], **joined)


def look(source: Source, positions: Tensor, weights: Tensor) -> Glance:
    """Look at the samples at `positions`, all at once."""
    batch = source.batch(positions, Draw("check", int(positions[0])))
    bad = int((~batch.real.flatten(1).isfinite().all(1)).sum())
    if bad:
        raise UserError(f"{bad} of {len(positions)} samples have values that are not finite numbers.")
    unit = as_unit(source.space, batch.real).flatten(1)
    return Glance(
        space=source.space,
        size=source.size,
        positions=source.rows[positions] if isinstance(source, PackedSource) else positions,
        features=plain_features(source.space, batch.real),
        hashes=hashed(batch.real.flatten(1), weights),
        lowest=unit.amin(1),
        highest=unit.amax(1),
        labels=batch.label,
    )


def evenly(count: int, wanted: int) -> Tensor:
    """`wanted` of the numbers `0 … count-1`, evenly spaced, int64."""
    return torch.arange(wanted) * count // wanted


def as_unit(space: Space, values: Tensor) -> Tensor:
    """Network values -> the scale on which sources store them, not clipped."""
    zero, one = (space.encode(torch.full((1, *space.shape), level)) for level in (0.0, 1.0))
    return (values - zero) / (one - zero)


def hashed(values: Tensor, weights: Tensor) -> Tensor:
    """Multilinear hashes (Carter & Wegman 1979) of the bits of float32 `(n, d)` by `(d, h)`: `(n, h)`, modulo 2^64."""
    bits = (values.float() + 0.0).view(torch.int32).long()  # + 0 makes of -0, which is the same value, 0
    return torch.stack([(bits * weight).sum(1) for weight in weights.T], dim=1)
